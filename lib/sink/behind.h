/*
 * Writes behind: passes bytes on in a thread of its own, so that whoever makes them does not wait for the disk's stalls, nor
 * they for what it makes. At most 4 MiB are on their way; then put waits. What is passed on is 256 KiB from the start of a page
 * (disk_write_direct can take it as it is), and less at the end alone.
 */
#ifndef SLUICE_SINK_BEHIND_H
#define SLUICE_SINK_BEHIND_H

#include "lib/sink/sink.h"

/* Takes `next`, which is freed with it, and which nobody may touch before finish or abort have returned: not even sink_failed reaches
 * it, but what it fails with is this sink's failure at one of the next puts, at the latest at finish. flush passes nothing on. The
 * thread takes no signals. NULL, and next is as before: there is no memory for a thread. */
struct sink *behind_sink_new(struct sink *next, struct err *e);

#endif
