/*
 * Queue: jobs as a worker has them. It claims one at a time, tells how far it is while it runs, and says how it ended, all under
 * a lease: jobs.lease long, renewed by each job_beat, and numbered by a fence.
 *
 * Every call with a lease sets ERR_CONFLICT when it is no longer held: it has passed, or another worker has the job, or its owner
 * has canceled it meanwhile. Nothing was changed then. What the worker has made it drops, but only what bears its fence: another holder may be
 * at work beside it. A lease that has passed is not had again, even if nobody else has claimed the job.
 *
 * Turns: the tenant (or the subject of none) with the fewest running jobs comes first, and of that tenant the oldest job; no tenant has
 * more running than limits.jobs. A job is tried JOB_ATTEMPTS times, and a lease that was lost counts as one.
 */
#ifndef SLUICE_JOB_JOB_QUEUE_H
#define SLUICE_JOB_JOB_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"
#include "lib/base/settings.h"
#include "lib/job/job_state.h"

#define JOB_ATTEMPTS 3 /* a macro, since it stands in SQL */

struct metadata;
struct job_queue;

/* worker: HOST:PID. To be called before m is first used: m is made to listen. All must outlive it. */
struct job_queue *job_queue_open(struct metadata *m, const struct settings *s, const char *worker);

/* The same without listening, for who claims direct jobs alone: m may be in use. What is canceled only job_beat tells. */
struct job_queue *job_queue_open_direct(
	struct metadata *m, const struct settings *s, const char *worker);
void job_queue_close(struct job_queue *q);

struct job_lease {
	char id[UUID_TEXT];
	char fence[24]; /* decimal */
};

struct job_claimed { /* strings in the arena; NULL where there is none */
	struct job_lease lease;
	const char *subject;
	const char *tenant;
	const char *principal;  /* JSON, as created */
	const char *request;    /* JSON, as created */
	const char *snapshot;   /* of the attempt before */
	int attempt;            /* from 1 */
	int64_t estimated_rows; /* -1: not known */
};

/* 1: *c is to be run. 0: there is nothing to do now. only: the id of a direct job, claimed whoever's turn it is, as often as
 * it is asked for while it is not being run, canceled, removed or past its time; NULL: any that is not direct. Ends leases that have
 * passed first (notes of their jobs say so). */
int job_claim(struct job_queue *q, const char *only, struct arena *a, struct job_claimed *c,
	struct err *e);

/* Wait until there may be something to claim, timeout_ms at most, or until a signal comes. Returns at once for what was told since
 * the last claim, and in time for a job that is to be tried again or a lease that passes. A job that waits because it was
 * locked for a moment is not told of: claim again now and then. 0; -1, after a second, while the database is lost. */
int job_wait(struct job_queue *q, int timeout_ms, struct err *e);

/* Whether the owner of the job claimed last was heard to cancel it; asks nobody, and so may be called between batches. What is not
 * heard (a session was lost) is told by job_beat. */
bool job_heard_cancel(struct job_queue *q);

struct job_progress {
	uint64_t rows, bytes;
	int64_t estimated_rows; /* -1: as known before */
};

/* Renew the lease. *cancel: the owner wants it canceled; the worker stops and ends it as JOB_CANCELED. */
int job_beat(struct job_queue *q, const struct job_lease *l, const struct job_progress *p,
	bool *cancel, struct err *e);

/* Text for the owner, kept with the job: no host names, SQL or values. */
int job_note(struct job_queue *q, const struct job_lease *l, const char *text, struct err *e);

struct job_part {
	int n;                    /* from 1, in the order of the key */
	const char *first, *last; /* the range of the key; NULL: none */
	int64_t rows, bytes;
	const char *sha256; /* 64 hexadecimal digits */
};

/* Note the snapshot that parts are read under from now on; parts of another are forgotten. */
int job_set_snapshot(
	struct job_queue *q, const struct job_lease *l, const char *snapshot, struct err *e);

/* Commit a part whose bytes are safe on disk; in place of one of the same number. */
int job_put_part(
	struct job_queue *q, const struct job_lease *l, const struct job_part *p, struct err *e);

/* The job's parts as a JSON array, by number: n, first, last, rows, bytes, sha256. Whoever's lease it is. */
int job_read_parts(struct job_queue *q, const char *id, struct buf *json, struct err *e);

struct job_file {
	const char *name; /* as downloaded */
	const char *path; /* below stage.dir */
	const char *media;
	int64_t bytes;
	const char *sha256; /* 64 hexadecimal digits */
};

struct job_end {
	enum job_state
		state; /* JOB_SUCCEEDED, JOB_FAILED, JOB_CANCELED; JOB_QUEUED: try it again */
	const struct err *err; /* of JOB_FAILED, and of JOB_QUEUED: why */
	uint64_t rows, bytes;
	const char *fingerprint;      /* of the schema; NULL: not known */
	const char *lossy;            /* JSON: names of columns; NULL: not known */
	const char *next_cursor;      /* of JOB_SUCCEEDED; NULL: it is no increment */
	const char *rights;           /* JSON, as job_download.h has it; NULL: not known */
	const struct job_file *files; /* of JOB_SUCCEEDED, numbered from 1 */
	size_t files_n;
};

/* Give the lease back, with all of it in one transaction. *became: what the job is now. That is JOB_CANCELED, whatever was wanted, when
 * its owner had canceled it: files are to be removed. To be tried again is JOB_FAILED after the last attempt, or of a direct
 * job; else the job waits for 5 s times 2 to the power of the attempt, a quarter more or less. JOB_QUEUED without an err: the worker
 * is being stopped; the attempt does not count, and the job can be had at once.
 *
 * After ERR_UNAVAILABLE nobody knows whether it was done: files stay where they are, for the next holder or the sweeper. A
 * job_end of JOB_SUCCEEDED that was done may be said again. */
int job_end(struct job_queue *q, const struct job_lease *l, const struct job_end *end,
	enum job_state *became, struct err *e);

#endif
