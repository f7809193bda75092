#include "lib/web/alias_ask.h"

#include <string.h>

#include "lib/base/json_tree.h"
#include "lib/query/columns.h"
#include "lib/query/query_json.h"
#include "lib/sink/compress.h"
#include "lib/web/option_params.h"
#include "lib/web/rows_ask.h"

enum { DEPTH_MAX = 4, VALUES_MAX = 4 * COLUMNS_MAX };

const char *alias_ask_table(
	const struct app *app, const char *given, const char *set, const char *name, struct err *e)
{
	const struct settings *s = &app->settings;

	if (given)
		return given;
	if (*set)
		return set;
	if (s->tables_n == 1)
		return s->tables[0].key;
	err_set(e, ERR_BAD_REQUEST,
		"which table? The request does not say (table), nor does the configuration (%s)",
		name);
	return NULL;
}

static void put_member(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, ",\"%s\":", name);
	buf_put_json(b, value, strlen(value));
}

/* ---- CSV by parameters */

static const char *const csv_params[] = { "table", "columns", "limit", "compression", "level",
	NULL };

static int put_csv_query(
	struct app *app, struct request *rq, const char *table, struct buf *json, struct err *e)
{
	const char *columns = request_param(rq, "columns");
	struct query q = { .from = table, .count = QUERY_COUNT_EXACT };

	if (request_int(rq, "limit", 1, INT64_MAX, -1, &q.limit, e) < 0 ||
		(columns && columns_read(&rq->arena, columns, &q, e) < 0) ||
		rows_ask_filters(app, rq, table, csv_params, &q, e) < 0)
		return -1;
	query_json(json, &q, NULL, NULL);
	return 0;
}

/* `level` is of the compression here. */
static void put_options(const struct request *rq, struct buf *json)
{
	static const char *const none[] = { "level", NULL };
	const char *before = ",\"options\":{";

	for (size_t i = 0; i < rq->params_n; i++) {
		const struct request_param *p = &rq->params[i];

		if (!strcmp(p->name, *none) || !option_params_knows(none, p->name))
			continue;
		buf_printf(json, "%s\"%s\":", before, p->name);
		buf_put_json(json, p->value, strlen(p->value));
		before = ",";
	}
	if (*before && !before[1])
		buf_putc(json, '}');
}

static int put_compression(const struct request *rq, struct buf *json, struct err *e)
{
	const char *name = request_param(rq, "compression");
	int64_t level;

	if (name)
		put_member(json, "compression", name);
	if (!request_param(rq, "level"))
		return 0;
	if (request_int(rq, "level", 0, INT32_MAX, 0, &level, e) < 0)
		return -1;
	buf_printf(json, ",\"level\":%lld", (long long)level);
	return 0;
}

int alias_ask_csv(struct app *app, struct request *rq, struct buf *json, struct err *e)
{
	const char *set = app->settings.aliases_csv_table;

	if (rq->body.len > 0 || rq->body_too_large)
		return err_set(e, ERR_BAD_REQUEST,
			"this takes no body: filters, columns and options are parameters");
	const char *table = alias_ask_table(app, request_param(rq, "table"),
		*set ? set : app->settings.aliases_table, "aliases.csv_table", e);

	if (!table)
		return -1;
	buf_puts(json, "{\"queryDefinition\":");
	if (put_csv_query(app, rq, table, json, e) < 0)
		return -1;
	put_member(json, "format", "csv");
	if (put_compression(rq, json, e) < 0)
		return -1;
	put_options(rq, json);
	buf_putc(json, '}');
	return 0;
}

/* ---- columns by a body */

static int check_members(struct json_reader *r, const struct json_node *object,
	const char *const known[], const char *what)
{
	if (object->kind != JSON_KIND_OBJECT)
		return json_refuse(r, object, arena_printf(r->arena, "%s is an object", what));
	for (const struct json_node *m = object->first; m; m = m->next) {
		size_t i = 0;

		while (known[i] && strcmp(known[i], m->name))
			i++;
		if (!known[i])
			return json_refuse(
				r, m, arena_printf(r->arena, "%s has no such member", what));
	}
	return 0;
}

