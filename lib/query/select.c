#include "lib/query/select.h"

#include <stdio.h>
#include <string.h>

static bool is_taken(const struct select *s, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(s->names[i], name))
			return true;
	return false;
}

/* The n-th name, of the column c. Each time that c was taken before has used up one number at least: to try those again
 * would make a long list of one column cubic. */
static const char *unique_name(
	struct arena *a, const struct select *s, size_t n, const struct catalog_column *c)
{
	const char *candidate = c->name;
	int i = 2;

	for (size_t k = 0; k < n; k++)
		i += s->columns[k] == c;
	if (i > 2)
		candidate = arena_printf(a, "%s_%d", c->name, i - 1);
	for (; is_taken(s, n, candidate); i++)
		candidate = arena_printf(a, "%s_%d", c->name, i);
	return candidate;
}

static int add_listed(struct arena *a, struct select *s, const char *name, struct err *e)
{
	const struct catalog_column *c = catalog_column(s->table, name);

	if (!c)
		return err_set(
			e, ERR_BAD_REQUEST, "table %s has no column \"%s\"", s->table->key, name);
	s->columns[s->columns_n] = c;
	s->names[s->columns_n] = unique_name(a, s, s->columns_n, c);
	s->columns_n++;
	return 0;
}

int select_columns(struct arena *a, struct select *s, const char *list, struct err *e)
{
	size_t most = s->table->columns_n;

	if (list) {
		most = 1;
		for (const char *p = list; *p; p++)
			most += *p == ',';
	}
	/* PostgreSQL's own limit: MaxTupleAttributeNumber, "Appendix K. PostgreSQL Limits". */
	if (most > 1664)
		return err_set(e, ERR_BAD_REQUEST, "more than 1664 columns");
	s->columns_n = 0;
	s->columns = arena_zero(a, most, sizeof *s->columns);
	s->names = arena_zero(a, most, sizeof *s->names);
	if (!list) {
		for (size_t i = 0; i < most; i++) {
			s->columns[i] = &s->table->columns[i];
			s->names[i] = s->table->columns[i].name;
		}
		s->columns_n = most;
		return 0;
	}
	for (const char *p = list, *end; p; p = *end ? end + 1 : NULL) {
		end = strchrnul(p, ',');
		if (end == p)
			return err_set(e, ERR_BAD_REQUEST, "columns: an empty name");
		if (add_listed(a, s, arena_strndup(a, p, (size_t)(end - p)), e) < 0)
			return -1;
	}
	return 0;
}

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

/* jsonb is asked for as text, not for the sake of the text, which is what the server sends either way: a cast is
 * computed where the rows are scanned, by the parallel workers of a plan, but what is sent is made by its
 * leader alone, and making jsonb's text is what such an export takes its time for. */
static bool is_jsonb(const struct catalog_column *c)
{
	return !strcmp(c->base_type, "jsonb");
}

void select_compile(struct arena *a, const struct select *s, struct statement *st)
{
	struct buf b = { 0 };
	bool dear = false;

	buf_puts(&b, "SELECT ");
	for (size_t i = 0; i < s->columns_n; i++) {
		const struct catalog_column *c = s->columns[i];

		buf_printf(&b,
			c->as_json    ? "%sto_json(%s)"
			: is_jsonb(c) ? "%s%s::text"
				      : "%s%s",
			i ? ", " : "", c->quoted);
		dear = dear || c->as_json || is_jsonb(c);
	}
	put_from(&b, s);
	if ((s->page || s->limit >= 0) && s->table->order_by)
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
		if (is_jsonb(s->columns[i]))
			named->fields[i].type = TYPE_JSON; /* which has the layout of text */
	}
}
