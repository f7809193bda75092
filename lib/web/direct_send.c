#include "lib/web/direct_send.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/wait.h"
#include "lib/job/job_queue.h"
#include "lib/job/job_request.h"
#include "lib/web/coding.h"
#include "lib/web/query_audit.h"
#include "lib/web/rows_plan.h"
#include "lib/web/rows_send.h"
#include "lib/web/schema_match.h"
#include "lib/web/visit.h"

/* Seconds until a client that finds it running should ask again. */
#define BUSY_RETRY "5"

enum {
	BEAT_US = 1000 * 1000, /* so soon is a cancel heard of */
	BEATS = 3              /* in the time of a lease, at least */
};

struct direct {
	struct app *app;
	struct response *rs;
	const struct job_direct *job;
	struct job_queue *queue;
	struct job_lease lease;
	int64_t beaten_us; /* monotonic, when the lease was last renewed */
	bool is_canceled;
	bool is_lost; /* the lease */
};

/* ---- the rows */

/* The coding of the transfer, as for any stream; the digest is for the outcome. */
static int ask_rows(
	struct request *rq, const struct job_request *r, struct rows_ask *ask, struct err *e)
{
	*ask = (struct rows_ask){ .format = r->format,
		.options = r->options,
		.suffix = r->format->suffix,
		.file = r->compress,
		.level = r->level,
		.query = r->query,
		.digest = true };
	ask->may_code = !ask->file && r->format->traits & FORMAT_ENCODABLE;
	if (ask->may_code &&
		coding_choose(request_env(rq, "HTTP_ACCEPT_ENCODING"), &ask->coding, e) < 0)
		return -1;
	if (ask->coding)
		ask->level = ask->coding->level_default;
	return 0;
}

static int plan_rows(struct app *app, struct response *rs, const struct rows_ask *ask,
	struct source **source, struct rows_plan *plan, struct err *e)
{
	struct request *rq = rs->request;
	const struct settings_table *t = settings_table(&app->settings, ask->query.from);
	struct visitor visitor = visit(app, rq);
	struct table table;

	if (!t)
		return err_set(e, ERR_NOT_FOUND, "there is no table \"%.63s\"", ask->query.from);
	rq->table = t->key;
	return table_enter(&visitor, t, source, &table, e) < 0 ||
			       rows_plan(app, rs, source, &table, ask, plan, e) < 0 ||
			       schema_match_query(app, rs, *source, &plan->compile, e) < 0
		       ? -1
		       : 0;
}

static int send_asked(
	struct app *app, struct response *rs, const struct rows_ask *ask, struct err *e)
{
	struct request *rq = rs->request;
	struct query asked = query_audit_asked(rq, &ask->query);
	struct source *source = NULL;
	struct rows_plan plan = { 0 };
	int status = plan_rows(app, rs, ask, &source, &plan, e);

	query_audit(app, rq, &asked, &plan.scope, false);
	rq->audit.definition =
		arena_printf(&rq->arena, "{\"export\":\"%s\",\"queryDefinition\":%s}",
			rq->captures[0], rq->audit.definition);
	if (status < 0) {
		table_abandon(&source);
		return -1;
	}
	return rows_send(app, rs, ask, &plan, source, e);
}

static int send_rows(
	struct app *app, struct response *rs, const struct job_direct *job, struct err *e)
{
	struct request *rq = rs->request;
	struct job_request request;
	struct rows_ask ask;
	const char *pointer;
	int status = job_request_read(&rq->arena, &app->settings, job->request,
		strlen(job->request), &request, &pointer, e);

	if (status == 0) {
		rq->audit.format = request.format->name;
		status = ask_rows(rq, &request, &ask, e);
	}
	if (status == 0)
		status = send_asked(app, rs, &ask, e);
	job_request_free(&request);
	return status;
}

/* ---- the lease */

