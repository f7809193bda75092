/*
 * Exports as jobs: asked for, shown, listed, canceled and removed.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/export/lookup.h"
#include "lib/format/text.h"
#include "lib/job/job_request.h"
#include "lib/job/job_store.h"
#include "lib/query/compile.h"
#include "lib/web/query_ask.h"
#include "lib/web/query_audit.h"
#include "lib/web/route.h"
#include "lib/web/visit.h"

enum { LIST_MAX = 200, LIST_DEFAULT = 50, RETRY_S = 2 };

static int need_metadata(const struct app *app, struct err *e)
{
	return app->metadata ? 0
			     : err_set(e, ERR_NOT_FOUND,
				       "there are no exports as jobs: no metadata database is "
				       "configured");
}

static int check_id(const char *id, struct err *e)
{
	return uuid_valid(id) ? 0 : err_set(e, ERR_NOT_FOUND, "that is not the id of an export");
}

/* Whose jobs are shown: an admin's view is everybody's. */
static const char *owner(const struct request *rq)
{
	return rq->principal.roles & ROLE_ADMIN ? NULL : rq->principal.subject;
}

/* ---- made */

struct making {
	struct app *app;
	struct request *rq;
	struct response *rs;
	struct job_request request;
	struct source *source;
	struct table table;
	struct scope scope;
	struct compile compile;
	int64_t estimated_rows;
};

/* What is wrong with it is told now, not by a job that fails; whether there are too many rows, only when it runs. */
static int plan(struct making *m, struct err *e)
{
	const struct settings_table *t = settings_table(&m->app->settings, m->request.query.from);
	const char *format = m->request.format->name;
	struct visitor visitor = visit(m->app, m->rq);
	struct compiled compiled;
	struct plan plan;

	if (!t)
		return err_set(
			e, ERR_NOT_FOUND, "there is no table \"%.63s\"", m->request.query.from);
	m->rq->table = t->key;
	m->rq->audit.format = format;
	m->compile = (struct compile){ .scope = &m->scope, .query = &m->request.query };
	if (table_enter(&visitor, t, &m->source, &m->table, e) < 0 ||
		table_reach(&visitor, &m->source, &m->table, &m->request.query, format, &m->scope,
			&m->compile.where, e) < 0 ||
		compile_query(&m->compile, &compiled, e) < 0 ||
		lookup_plan(m->source, &m->scope, &compiled.statement, &plan, e) < 0)
		return -1;
	m->estimated_rows = scope_has_tenants(&m->scope) ? -1 : (int64_t)plan.rows;
	return table_leave(&m->source, e);
}

/* {"subject","issuer","claims","purpose"}: what the rights are found by when it runs. */
static const char *principal_json(struct request *rq)
{
	const struct principal *p = &rq->principal;
	struct buf b = { 0 };

	buf_puts(&b, "{\"subject\":");
	buf_put_json(&b, p->subject, strlen(p->subject));
	buf_puts(&b, ",\"issuer\":");
	buf_put_json(&b, p->issuer, strlen(p->issuer));
	buf_printf(&b, ",\"claims\":%s", p->claims);
	if (rq->audit.purpose) {
		buf_puts(&b, ",\"purpose\":");
		buf_put_json(&b, rq->audit.purpose, strlen(rq->audit.purpose));
	}
	buf_putc(&b, '}');
	const char *json = arena_strdup(&rq->arena, buf_str(&b));

	buf_free(&b);
	return json;
}

/* Of what is asked for and the rights it is asked with. */
static void hash_payload(const struct making *m, char hex[2 * SECRET_KEY_BYTES + 1])
{
	uint8_t mac[SECRET_KEY_BYTES];
	struct buf b = { 0 };

	buf_printf(&b, "%s\n", m->table.rights.text);
	buf_put(&b, m->rq->body.data, m->rq->body.len);
	secret_key_sign(m->app->cursor_key, b.data, b.len, mac);
	*text_hex(hex, mac, sizeof mac) = '\0';
	buf_free(&b);
}

