/*
 * Runs of schedules: what is due becomes a job, of which of many workers one makes it.
 *
 * A run that was missed, because no worker was there, is made late, and once, however many were. One that is due while the run
 * before has not ended is skipped, which the schedule's notes say. A schedule whose owner has not renewed it for
 * schedules.renew_within, or whose cron expression or time zone are no longer known, is disabled, which they say too. What
 * else is wrong with it by now, such as rights that its owner has lost, is for the job to find.
 */
#ifndef SLUICE_JOB_SCHEDULE_RUN_H
#define SLUICE_JOB_SCHEDULE_RUN_H

#include "lib/base/err.h"
#include "lib/base/random.h"
#include "lib/base/settings.h"

struct metadata;

/* Make all that are due. *wait_ms becomes the time until the next is, where that is sooner. No zone may be open. */
int schedule_run_due(struct metadata *m, const struct settings *s, int *wait_ms, struct err *e);

/* Make a run now, whatever is due. job: its id. ERR_NOT_FOUND: the subject has no such schedule. ERR_CONFLICT: the run before has not
 * ended, or the schedule must be renewed first. */
int schedule_run_now(struct metadata *m, const struct settings *s, const char *id,
	const char *subject, char job[UUID_TEXT], struct err *e);

#endif
