/*
 * Schedules: exports that are made again and again; asked for, shown, changed, removed, and run now.
 */
#include <json-c/json.h>
#include <string.h>

#include "lib/base/json_merge.h"
#include "lib/job/job_store.h"
#include "lib/job/schedule_run.h"
#include "lib/job/schedule_store.h"
#include "lib/web/job_plan.h"
#include "lib/web/query_ask.h"
#include "lib/web/route.h"

enum {
	LIST_MAX = 200,
	LIST_DEFAULT = 50,
	RETRY_S = 2,
	SECOND_US = 1000000,
	TRIES = 3 /* of a change, each of what was found anew */
};

static int check_request(const struct app *app, const struct request *rq, struct err *e)
{
	if (request_known_params(rq, (const char *const[]){ NULL }, e) < 0)
		return -1;
	if (!app->metadata)
		return err_set(e, ERR_NOT_FOUND,
			"there are no schedules: no metadata database is configured");
	if (rq->body_too_large)
		return err_set(
			e, ERR_TOO_LARGE, "a request is no longer than %d bytes", REQUEST_BODY_MAX);
	return 0;
}

static int check_id(const struct app *app, const struct request *rq, struct err *e)
{
	if (check_request(app, rq, e) < 0)
		return -1;
	return uuid_valid(rq->captures[0])
		       ? 0
		       : err_set(e, ERR_NOT_FOUND, "that is not the id of a schedule");
}

static int64_t renew_s(const struct app *app)
{
	return app->settings.schedules_renew_us / SECOND_US;
}

/* With the query, where it was looked at. */
static void audit_schedule(struct request *rq, const char *id)
{
	const char *query = rq->audit.definition;

	rq->audit.definition = arena_printf(&rq->arena, "{\"schedule\":\"%s\"%s%s}", id,
		query ? ",\"queryDefinition\":" : "", query ? query : "");
}

static int answer(struct app *app, struct response *rs, const char *id, int status, struct err *e)
{
	struct buf json = { 0 };
	int failed = schedule_read(
		app->metadata, id, request_owner(rs->request), renew_s(app), &json, e);

	if (!failed)
		response_json(rs, status, &json);
	buf_free(&json);
	return failed;
}

/* ---- asked for */

struct asking {
	struct app *app;
	struct request *rq;
	struct schedule_request request;
	int64_t now_s; /* by the metadata database's clock */
	int64_t next_s;
	bool from_start;     /* increments are to begin anew */
	const char *pointer; /* where the fault is; NULL: nowhere */
};

static int read_ask(struct asking *a, const char *json, size_t len, struct err *e)
{
	const struct schedule_request *q = &a->request;

	if (schedule_request_read(&a->rq->arena, json, len, &a->request, &a->pointer, e) < 0 ||
		schedule_request_next(q->cron, q->time_zone, a->now_s, &a->next_s, &a->pointer, e) <
			0)
		return -1;
	a->pointer = NULL;
	return 0;
}

/* Whether the request's caller may have what the first run asks for. */
static int check_export(struct asking *a, struct err *e)
{
	const struct schedule_request *q = &a->request;
	const char *json, *pointer = NULL;
	struct job_plan plan;

	if (schedule_request_run(&a->rq->arena, q->export, q->time_zone, a->now_s,
		    q->increments ? "start" : NULL, &json, e) < 0)
		return -1;
	int failed = job_plan_open(&plan, a->app, a->rq, json, strlen(json), &pointer, e);

	job_plan_free(&plan);
	if (failed && pointer)
		a->pointer = arena_printf(&a->rq->arena, "/export%s", pointer);
	return failed;
}

static int create(struct asking *a, char id[UUID_TEXT], struct err *e)
{
	struct request *rq = a->rq;
	const struct buf *body = &rq->body;

	if (schedule_now(a->app->metadata, &a->now_s, e) < 0 ||
		read_ask(a, body->data ? body->data : "", body->len, e) < 0 ||
		check_export(a, e) < 0)
		return -1;
	const struct schedule_wanted wanted = { .request = &a->request,
		.next_s = a->next_s,
		.subject = rq->principal.subject,
		.tenant = rq->principal.tenant,
		.principal = job_plan_principal(rq) };

	return schedule_create(a->app->metadata, &wanted, a->app->settings.limits_schedules, id, e);
}

int handle_schedule_create(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct asking a = { .app = app, .rq = rq };
	char id[UUID_TEXT];

	if (check_request(app, rq, e) < 0)
		return -1;
	if (create(&a, id, e) < 0) {
		query_ask_where(rs, a.pointer, e);
		return -1;
	}
	audit_schedule(rq, id);
	response_header(rs, "Location", "/api/v1/schedules/%s", id);
	return answer(app, rs, id, 201, e);
}

/* ---- shown */

int handle_schedules(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct schedule_list list = { .subject = request_owner(rq),
		.renew_s = renew_s(app),
		.token = request_param(rq, "pageToken") };
	struct buf json = { 0 };
	int64_t limit;

	if (request_known_params(rq, (const char *const[]){ "pageToken", "pageSize", NULL }, e) <
			0 ||
		request_int(rq, "pageSize", 1, LIST_MAX, LIST_DEFAULT, &limit, e) < 0)
		return -1;
	if (!app->metadata)
		return err_set(e, ERR_NOT_FOUND,
			"there are no schedules: no metadata database is configured");
	list.limit = (int)limit;
	int status = schedule_list(app->metadata, &list, &json, e);

	if (status == 0)
		response_json(rs, 200, &json);
	buf_free(&json);
	return status;
}