static int create(struct making *m, bool *is_new, char id[UUID_TEXT], struct err *e)
{
	struct request *rq = m->rq;
	char payload[2 * SECRET_KEY_BYTES + 1];
	struct job_wanted wanted = { .subject = rq->principal.subject,
		.tenant = rq->principal.tenant,
		.principal = principal_json(rq),
		.request = arena_strndup(&rq->arena, rq->body.data, rq->body.len),
		.payload = payload,
		.key = request_env(rq, "HTTP_IDEMPOTENCY_KEY"),
		.estimated_rows = m->estimated_rows,
		.keep_s = m->request.keep_us / 1000000 };

	hash_payload(m, payload);
	int made = job_create(m->app->metadata, &wanted, id, e);

	*is_new = made > 0;
	return made < 0 ? -1 : 0;
}

static int answer(struct making *m, struct err *e)
{
	char id[UUID_TEXT];
	struct buf json = { 0 };
	enum job_state state;
	bool is_new;

	if (create(m, &is_new, id, e) < 0 ||
		job_read(m->app->metadata, id, m->rq->principal.subject, &json, &state, e) < 0) {
		buf_free(&json);
		return -1;
	}
	response_header(m->rs, "Location", "/api/v1/exports/%s", id);
	response_header(m->rs, "Retry-After", "%d", RETRY_S);
	response_json(m->rs, is_new ? 202 : 200, &json);
	buf_free(&json);
	return 0;
}

static int make(struct making *m, struct err *e)
{
	const char *pointer = NULL;
	const struct buf *body = &m->rq->body;

	if (m->rq->body_too_large)
		return err_set(
			e, ERR_TOO_LARGE, "a request is no longer than %d bytes", REQUEST_BODY_MAX);
	if (job_request_read(&m->rq->arena, &m->app->settings, body->data ? body->data : "",
		    body->len, &m->request, &pointer, e) < 0) {
		query_ask_where(m->rs, pointer, e);
		return -1;
	}
	if (plan(m, e) == 0)
		return answer(m, e);
	table_abandon(&m->source);
	if (e->code == ERR_BAD_REQUEST && m->compile.where)
		query_ask_where(m->rs,
			arena_printf(&m->rq->arena, "/queryDefinition%s", m->compile.where), e);
	return -1;
}

int handle_job_create(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct making m = { .app = app, .rq = rq, .rs = rs };
	int status;

	if (request_known_params(rq, (const char *const[]){ NULL }, e) < 0 ||
		need_metadata(app, e) < 0)
		return -1;
	status = make(&m, e);
	job_request_free(&m.request);
	return status;
}

/* ---- listed, removed */

int handle_jobs(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	const char *state = request_param(rq, "state");
	struct job_list list = {
		.subject = owner(rq), .state = JOB_STATES_N, .token = request_param(rq, "pageToken")
	};
	struct buf json = { 0 };
	int64_t limit;

	if (request_known_params(
		    rq, (const char *const[]){ "state", "pageToken", "pageSize", NULL }, e) < 0 ||
		request_int(rq, "pageSize", 1, LIST_MAX, LIST_DEFAULT, &limit, e) < 0 ||
		need_metadata(app, e) < 0)
		return -1;
	list.limit = (int)limit;
	if (state && (list.state = job_state_read(state)) == JOB_STATES_N)
		return err_set(e, ERR_BAD_REQUEST,
			"state is queued, running, succeeded, failed, canceled or expired");
	int status = job_list(app->metadata, &list, &json, e);

	if (status == 0)
		response_json(rs, 200, &json);
	buf_free(&json);
	return status;
}

int handle_job_remove(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	enum job_removal what;

	if (request_known_params(rq, (const char *const[]){ NULL }, e) < 0 ||
		need_metadata(app, e) < 0 || check_id(rq->captures[0], e) < 0 ||
		job_remove(app->metadata, rq->captures[0], owner(rq), &what, e) < 0)
		return -1;
	response_empty(rs, 204);
	return 0;
}
