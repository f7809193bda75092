/*
 * Cron: at which minutes something is to be done, told as crontab(5) does, and which one is next.
 *
 * Five fields parted by blanks: minute (0-59), hour (0-23), day of the month (1-31), month (1-12 or
 * jan-dec), day of the week (0-7 or sun-sat; 0 and 7 are Sunday). A field is a list, parted by
 * commas, of *, numbers and ranges; * and ranges may have a step (8-18/2). Or one of @hourly,
 * @daily, @midnight, @weekly, @monthly, @yearly and @annually. As there, where both fields of days
 * are restricted, that is, neither begins with *, a day that either of them names will do.
 *
 * The fields are about what clocks show. A time that clocks skip is due at once behind the gap, and
 * one that they show twice is due the first time. Each instant is due once, however many times led
 * to it.
 */
#ifndef SLUICE_JOB_CRON_H
#define SLUICE_JOB_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

struct zone;

struct cron { /* bit i: at i */
	uint64_t minutes, hours, days, months, weekdays;
	bool any_day, any_weekday; /* begins with * */
};

/* -1 and ERR_BAD_REQUEST, with what is wrong in which field, when the text is none or never comes
 * (30 February). */
int cron_read(struct cron *c, const char *text, struct err *e);

/* The first time that is due after that instant, both in seconds since 1970-01-01T00:00:00Z, not
 * before 1973. zone NULL: UTC. */
int64_t cron_next(const struct cron *c, struct zone *z, int64_t after_s);

#endif
