/*
 * Sweep: what becomes of jobs that nobody asks for any more. Safe to be run by several at once.
 */
#ifndef SLUICE_JOB_JOB_SWEEP_H
#define SLUICE_JOB_JOB_SWEEP_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

struct metadata;

/* 1: this session is the one that sweeps, until job_sweep_done, or it ends; 0: another is at it. */
int job_sweep_alone(struct metadata *m, struct err *e);

/* The next may sweep at once: that a session has ended the server may notice late. */
void job_sweep_done(struct metadata *m);

struct job_left {
	int64_t waiting;  /* jobs that a worker might take now */
	int64_t for_long; /* of these, and of runs of schedules, those due for an hour in which no worker was at work; 0: one was */
};

/* What waits for workers, by which it is seen that there are none. */
int job_count_left(struct metadata *m, struct job_left *left, struct err *e);

/* *n: exports that should have been swept a day ago, by which it is seen that nobody sweeps. */
int job_count_unswept(struct metadata *m, int64_t *n, struct err *e);

/* The problem object of a job whose last worker was lost. */
void job_put_lost(struct buf *b);

/* End the leases that have passed, as a claim does: for a site whose workers are all gone. *n: how many. */
int job_end_leases(struct metadata *m, int64_t *n, struct err *e);

typedef void job_take_id(void *to, const char *id);

/* Jobs whose time is up are expired, and take gets each id, whose files are then to be removed. (Those of one that crashes before it
 * has done so belong to no job of job_list_kept.) *n: how many. One that runs is left until it has ended. */
int job_expire(struct metadata *m, job_take_id *take, void *to, int64_t *n, struct err *e);

/* take gets the id of each job that has files, or may be making some. Directories must be listed before, not after: what is
 * made in between would look like litter. */
int job_list_kept(struct metadata *m, job_take_id *take, void *to, struct err *e);

/* Remove all jobs of a subject, or of a tenant; one of them is NULL. Those that wait or run are canceled too. *n: how many. */
int job_remove_all(
	struct metadata *m, const char *subject, const char *tenant, int64_t *n, struct err *e);

/* take gets the id of each job that was removed and does not run, or has ended so long ago with nothing to show for it: whatever
 * files it has are to be removed. What its last worker, should it wake up once more, writes there is refused by its fence. */
int job_list_removed(
	struct metadata *m, int64_t settled_s, job_take_id *take, void *to, struct err *e);

/* Forget jobs that were removed, or have expired, so long ago. *n: how many. */
int job_purge(struct metadata *m, int64_t after_s, int64_t *n, struct err *e);

#endif
