#include "lib/query/select.h"

#include <string.h>

static void put_from(struct buf *b, const struct select *s)
{
	buf_printf(b, " FROM %s", s->table->quoted);
	if (s->page)
		buf_printf(b, " WHERE %s", s->page->sql);
}

static void finish(struct arena *a, const struct select *s, struct buf *b, struct statement *st)
{
	*st = (struct statement){
		.sql = arena_strdup(a, buf_str(b)),
		.params = s->page ? s->page->params : NULL,
		.params_n = s->page ? s->page->params_n : 0,
	};
	buf_free(b);
}

static bool is_ordered(const struct select *s)
{
	return (s->page || s->limit >= 0) && s->table->order_by;
}

void select_compile(struct arena *a, const struct select *s, struct statement *st)
{
	struct buf b = { 0 };
	bool dear = false;

	buf_puts(&b, "SELECT ");
	for (size_t i = 0; i < s->columns_n; i++) {
		const struct catalog_column *c = s->columns[i];
		bool as_json = catalog_is_nested(c) && !s->nested_as_text;
		/* For the sake of the cast, not of the text, which is what the server sends either way: a cast is
		 * computed where the rows are scanned, by the parallel workers of a plan, but what is sent is made by
		 * its leader alone, and making jsonb's text is what such an export takes its time for. */
		bool is_jsonb = c->json == JSON_BINARY;

		buf_printf(&b,
			as_json    ? "%sto_json(%s)"
			: is_jsonb ? "%s%s::text"
				   : "%s%s",
			i ? ", " : "", c->quoted);
		dear = dear || as_json || is_jsonb;
	}
	put_from(&b, s);
	if (is_ordered(s))
		buf_printf(&b, " ORDER BY %s", s->table->order_by->quoted);
	if (s->limit >= 0)
		buf_printf(&b, " LIMIT %lld", (long long)s->limit);
	finish(a, s, &b, st);
	st->parallel = dear && !s->page && s->limit < 0;
}

void select_compile_count(
	struct arena *a, const struct select *s, int64_t most, struct statement *st)
{
	struct buf b = { 0 };

	buf_puts(&b, "SELECT count(*) FROM (SELECT 1");
	put_from(&b, s);
	buf_printf(&b, " LIMIT %lld) AS counted", (long long)(most < INT64_MAX ? most + 1 : most));
	finish(a, s, &b, st);
}

/* What to_json writes as a word, a number or a string. */
static bool element_type(const struct catalog_column *c, enum type *type)
{
	static const struct {
		const char *name;
		enum type type;
	} simple[] = { { "bool", TYPE_BOOL }, { "int2", TYPE_INT16 }, { "int4", TYPE_INT32 },
		{ "int8", TYPE_INT64 }, { "float4", TYPE_FLOAT32 }, { "float8", TYPE_FLOAT64 },
		{ "text", TYPE_UTF8 }, { "varchar", TYPE_UTF8 }, { "bpchar", TYPE_UTF8 },
		{ "name", TYPE_UTF8 }, { "citext", TYPE_UTF8 } };

	for (size_t i = 0; c->json == JSON_LIST && c->element && i < sizeof simple / sizeof *simple;
		i++)
		if (!strcmp(simple[i].name, c->element)) {
			*type = simple[i].type;
			return true;
		}
	return false;
}

void select_name_schema(struct arena *a, const struct select *s, const struct schema *described,
	struct schema *named)
{
	named->n = described->n;
	named->fields = arena_zero(a, described->n, sizeof *named->fields);
	for (size_t i = 0; i < described->n && i < s->columns_n; i++) {
		named->fields[i] = described->fields[i];
		named->fields[i].name = s->names[i];
		named->fields[i].nullable = s->columns[i]->nullable;
		named->fields[i].source_type = s->columns[i]->source_type;
		/* Which has the layout of text; that of one format is no other schema. */
		if (s->columns[i]->json != JSON_TEXT)
			named->fields[i].type = TYPE_JSON;
		named->fields[i].json = s->columns[i]->json;
		named->fields[i].is_ordered =
			is_ordered(s) && !strcmp(s->columns[i]->name, s->table->order_by->name);
		named->fields[i].is_list = element_type(s->columns[i], &named->fields[i].element);
	}
}
