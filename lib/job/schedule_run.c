#include "lib/job/schedule_run.h"

#include <string.h>

#include "lib/base/log.h"
#include "lib/job/job_request.h"
#include "lib/job/schedule_store.h"

enum {
	SECOND_US = 1000000,
	AGAIN_MS = 100, /* before another look at what somebody else was at */
	TRIES = 3       /* of a run that is asked for, each by what was found anew */
};

static int64_t renew_s(const struct settings *s)
{
	return s->schedules_renew_us / SECOND_US;
}

/* How long the files are kept. A request that can no longer be read fails as a job, where its owner is told why. */
static int64_t keep_s(struct arena *a, const struct settings *s, const char *request)
{
	struct job_request read;
	const char *ignored;
	struct err why;
	int status = job_request_read(a, s, request, strlen(request), &read, &ignored, &why);
	int64_t keep_us = status < 0 ? s->jobs_keep_us : read.keep_us;

	job_request_free(&read);
	return keep_us / SECOND_US;
}

/* next_s: 0: this run was asked for. */
static int make(struct metadata *m, const struct settings *s, struct arena *a,
	const struct schedule *found, int64_t next_s, char id[UUID_TEXT], enum schedule_made *what,
	struct err *e)
{
	const char *since = found->cursor ? found->cursor : "start";
	struct schedule_job job = { .id = id, .next_s = next_s };

	if (schedule_request_run(a, found->export, found->time_zone, found->now_s,
		    found->increments ? since : NULL, &job.request, e) < 0)
		return -1;
	job.keep_s = keep_s(a, s, job.request);
	random_uuid7(id);
	return schedule_make(m, found, &job, what, e);
}

/* ---- what is due */

static void log_due(const struct schedule *s, const char *what, const char *job)
{
	log_begin(LOG_REQUEST, "schedule");
	log_str("id", s->id);
	log_str("sub", s->subject);
	log_str("state", what);
	log_str("job", job);
	log_end();
}

static int disable(struct metadata *m, const struct schedule *s, const char *note, struct err *e)
{
	int done = schedule_disable(m, s, note, e);

	if (done > 0)
		log_due(s, "disabled", NULL);
	return done < 0 ? -1 : 0;
}

static int run(struct metadata *m, const struct settings *s, struct arena *a,
	const struct schedule *due, enum schedule_made *what, struct err *e)
{
	const char *pointer;
	char job[UUID_TEXT];
	int64_t next_s;

	*what = SCHEDULE_MADE;
	if (due->is_stale)
		return disable(m, due, "disabled: its owner has not renewed it in time", e);
	/* By a clock that is behind the database's it would be due again. */
	if (schedule_request_next(due->cron, due->time_zone, due->now_s, &next_s, &pointer, e) < 0)
		return disable(m, due,
			"disabled: its cron expression or time zone is no longer known here", e);
	if (make(m, s, a, due, next_s, job, what, e) < 0)
		return -1;
	if (*what != SCHEDULE_OTHER)
		log_due(due, *what == SCHEDULE_MADE ? "run" : "skipped",
			*what == SCHEDULE_MADE ? job : NULL);
	return 0;
}

int schedule_run_due(struct metadata *m, const struct settings *s, int *wait_ms, struct err *e)
{
	enum schedule_made what = SCHEDULE_MADE;
	int64_t due_ms = -1;
	int due = 1;

	while (due > 0 && what != SCHEDULE_OTHER) {
		struct arena a = { 0 };
		struct schedule found;

		due = schedule_next_due(m, &a, renew_s(s), &found, &due_ms, e);
		if (due > 0 && run(m, s, &a, &found, &what, e) < 0)
			due = -1;
		arena_free(&a);
	}
	if (due < 0)
		return -1;
	if (due > 0)
		due_ms = AGAIN_MS;
	if (due_ms >= 0 && due_ms < *wait_ms)
		*wait_ms = (int)due_ms;
	return 0;
}

/* ---- what is asked for */

static int run_found(struct metadata *m, const struct settings *s, struct arena *a,
	const struct schedule *found, char job[UUID_TEXT], enum schedule_made *what, struct err *e)
{
	if (found->is_stale)
		return err_set(e, ERR_CONFLICT,
			"the rights that were kept of its owner are too old: renew the schedule "
			"by a change, which may be none ({})");
	if (make(m, s, a, found, 0, job, what, e) < 0)
		return -1;
	return *what == SCHEDULE_BUSY ? err_set(e, ERR_CONFLICT, "the run before has not ended")
				      : 0;
}

int schedule_run_now(struct metadata *m, const struct settings *s, const char *id,
	const char *subject, char job[UUID_TEXT], struct err *e)
{
	for (int i = 0; i < TRIES; i++) {
		enum schedule_made what = SCHEDULE_OTHER;
		struct arena a = { 0 };
		struct schedule found;
		int status = schedule_find(m, &a, id, subject, renew_s(s), &found, e);

		if (status == 0)
			status = run_found(m, s, &a, &found, job, &what, e);
		arena_free(&a);
		if (status < 0 || what == SCHEDULE_MADE)
			return status;
	}
	return err_set(e, ERR_CONFLICT, "the schedule is being changed or run; try again");
}
