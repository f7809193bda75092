/*
 * The tables that can be exported, and what they look like.
 */
#include <string.h>

#include "lib/web/route.h"
#include "lib/web/visit.h"

static void put_string(struct buf *b, const char *s)
{
	buf_put_json(b, s, strlen(s));
}

static void put_table(struct buf *b, const struct catalog_table *t)
{
	buf_puts(b, "{\"key\":");
	put_string(b, t->key);
	buf_puts(b, ",\"name\":");
	put_string(b, t->name);
	buf_puts(b, ",\"columns\":[");
	for (size_t i = 0; i < t->columns_n; i++) {
		buf_puts(b, i ? "," : "");
		put_string(b, t->columns[i].name);
	}
	buf_puts(b, "],\"primary_key\":");
	if (t->primary_key)
		put_string(b, t->primary_key->name);
	else
		buf_puts(b, "null");
	buf_putc(b, '}');
}

/* A registered table that the caller may not see, or its database does not have, is left out. */
static int put_known_tables(
	struct app *app, struct request *rq, struct source **at, struct buf *b, struct err *e)
{
	const struct settings *s = &app->settings;
	struct visitor visitor = visit(app, rq);
	size_t n = 0;

	buf_puts(b, "{\"tables\":[");
	for (size_t i = 0; i < s->tables_n; i++) {
		struct table t;

		if (table_enter(&visitor, &s->tables[i], at, &t, e) < 0) {
			if (e->code != ERR_NOT_FOUND && e->code != ERR_FORBIDDEN)
				return -1;
			continue;
		}
		buf_puts(b, n++ ? "," : "");
		put_table(b, &t.catalog);
	}
	buf_printf(b, "],\"count\":%zu}\n", n);
	return table_leave(at, e);
}

int handle_tables(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct source *source = NULL;
	struct buf b = { 0 };
	int status = request_known_params(rq, (const char *const[]){ NULL }, e);

	if (status == 0)
		status = put_known_tables(app, rq, &source, &b, e);
	if (status == 0)
		response_json(rs, 200, &b);
	else
		table_abandon(&source);
	buf_free(&b);
	return status;
}

int handle_table(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct source *source = NULL;
	struct table t;
	struct buf b = { 0 };

	if (request_known_params(rq, (const char *const[]){ NULL }, e) < 0 ||
		visit_table(app, rq, &source, &t, e) < 0 || table_leave(&source, e) < 0) {
		table_abandon(&source);
		return -1;
	}
	put_table(&b, &t.catalog);
	buf_putc(&b, '\n');
	response_json(rs, 200, &b);
	buf_free(&b);
	return 0;
}
