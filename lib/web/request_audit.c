#include "lib/web/request_audit.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/format/options.h"

void request_audit_begin(const struct app *app, const struct route *r, struct request *rq)
{
	const char *address = request_env(rq, "REMOTE_ADDR");
	const struct settings_table *t = NULL;

	if (strstr(r->pattern, "{table}"))
		t = settings_table(&app->settings, rq->captures[0]);
	rq->table = t ? t->key : NULL;

	/* What a HEAD asks for it does not get. */
	rq->audit.action = request_is_head(rq) ? "head" : r->action;
	rq->audit.address = address ? arena_strdup(&rq->arena, address) : NULL;
}

/* Names of columns, numbers and words. (The bounds of pages are values of the key.) */
static bool is_plain(const char *param)
{
	static const char *const plain[] = { "columns", "limit", "page", "total_pages", "digest",
		"format", "compression", "level", "order", NULL };

	for (size_t i = 0; plain[i]; i++)
		if (!strcmp(plain[i], param))
			return true;
	for (const struct format_option *o = format_option_table; o->name; o++)
		if (!strcmp(o->name, param) || (o->alias && !strcmp(o->alias, param)))
			return true;
	return false;
}

const char *request_audit_params(struct request *rq, request_audit_shows *shows, const void *of)
{
	struct buf b = { 0 };

	if (rq->params_n == 0)
		return NULL;
	for (size_t i = 0; i < rq->params_n; i++) {
		const struct request_param *p = &rq->params[i];
		const char *value =
			is_plain(p->name) || (shows && shows(of, p->name)) ? p->value : "***";

		buf_putc(&b, i ? ',' : '{');
		buf_put_json(&b, p->name, strlen(p->name));
		buf_putc(&b, ':');
		buf_put_json(&b, value, strlen(value));
	}
	buf_putc(&b, '}');
	const char *json = arena_strdup(&rq->arena, buf_str(&b));

	buf_free(&b);
	return json;
}

static void log_unwritten(const struct app *app, const struct request *rq, const struct err *e)
{
	bool required = !strcmp(app->settings.audit_required, "required");

	log_begin(required ? LOG_ERROR : LOG_WARN, "a line of the audit could not be written");
	log_str("id", rq->id);
	log_str("cause", e->cause);
	log_end();
}

void request_audit_end(
	struct app *app, const struct request *rq, const struct response *rs, const struct err *e)
{
	const struct request_audit *known = &rq->audit;
	const char *outcome = rs->state == RESPONSE_ABORTED && e->code == ERR_NONE ? "aborted"
			      : rs->handed_over ? AUDIT_HANDED_OVER
						: err_info(e->code)->name;
	struct err failure;

	if (!app->audit || !known->action)
		return;
	const struct audit_line line = {
		.id = rq->id,
		.subject = rq->principal.subject,
		.tenant = rq->principal.tenant,
		.action = known->action,
		.table = rq->table,
		.joined = known->joined,
		.definition = known->definition,
		.format = known->format,
		.purpose = known->purpose,
		.address = known->address,
		.status = rs->status,
		.outcome = outcome,
		.reason = e->code == ERR_NONE ? NULL : e->text,
		.rows = (int64_t)rq->rows,
		.bytes = (int64_t)rs->bytes,
		.ms = (clock_monotonic_us() - rq->started_us) / 1000,
	};
	if (audit_write(app->audit, &line, &failure) < 0)
		log_unwritten(app, rq, &failure);
}
