/*
 * Time: a monotonic clock for durations, the wall clock for what people read (RFC 3339, UTC).
 */
#ifndef SLUICE_BASE_CLOCK_H
#define SLUICE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_monotonic_us(void);
int64_t clock_wall_us(void); /* since 1970-01-01T00:00:00Z */

/* "2026-01-02T03:04:05.678Z" (24 bytes and a NUL) into out, which holds at least CLOCK_TEXT bytes. */
enum { CLOCK_TEXT = 32 };
void clock_rfc3339(int64_t wall_us, char out[CLOCK_TEXT]);

#endif