int handle_schedule(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	return check_id(app, rq, e) < 0 ? -1 : answer(app, rs, rq->captures[0], 200, e);
}

/* ---- changed */

/* What the patch makes of what was found, in the arena. */
static int patch(struct asking *a, const struct schedule *found, const char **json, struct err *e)
{
	static const struct json_limits limits = { 1000, 1000000 };
	struct arena *arena = &a->rq->arena;
	const struct buf *body = &a->rq->body;
	struct buf b = { 0 };
	const char *ignored;

	a->pointer = "";
	const struct json_node *change = json_tree_read(
		arena, body->data ? body->data : "", body->len, &limits, &a->pointer, e);

	if (!change)
		return -1;
	if (change->kind != JSON_KIND_OBJECT)
		return err_set(e, ERR_BAD_REQUEST, "a change is an object (RFC 7396)");
	const struct json_node *old =
		json_tree_read(arena, found->request, strlen(found->request), &limits, &ignored, e);

	if (!old)
		return -1;
	const struct json_node *cursor = json_tree_member(change, "nextCursor");

	a->from_start = cursor && cursor->kind == JSON_KIND_NULL;
	json_merge(&b, old, change);
	*json = arena_strndup(arena, b.data, b.len);
	buf_free(&b);
	a->pointer = NULL;
	return strlen(*json) <= REQUEST_BODY_MAX
		       ? 0
		       : err_set(e, ERR_TOO_LARGE, "a schedule is no longer than %d bytes",
				 REQUEST_BODY_MAX);
}

/* What was said when it was made holds until something else is said. */
static void keep_purpose(struct request *rq, const char *principal)
{
	struct json_object *doc = json_tokener_parse(principal), *purpose;

	if (!rq->audit.purpose && json_object_object_get_ex(doc, "purpose", &purpose))
		rq->audit.purpose = arena_strdup(&rq->arena, json_object_get_string(purpose));
	json_object_put(doc);
}

/* Nobody's rights but the owner's are kept with it: an admin can end its runs, and that is all. */
static int change_others(struct asking *a, const struct schedule *found, struct err *e)
{
	struct json_object *doc = json_tokener_parse(buf_str(&a->rq->body)), *enabled;
	bool is_end = doc && json_object_is_type(doc, json_type_object) &&
		      json_object_object_length(doc) == 1 &&
		      json_object_object_get_ex(doc, "enabled", &enabled) &&
		      json_object_is_type(enabled, json_type_boolean) &&
		      !json_object_get_boolean(enabled);

	json_object_put(doc);
	return is_end ? schedule_disable(a->app->metadata, found, "disabled by an administrator", e)
		      : err_set(e, ERR_FORBIDDEN,
				"another's schedule can be removed or disabled, not changed");
}

/* 1; 0: it is not what was found any more. */
static int change(struct asking *a, const struct schedule *found, struct err *e)
{
	struct request *rq = a->rq;
	const char *json = NULL;

	if (strcmp(found->subject, rq->principal.subject) != 0)
		return change_others(a, found, e);
	a->now_s = found->now_s;
	if (patch(a, found, &json, e) < 0 || read_ask(a, json, strlen(json), e) < 0)
		return -1;
	keep_purpose(rq, found->principal);
	if ((a->request.enabled || strcmp(a->request.export, found->export) != 0) &&
		check_export(a, e) < 0)
		return -1;
	const struct schedule_wanted wanted = { .request = &a->request,
		.next_s = a->next_s,
		.from_start = a->from_start,
		.tenant = rq->principal.tenant,
		.principal = job_plan_principal(rq) };

	return schedule_change(a->app->metadata, found, &wanted, e);
}

int handle_schedule_change(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct asking a = { .app = app, .rq = rq };
	struct schedule found;
	int done = 0;

	if (check_id(app, rq, e) < 0)
		return -1;
	for (int i = 0; i < TRIES && done == 0; i++) {
		if (schedule_find(app->metadata, &rq->arena, rq->captures[0], request_owner(rq),
			    renew_s(app), &found, e) < 0)
			return -1;
		done = change(&a, &found, e);
	}
	audit_schedule(rq, rq->captures[0]);
	if (done == 0)
		return err_set(e, ERR_CONFLICT, "the schedule is being changed or run; try again");
	if (done > 0)
		return answer(app, rs, rq->captures[0], 200, e);
	query_ask_where(rs, a.pointer, e);
	return -1;
}

int handle_schedule_remove(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	if (check_id(app, rq, e) < 0)
		return -1;
	audit_schedule(rq, rq->captures[0]);
	if (schedule_remove(app->metadata, rq->captures[0], request_owner(rq), e) < 0)
		return -1;
	response_empty(rs, 204);
	return 0;
}

/* ---- run now */

int handle_schedule_run(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	const char *id = rq->captures[0], *subject = rq->principal.subject;
	struct buf json = { 0 };
	char job[UUID_TEXT];
	enum job_state state;

	if (check_id(app, rq, e) < 0)
		return -1;
	audit_schedule(rq, id);
	if (schedule_run_now(app->metadata, &app->settings, id, subject, job, e) < 0)
		return -1;
	rq->audit.definition =
		arena_printf(&rq->arena, "{\"schedule\":\"%s\",\"export\":\"%s\"}", id, job);
	int status = job_read(app->metadata, job, subject, &json, &state, e);

	if (status == 0) {
		response_header(rs, "Location", "/api/v1/exports/%s", job);
		response_header(rs, "Retry-After", "%d", RETRY_S);
		response_json(rs, 202, &json);
	}
	buf_free(&json);
	return status;
}