/* *text is NULL where there is none. */
static int read_text(
	struct json_reader *r, const struct json_node *object, const char *name, const char **text)
{
	const struct json_node *m = json_tree_member(object, name);

	*text = NULL;
	if (!m || m->kind == JSON_KIND_NULL)
		return 0;
	if (m->kind != JSON_KIND_STRING)
		return json_refuse(r, m, arena_printf(r->arena, "%s is a string", name));
	*text = m->text;
	return 0;
}

static int put_column(struct json_reader *r, const struct json_node *node, struct buf *json)
{
	static const char *const known[] = { "source", "target", NULL };
	const char *source, *target;

	if (check_members(r, node, known, "a column") < 0 ||
		read_text(r, node, "source", &source) < 0 ||
		read_text(r, node, "target", &target) < 0)
		return -1;
	if (!source)
		return json_refuse(
			r, node, "a column has a source: the name that it has in the table");
	buf_puts(json, "{\"column\":");
	buf_put_json(json, source, strlen(source));
	if (target)
		put_member(json, "as", target);
	buf_putc(json, '}');
	return 0;
}

static int put_columns(struct json_reader *r, const struct json_node *root, struct buf *json)
{
	const struct json_node *columns = json_tree_member(root, "columns");

	if (!columns || columns->kind == JSON_KIND_NULL)
		return 0;
	if (columns->kind != JSON_KIND_ARRAY || columns->n == 0)
		return json_refuse(r, columns,
			"columns is an array of one or more; without it an export has all columns");
	buf_puts(json, ",\"select\":[");
	for (const struct json_node *c = columns->first; c; c = c->next) {
		if (put_column(r, c, json) < 0)
			return -1;
		if (c->next)
			buf_putc(json, ',');
	}
	buf_putc(json, ']');
	return 0;
}

static int put_request(struct json_reader *r, const struct app *app, const struct json_node *root,
	struct buf *json)
{
	const char *table, *format, *compression;

	if (read_text(r, root, "table", &table) < 0 || read_text(r, root, "format", &format) < 0 ||
		read_text(r, root, "compression", &compression) < 0)
		return -1;
	table = alias_ask_table(app, table, app->settings.aliases_table, "aliases.table", r->err);
	if (!table)
		return -1;
	if (!format)
		return json_refuse(r, root, "format is missing");
	buf_puts(json, "{\"queryDefinition\":{\"from\":");
	buf_put_json(json, table, strlen(table));
	if (put_columns(r, root, json) < 0)
		return -1;
	buf_putc(json, '}');
	put_member(json, "format", format);
	if (compression)
		put_member(json, "compression", compression);
	buf_putc(json, '}');
	return 0;
}

int alias_ask_columns(
	struct app *app, struct request *rq, struct buf *json, const char **pointer, struct err *e)
{
	static const struct json_limits limits = { DEPTH_MAX, VALUES_MAX };
	static const char *const known[] = { "format", "columns", "compression", "table", NULL };
	struct json_reader r = { &rq->arena, pointer, e };
	const struct json_node *root;

	*pointer = NULL;
	if (rq->body_too_large)
		return err_set(
			e, ERR_TOO_LARGE, "a request is no longer than %d bytes", REQUEST_BODY_MAX);
	root = json_tree_read(
		&rq->arena, rq->body.data ? rq->body.data : "", rq->body.len, &limits, pointer, e);
	return root && check_members(&r, root, known, "an export") == 0
		       ? put_request(&r, app, root, json)
		       : -1;
}

const char *alias_ask_where(struct arena *a, const char *pointer)
{
	static const char query[] = "/queryDefinition", columns[] = "/queryDefinition/select";

	if (!pointer || strncmp(pointer, query, sizeof query - 1) != 0)
		return pointer;
	if (!strncmp(pointer, columns, sizeof columns - 1)) {
		const char *at = pointer + sizeof columns - 1;
		size_t item = *at ? 1 + strcspn(at + 1, "/") : 0;
		const char *rest = at + item;

		return arena_printf(a, "/columns%.*s%s", (int)item, at,
			!strcmp(rest, "/column") ? "/source"
			: !strcmp(rest, "/as")   ? "/target"
						 : "");
	}
	return !strcmp(pointer + sizeof query - 1, "/from") ? "/table" : "";
}