/* The database may be away for as long as the lease lasts. */
static int not_beaten(struct direct *d, struct err *e)
{
	int64_t silent_us = clock_monotonic_us() - d->beaten_us;

	d->is_lost = e->code == ERR_CONFLICT || silent_us > d->app->settings.jobs_lease_us;
	return d->is_lost ? err_set(e, ERR_CLIENT_GONE,
				    "the export is no longer this request's to send")
			  : 0;
}

static int beat(void *of, struct err *e)
{
	struct direct *d = of;
	const struct response *rs = d->rs;
	struct job_progress p = { .rows = rs->request->rows,
		.bytes = rs->door ? rs->door->bytes : 0,
		.estimated_rows = -1 };

	e->code = ERR_UNAVAILABLE;
	if (metadata_is_lost(d->app->metadata) ||
		job_beat(d->queue, &d->lease, &p, &d->is_canceled, e) < 0)
		return not_beaten(d, e);
	d->beaten_us = clock_monotonic_us();
	return d->is_canceled ? err_set(e, ERR_CLIENT_GONE, "the export was canceled") : 0;
}

static void note_end(struct direct *d, const struct err *failure)
{
	const struct response *rs = d->rs;
	struct job_end end = { .state = d->is_canceled ? JOB_CANCELED
					: failure      ? JOB_FAILED
						       : JOB_SUCCEEDED,
		.err = failure,
		.rows = rs->request->rows,
		.bytes = rs->door ? rs->door->bytes : rs->bytes };
	enum job_state became;
	struct err e;

	if (d->is_lost || job_end(d->queue, &d->lease, &end, &became, &e) == 0)
		return;
	/* Its lease passes, and it can be fetched again. */
	log_begin(LOG_WARN, "the end of an export could not be noted");
	log_str("id", d->job->id);
	log_str("error", e.text);
	log_str("cause", e.cause);
	log_end();
}

static int is_busy(struct response *rs, struct err *e)
{
	response_header(rs, "Retry-After", BUSY_RETRY);
	return err_set(e, ERR_CONFLICT, "this export is being sent to another request");
}

static int run(struct direct *d, struct err *e)
{
	struct arena *a = &d->rs->request->arena;
	int64_t lease_us = d->app->settings.jobs_lease_us;
	struct job_claimed claimed;
	int found = job_claim(d->queue, d->job->id, a, &claimed, e);

	if (found < 0)
		return -1;
	if (found == 0)
		return is_busy(d->rs, e);
	d->lease = claimed.lease;
	d->beaten_us = clock_monotonic_us();
	wait_pulse(lease_us / BEATS < BEAT_US ? lease_us / BEATS : BEAT_US, beat, d);
	int status = send_rows(d->app, d->rs, d->job, e);

	wait_pulse(0, NULL, NULL);
	note_end(d, status < 0 ? e : NULL);
	/* The client is still there, and may be told where nothing has left. */
	if (status < 0 && (d->is_canceled || d->is_lost))
		e->code = ERR_CONFLICT;
	return status;
}

static int claim_and_run(
	struct app *app, struct response *rs, const struct job_direct *job, struct err *e)
{
	struct direct d = { .app = app, .rs = rs, .job = job };
	char host[128] = "", name[160];

	gethostname(host, sizeof host - 1);
	snprintf(name, sizeof name, "%s:%ld", host, (long)getpid());
	d.queue = job_queue_open_direct(app->metadata, &app->settings, name);
	int status = run(&d, e);

	job_queue_close(d.queue);
	return status;
}

int direct_send(struct app *app, struct response *rs, const struct job_direct *job, struct err *e)
{
	struct request *rq = rs->request;

	if (!rq->audit.purpose)
		rq->audit.purpose = job->purpose;
	if (job->is_running)
		return is_busy(rs, e);
	if (request_is_head(rq))
		return send_rows(app, rs, job, e);
	rq->audit.action = "export";
	return claim_and_run(app, rs, job, e);
}
