/*
 * Schedule store: what is kept about saved exports (etc/schema/0008_schedules.sql). Their runs are made by schedule_run.h.
 *
 * Ids are UUIDs, which the caller has checked. `subject` is whose schedule it must be; NULL: anybody's (an admin asks). Every
 * call sets ERR_UNAVAILABLE when the metadata database cannot be reached. What was made, changed or removed survives a crash of
 * its server.
 */
#ifndef SLUICE_JOB_SCHEDULE_STORE_H
#define SLUICE_JOB_SCHEDULE_STORE_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"
#include "lib/job/schedule_request.h"

struct metadata;

struct schedule_wanted {
	const struct schedule_request *request;
	bool from_start; /* a change: increments begin anew */
	int64_t next_s;  /* when it is due, since 1970 */
	const char *subject;
	const char *tenant;    /* NULL: none */
	const char *principal; /* JSON, as of a job; NULL, in a change: as it was, the tenant too */
};

/* ERR_UNPROCESSABLE when the subject has `most` already. */
int schedule_create(struct metadata *m, const struct schedule_wanted *w, int64_t most,
	char id[UUID_TEXT], struct err *e);

/* Append the schedule as a JSON object; renew_s: how long what is kept of its owner is good for, 0: for ever. ERR_NOT_FOUND. */
int schedule_read(struct metadata *m, const char *id, const char *subject, int64_t renew_s,
	struct buf *json, struct err *e);

struct schedule_list {
	const char *subject;
	int64_t renew_s;
	const char *token; /* nextPageToken of the page before; NULL: the first page */
	int limit;         /* most in a page */
};

/* Append {"schedules":[…],"nextPageToken":…}, newest first. ERR_BAD_REQUEST when the token is none. */
int schedule_list(
	struct metadata *m, const struct schedule_list *l, struct buf *json, struct err *e);

/* What a change or a run begins with; strings in the arena, NULL where there is none. */
struct schedule {
	char id[UUID_TEXT];
	char revision[24]; /* decimal; a change or a run names it */
	const char *subject;
	const char *principal; /* JSON */
	const char *request;   /* JSON, as schedule_request.h has it */
	const char *cron, *time_zone, *export, *cursor;
	bool increments, enabled;
	bool is_stale; /* its owner has not renewed it in time */
	int64_t now_s; /* by the database's clock, which is the one that it is due by */
};

/* Seconds since 1970, by the same clock: for a schedule that is not there yet. */
int schedule_now(struct metadata *m, int64_t *now_s, struct err *e);

/* ERR_NOT_FOUND. */
int schedule_find(struct metadata *m, struct arena *a, const char *id, const char *subject,
	int64_t renew_s, struct schedule *s, struct err *e);

/* Change it as a whole. next_s counts where when it runs has changed, or it is enabled again. The cursor of increments goes when
 * they are of something else: of another queryDefinition or tenant, or are to begin anew. 0: it is not what was found any
 * more; find it again. */
int schedule_change(struct metadata *m, const struct schedule *s, const struct schedule_wanted *w,
	struct err *e);

/* No more runs, and why. 0: as above. */
int schedule_disable(struct metadata *m, const struct schedule *s, const char *note, struct err *e);

/* Jobs that it has made stay. ERR_NOT_FOUND. */
int schedule_remove(struct metadata *m, const char *id, const char *subject, struct err *e);

/* Of a subject, or of a tenant; one of them is NULL. *n: how many. */
int schedule_remove_all(
	struct metadata *m, const char *subject, const char *tenant, int64_t *n, struct err *e);

/* The one that is due first: 1 when it is due now. 0: none is, *wait_ms until one is, or -1 when there is none. */
int schedule_next_due(struct metadata *m, struct arena *a, int64_t renew_s, struct schedule *s,
	int64_t *wait_ms, struct err *e);

struct schedule_job {
	const char *id;      /* of the job, a new UUID */
	const char *request; /* JSON */
	int64_t keep_s;      /* until it expires */
	int64_t next_s;      /* when the next run is due; 0: as before */
};

enum schedule_made {
	SCHEDULE_MADE,
	SCHEDULE_BUSY, /* the run before has not ended: this one is skipped, and a note says so where it was due */
	SCHEDULE_OTHER /* it is no longer what was found, or somebody is at it */
};

int schedule_make(struct metadata *m, const struct schedule *s, const struct schedule_job *j,
	enum schedule_made *what, struct err *e);

#endif
