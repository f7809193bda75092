/*
 * Short routes to exports as jobs that clients know from elsewhere, with their names for the states: an export as CSV by parameters,
 * one that the request for its download runs, and how far either is.
 */
#include <string.h>

#include "lib/base/json_tree.h"
#include "lib/base/random.h"
#include "lib/job/job_store.h"
#include "lib/web/alias_ask.h"
#include "lib/web/export_named.h"
#include "lib/web/job_plan.h"
#include "lib/web/query_ask.h"
#include "lib/web/route.h"

enum { RETRY_S = 2 };

/* What has expired cannot be had any more, and a client that waits for it should not go on. */
static const char *const state_names[JOB_STATES_N] = {
	[JOB_QUEUED] = "pending",
	[JOB_RUNNING] = "processing",
	[JOB_SUCCEEDED] = "completed",
	[JOB_FAILED] = "failed",
	[JOB_CANCELED] = "cancelled",
	[JOB_EXPIRED] = "failed",
};

/* ---- asked for */

static int answer(struct job_plan *p, struct response *rs, const struct buf *request,
	bool is_direct, struct err *e)
{
	enum job_state state = JOB_QUEUED;
	struct buf json = { 0 };
	char id[UUID_TEXT];
	int made = job_plan_make(p, request->data, request->len, is_direct, id, e);

	if (made < 0)
		return -1;
	if (made == 0 &&
		job_read(p->app->metadata, id, p->rq->principal.subject, &json, &state, e) < 0) {
		buf_free(&json);
		return -1;
	}
	json.len = 0;
	buf_printf(&json, "{\"exportId\":\"%s\",\"status\":\"%s\"}\n", id, state_names[state]);
	response_header(rs, "Location", "/exports/%s/status", id);
	if (!is_direct)
		response_header(rs, "Retry-After", "%d", RETRY_S);
	response_json(rs, is_direct ? 201 : 202, &json);
	buf_free(&json);
	return 0;
}

/* *pointer: where in the request the fault is. */
static int make(struct app *app, struct response *rs, const struct buf *request, bool is_direct,
	const char **pointer, struct err *e)
{
	struct job_plan plan;
	int status =
		job_plan_open(&plan, app, rs->request, request->data, request->len, pointer, e);

	if (status == 0)
		status = answer(&plan, rs, request, is_direct, e);
	job_plan_free(&plan);
	return status;
}

int handle_alias_csv(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct buf request = { 0 };
	const char *ignored; /* there is no body that it could point into */
	int status = export_need_metadata(app, e) < 0 || alias_ask_csv(app, rq, &request, e) < 0
			     ? -1
			     : make(app, rs, &request, false, &ignored, e);

	buf_free(&request);
	return status;
}

int handle_alias_direct(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct buf request = { 0 };
	const char *pointer;
	int status;

	if (request_known_params(rq, (const char *const[]){ NULL }, e) < 0 ||
		export_need_metadata(app, e) < 0)
		return -1;
	status = alias_ask_columns(app, rq, &request, &pointer, e);
	if (status == 0) {
		status = make(app, rs, &request, true, &pointer, e);
		pointer = alias_ask_where(&rq->arena, pointer);
	}
	if (status < 0)
		query_ask_where(rs, pointer, e);
	buf_free(&request);
	return status;
}

/* ---- how far */

static void put(struct buf *out, const char *name, const struct json_node *value)
{
	buf_puts(out, name);
	if (value)
		buf_put(out, value->from, value->source_len);
	else
		buf_puts(out, "null");
}

static void put_error(struct buf *out, const struct json_node *error, enum job_state state)
{
	static const char expired[] = "this export has expired";
	const char *text = state == JOB_EXPIRED ? expired : NULL;

	if (error && error->kind == JSON_KIND_OBJECT && json_tree_member(error, "detail"))
		text = json_tree_member(error, "detail")->text;
	buf_puts(out, ",\"error\":");
	if (text)
		buf_put_json(out, text, strlen(text));
	else
		buf_puts(out, "null");
}

/* job: as job_read has it. */
static void put_status(struct buf *out, const struct json_node *job, enum job_state state)
{
	const struct json_node *progress = json_tree_member(job, "progress");
	const char *total = state == JOB_SUCCEEDED ? "rows" : "estimatedRows";

	put(out, "{\"exportId\":", json_tree_member(job, "id"));
	buf_printf(out, ",\"status\":\"%s\"", state_names[state]);
	put(out, ",\"progress\":{\"totalRows\":", json_tree_member(progress, total));
	put(out, ",\"processedRows\":", json_tree_member(progress, "rows"));
	put(out, ",\"percentage\":", json_tree_member(progress, "percent"));
	buf_putc(out, '}');
	put_error(out, json_tree_member(job, "error"), state);
	put(out, ",\"createdAt\":", json_tree_member(job, "createdAt"));
	put(out, ",\"completedAt\":", json_tree_member(job, "endedAt"));
	buf_puts(out, "}\n");
}

static int answer_status(struct request *rq, struct response *rs, struct buf *job,
	enum job_state state, struct err *e)
{
	static const struct json_limits limits = { INT32_MAX, INT32_MAX };
	const char *pointer;
	const struct json_node *root =
		json_tree_read(&rq->arena, job->data, job->len, &limits, &pointer, e);
	struct buf json = { 0 };

	if (!root)
		return -1;
	put_status(&json, root, state);
	response_json(rs, 200, &json);
	buf_free(&json);
	return 0;
}

int handle_alias_status(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct buf job = { 0 };
	enum job_state state;

	if (export_named(app, rq, e) < 0)
		return -1;
	int status = job_read(app->metadata, rq->captures[0], request_owner(rq), &job, &state, e);

	if (status == 0)
		status = answer_status(rq, rs, &job, state, e);
	buf_free(&job);
	return status;
}
