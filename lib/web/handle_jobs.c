/*
 * Exports as jobs: asked for, shown, listed, canceled and removed.
 */
#include "lib/base/random.h"
#include "lib/job/job_store.h"
#include "lib/web/export_named.h"
#include "lib/web/job_plan.h"
#include "lib/web/query_ask.h"
#include "lib/web/route.h"

enum { LIST_MAX = 200, LIST_DEFAULT = 50, RETRY_S = 2 };

/* ---- made */

static int answer(struct job_plan *p, struct response *rs, struct err *e)
{
	char id[UUID_TEXT];
	struct buf json = { 0 };
	enum job_state state;
	const struct buf *body = &p->rq->body;
	int made = job_plan_make(p, body->data, body->len, false, id, e);

	if (made < 0 ||
		job_read(p->app->metadata, id, p->rq->principal.subject, &json, &state, e) < 0) {
		buf_free(&json);
		return -1;
	}
	response_header(rs, "Location", "/api/v1/exports/%s", id);
	response_header(rs, "Retry-After", "%d", RETRY_S);
	response_json(rs, made ? 202 : 200, &json);
	buf_free(&json);
	return 0;
}

int handle_job_create(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	const struct buf *body = &rq->body;
	const char *pointer = NULL;
	struct job_plan plan;
	int status;

	if (request_known_params(rq, (const char *const[]){ NULL }, e) < 0 ||
		export_need_metadata(app, e) < 0)
		return -1;
	if (rq->body_too_large)
		return err_set(
			e, ERR_TOO_LARGE, "a request is no longer than %d bytes", REQUEST_BODY_MAX);
	status =
		job_plan_open(&plan, app, rq, body->data ? body->data : "", body->len, &pointer, e);
	if (status == 0)
		status = answer(&plan, rs, e);
	else
		query_ask_where(rs, pointer, e);
	job_plan_free(&plan);
	return status;
}

/* ---- listed, removed */

int handle_jobs(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	const char *state = request_param(rq, "state");
	struct job_list list = { .subject = request_owner(rq),
		.state = JOB_STATES_N,
		.schedule = request_param(rq, "schedule"),
		.token = request_param(rq, "pageToken") };
	struct buf json = { 0 };
	int64_t limit;

	if (request_known_params(rq,
		    (const char *const[]){ "state", "schedule", "pageToken", "pageSize", NULL },
		    e) < 0 ||
		request_int(rq, "pageSize", 1, LIST_MAX, LIST_DEFAULT, &limit, e) < 0 ||
		export_need_metadata(app, e) < 0)
		return -1;
	list.limit = (int)limit;
	if (state && (list.state = job_state_read(state)) == JOB_STATES_N)
		return err_set(e, ERR_BAD_REQUEST,
			"state is queued, running, succeeded, failed, canceled or expired");
	if (list.schedule && !uuid_valid(list.schedule))
		return err_set(e, ERR_BAD_REQUEST, "schedule is the id of a schedule");
	int status = job_list(app->metadata, &list, &json, e);

	if (status == 0)
		response_json(rs, 200, &json);
	buf_free(&json);
	return status;
}

int handle_job_remove(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	enum job_removal what;

	if (export_named(app, rq, e) < 0)
		return -1;
	rq->audit.definition = arena_printf(&rq->arena, "{\"export\":\"%s\"}", rq->captures[0]);
	if (job_remove(app->metadata, rq->captures[0], request_owner(rq), &what, e) < 0)
		return -1;
	response_empty(rs, 204);
	return 0;
}
