/*
 * Time zones: how far local time is from UTC at an instant, by the system's database (tzdata;
 * glibc reads it).
 *
 * A zone is a name of that database ("Europe/Berlin"; not "right/..." and "posix/...") or a fixed
 * offset up to 23:59 ("+05:30", "+0530", "+05"). glibc knows one zone a process, so at most one
 * may be open at a time (assert); nothing else in a worker asks for local time.
 */
#ifndef SLUICE_BASE_ZONE_H
#define SLUICE_BASE_ZONE_H

#include <stdint.h>

#include "lib/base/err.h"

struct zone;

/* NULL with ERR_BAD_REQUEST when there is no such zone. */
struct zone *zone_open(const char *name, struct err *e);
void zone_close(struct zone *z);

/* As Arrow has it: the database's name, or an offset as +05:30. Lives as long as the zone. */
const char *zone_name(const struct zone *z);

/* Seconds east of UTC at that many seconds since 1970-01-01T00:00:00Z: what clocks showed. */
int zone_seconds(struct zone *z, int64_t unix_s);

/* In whole minutes, as RFC 3339 has offsets. Where one has seconds (before zones were made), towards
 * minus infinity: beside the clock that belongs to it the instant is still told exactly. */
int zone_minutes(struct zone *z, int64_t unix_s);

#endif
