/*
 * Waiting for one descriptor while watching that somebody else is still there.
 */
#ifndef SLUICE_BASE_WAIT_H
#define SLUICE_BASE_WAIT_H

#include <stdint.h>

#include "lib/base/err.h"

enum wait_result { WAIT_TIMEOUT, WAIT_READY, WAIT_HANGUP };

/* Until fd shows `events` (POLLIN, POLLOUT) or an error, the other end of hangup_fd (-1: none) has closed, or
 * timeout_ms (-1: none) have passed. Interruptions by signals are waited through, until the process is overdue to
 * stop (stop.h): then it is as if the other end had hung up. */
enum wait_result wait_fd(int fd, short events, int hangup_fd, int timeout_ms);

/* Whether the other end of hangup_fd has closed, without waiting. */
int wait_hung_up(int hangup_fd);

/* From now on `beat` is called about every so often from within the two above, where they watch somebody and so
 * may wait long; not before that time has passed, and never from within itself. Its -1, with the error, is as if the other
 * end had hung up, and its last call. NULL: none. */
typedef int wait_beat(void *of, struct err *e);
void wait_pulse(int64_t every_us, wait_beat *beat, void *of);

/* What WAIT_HANGUP means: ERR_UNAVAILABLE when the process is overdue to stop, the beat's error where that
 * was it, else ERR_CLIENT_GONE. Returns -1. */
int wait_gave_up(struct err *e);

#endif
