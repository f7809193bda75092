#include "lib/web/job_plan.h"

#include <string.h>

#include "lib/export/increment.h"
#include "lib/export/lookup.h"
#include "lib/format/text.h"
#include "lib/job/job_store.h"
#include "lib/web/query_audit.h"
#include "lib/web/visit.h"

/* Of an increment nobody knows how many rows have changed: the planner has no statistics of that. */
static int look_since(struct job_plan *p, const struct visitor *v, struct err *e)
{
	struct increment_found found;

	if (!p->request.since)
		return 0;
	if (strcmp(p->request.since, INCREMENT_START) != 0)
		p->estimated_rows = -1;
	return increment_find(v, p->source, &p->table, p->request.since, &found, e);
}

static int look(struct job_plan *p, struct err *e)
{
	const struct settings_table *t = settings_table(&p->app->settings, p->request.query.from);
	const char *format = p->request.format->name;
	struct visitor visitor = visit(p->app, p->rq);
	struct compiled compiled;
	struct plan plan;

	if (!t)
		return err_set(
			e, ERR_NOT_FOUND, "there is no table \"%.63s\"", p->request.query.from);
	p->rq->table = t->key;
	p->rq->audit.format = format;
	p->compile = (struct compile){ .scope = &p->scope, .query = &p->request.query };
	if (table_enter(&visitor, t, &p->source, &p->table, e) < 0 ||
		table_reach(&visitor, &p->source, &p->table, &p->request.query, format, &p->scope,
			&p->compile.where, e) < 0 ||
		compile_query(&p->compile, &compiled, e) < 0 ||
		lookup_plan(p->source, &p->scope, &compiled.statement, &plan, e) < 0)
		return -1;
	p->estimated_rows = scope_has_others(&p->scope) ? -1 : (int64_t)plan.rows;
	return look_since(p, &visitor, e) < 0 ? -1 : table_leave(&p->source, e);
}

int job_plan_open(struct job_plan *p, struct app *app, struct request *rq, const char *json,
	size_t len, const char **pointer, struct err *e)
{
	*p = (struct job_plan){ .app = app, .rq = rq };
	if (job_request_read(&rq->arena, &app->settings, json, len, &p->request, pointer, e) < 0)
		return -1;
	*pointer = NULL;
	/* Compiling changes the query. */
	const struct query asked = query_audit_asked(rq, &p->request.query);
	int status = look(p, e);

	query_audit(app, rq, &asked, &p->scope, false);
	if (status == 0)
		return 0;
	table_abandon(&p->source);
	if (e->code == ERR_BAD_REQUEST && p->compile.where)
		*pointer = arena_printf(&rq->arena, "/queryDefinition%s", p->compile.where);
	return -1;
}

void job_plan_free(struct job_plan *p)
{
	job_request_free(&p->request);
}

const char *job_plan_principal(struct request *rq)
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

void job_plan_payload(
	const struct job_plan *p, const char *json, size_t len, char hex[JOB_PLAN_PAYLOAD])
{
	uint8_t mac[SECRET_KEY_BYTES];
	struct buf b = { 0 };

	buf_printf(&b, "%s\n%s\n%s", p->rq->principal.issuer, p->table.rights.text,
		p->table.joined_rights ? p->table.joined_rights : "");
	if (p->rq->audit.purpose)
		buf_printf(&b, "for %s\n", p->rq->audit.purpose);
	buf_put(&b, json, len);
	secret_key_sign(p->app->cursor_key, b.data, b.len, mac);
	*text_hex(hex, mac, sizeof mac) = '\0';
	buf_free(&b);
}

int job_plan_make(const struct job_plan *p, const char *json, size_t len, bool is_direct,
	char id[UUID_TEXT], struct err *e)
{
	struct request *rq = p->rq;
	char payload[JOB_PLAN_PAYLOAD];
	const char *text = arena_strndup(&rq->arena, json, len);
	const char *hashed = is_direct ? arena_printf(&rq->arena, "direct %s", text) : text;
	struct job_wanted wanted = { .subject = rq->principal.subject,
		.tenant = rq->principal.tenant,
		.principal = job_plan_principal(rq),
		.request = text,
		.payload = payload,
		.key = request_env(rq, "HTTP_IDEMPOTENCY_KEY"),
		.estimated_rows = p->estimated_rows,
		.keep_s = p->request.keep_us / 1000000,
		.is_direct = is_direct };

	job_plan_payload(p, hashed, strlen(hashed), payload);
	int made = job_create(p->app->metadata, &wanted, id, e);

	if (made >= 0)
		rq->audit.definition = arena_printf(&rq->arena,
			"{\"export\":\"%s\",\"queryDefinition\":%s}", id, rq->audit.definition);
	return made;
}
