#include "lib/web/query_ask.h"

#include <string.h>

#include "lib/query/definition.h"
#include "lib/web/negotiate.h"

void query_ask_where(struct response *rs, const char *pointer, const struct err *e)
{
	struct buf b = { 0 };

	if (!pointer)
		return;
	buf_puts(&b, "[{\"pointer\":");
	buf_put_json(&b, pointer, strlen(pointer));
	buf_puts(&b, ",\"detail\":");
	buf_put_json(&b, e->text, strlen(e->text));
	buf_puts(&b, "}]");
	response_member(rs, "errors", buf_str(&b));
	buf_free(&b);
}

static int find_text(const struct request *rq, struct query_ask *ask, struct err *e)
{
	const char *q = request_param(rq, "q");

	if (rq->body_too_large)
		return err_set(
			e, ERR_TOO_LARGE, "a query is no longer than %d bytes", REQUEST_BODY_MAX);
	if (q && rq->body.len)
		return err_set(e, ERR_BAD_REQUEST,
			"a query is the body of the request or its parameter q, not both");
	if (!q && !rq->body.len)
		return err_set(e, ERR_BAD_REQUEST,
			"there is no query: send its JSON as the body, or as the parameter q");
	ask->text = q ? q : rq->body.data;
	ask->len = q ? strlen(q) : rq->body.len;
	return 0;
}

/* JSON unless Accept likes a format of streams better. */
static bool wants_page(struct request *rq)
{
	const char *accept = request_env(rq, "HTTP_ACCEPT");
	const struct format_type *best = negotiate_format(accept);

	if (request_param(rq, "format"))
		return false;
	if (!accept || !accept[strspn(accept, " \t")])
		return true;
	int json = negotiate_quality(accept, "application/json");

	for (const char *p = best ? best->accept : ""; *p;) {
		size_t len = strcspn(p, ", ");

		if (negotiate_quality(accept, arena_strndup(&rq->arena, p, len)) > json)
			return false;
		p += len;
		p += strspn(p, ", ");
	}
	return json > 0;
}

static int check_page(const struct settings *s, const struct query *q, struct err *e)
{
	if (q->limit < 0)
		return err_set(e, ERR_BAD_REQUEST,
			"page.limit is missing: how many rows, from 1 to %lld; or ask for a format",
			(long long)s->limits_query_rows);
	if (q->limit > s->limits_query_rows)
		return err_set(e, ERR_BAD_REQUEST,
			"page.limit is more than %lld; more rows come in pages, or as a stream in "
			"a format",
			(long long)s->limits_query_rows);
	return 0;
}

int query_ask(struct app *app, struct request *rq, struct response *rs, struct query_ask *ask,
	struct err *e)
{
	const char *pointer = NULL;
	struct query *q = &ask->rows.query;

	if (find_text(rq, ask, e) < 0)
		return -1;
	if (definition_read(&rq->arena, &app->settings, ask->text, ask->len, q, &pointer, e) < 0) {
		query_ask_where(rs, pointer, e);
		return -1;
	}
	ask->is_read = true;
	ask->is_page = wants_page(rq);
	if (ask->is_page && !q->validate_only && check_page(&app->settings, q, e) < 0) {
		query_ask_where(rs, "/page/limit", e);
		return -1;
	}
	return rows_ask_query(rq, rs, ask->is_page, &ask->rows, e);
}

void query_ask_free(struct query_ask *ask)
{
	rows_ask_free(&ask->rows);
}
