/*
 * Jobs, as the API has them: made, shown, listed, canceled, removed. The worker's side is job_queue.h; the rules are those of
 * etc/schema/0005_jobs.sql.
 *
 * Ids are UUIDs, which the caller has checked (uuid_valid). `subject` is whose job it must be; NULL: anybody's (an
 * admin asks). Every call sets ERR_UNAVAILABLE when the metadata database cannot be reached. What was made, canceled or removed
 * survives a crash of its server.
 */
#ifndef SLUICE_JOB_JOB_STORE_H
#define SLUICE_JOB_JOB_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"
#include "lib/job/job_state.h"

struct metadata;

struct job_wanted {
	const char *subject;
	const char *tenant;     /* NULL: none */
	const char *principal;  /* JSON: subject, issuer, claims */
	const char *request;    /* JSON, as the API shows it */
	const char *payload;    /* SHA-256 of the request and the rights, 64 hexadecimal digits */
	const char *key;        /* Idempotency-Key; NULL: none */
	int64_t estimated_rows; /* -1: not known */
	int64_t keep_s;         /* until it expires */
	bool is_direct; /* to be run by job_claim of its id, however often; never by a worker */
};

/* Make a job, queued, and tell the workers: 1, with its id. 0: the id is that of the job that stands for it:
 *
 *	with a key     which the subject has used for the same payload, however that job ended, until it is removed or expires
 *	without        of the same payload and subject, made within the last hour and not failed, canceled or expired;
 *	               none stands for a direct one
 *
 * -1: ERR_BAD_REQUEST when the key is not 1 to 255 bytes; ERR_UNPROCESSABLE when it was used for another payload; ERR_CONFLICT
 * when another request of the subject was still at it after 3 s. Of many at once one makes the job, the others find it. */
int job_create(struct metadata *m, const struct job_wanted *w, char id[UUID_TEXT], struct err *e);

/* Append the job as a JSON object; *state is the state it shows. ERR_NOT_FOUND when there is none, or it was removed. */
int job_read(struct metadata *m, const char *id, const char *subject, struct buf *json,
	enum job_state *state, struct err *e);

struct job_list {
	const char *subject;
	enum job_state state; /* JOB_STATES_N: any */
	const char *schedule; /* the id of the one that has made them; NULL: any, or none */
	const char *token;    /* nextPageToken of the page before; NULL: the first page */
	int limit;            /* most in a page */
};

/* Append {"exports":[…],"nextPageToken":…}, newest first; no token: there are no more. What is made while somebody pages
 * through shifts nothing. ERR_BAD_REQUEST when the token is none. */
int job_list(struct metadata *m, const struct job_list *l, struct buf *json, struct err *e);

enum job_removal {
	JOB_WAS_CANCELED, /* it waited, and will not be run */
	JOB_IS_CANCELING, /* it runs: its worker has been told */
	JOB_WAS_REMOVED   /* it had ended, is not shown any more, and its files are to be removed */
};

int job_remove(struct metadata *m, const char *id, const char *subject, enum job_removal *what,
	struct err *e);

#endif
