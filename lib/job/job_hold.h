/*
 * Hold: a lease, kept while its job is worked on. While the metadata database cannot be reached the work goes on for as long as
 * the lease lasts.
 */
#ifndef SLUICE_JOB_JOB_HOLD_H
#define SLUICE_JOB_JOB_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/settings.h"
#include "lib/job/job_queue.h"

struct job_hold {
	struct job_queue *queue; /* borrowed, as the lease is */
	const struct job_lease *lease;
	int64_t lease_us;   /* its length */
	int64_t renewed_us; /* monotonic, just before it was last renewed */
	int64_t tried_us;   /* monotonic, when that was last tried */
};

/* To be called when the job has just been claimed. */
void job_hold_begin(struct job_hold *h, const struct settings *s, struct job_queue *q,
	const struct job_lease *l);

/* Monotonic, in microseconds: nobody else has the job before then. */
int64_t job_hold_until(const struct job_hold *h);

/* Whether it is time for job_hold_beat. */
bool job_hold_is_due(const struct job_hold *h);

/* As job_beat, but a database that is lost is no failure while the lease lasts. */
int job_hold_beat(struct job_hold *h, const struct job_progress *p, bool *cancel, struct err *e);

/* After a call of job_queue.h's has failed: whether to make it again, told after a moment. */
bool job_hold_again(const struct job_hold *h, const struct err *e);

#endif
