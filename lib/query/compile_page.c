/*
 * Pages with a cursor: sorted, begun behind its values or counted off, and with what the next one's token is made of.
 */
#include <string.h>

#include "lib/query/compile_part.h"

/* One more than the page has, to see whether there are more. */
void compile_put_limit(const struct compile *c, struct buf *b, bool offset)
{
	const struct query *q = c->query;
	int64_t skipped = c->after && c->after->offset >= 0 ? c->after->offset : q->offset;

	if (q->limit >= 0)
		buf_printf(b, " LIMIT %lld", (long long)(q->limit + (c->cursor ? 1 : 0)));
	if (offset && skipped > 0)
		buf_printf(b, " OFFSET %lld", (long long)skipped);
}

/* The page behind the cursor's values, of ranges that each begin in a place that an index can find. */
static void put_ranges(struct compile *c, struct parts *p, const char *from, struct buf *b)
{
	const char *range;
	size_t n = 0;

	buf_puts(b, "(");
	for (size_t i = 0; i < keyset_ranges_n(&p->keys); i++) {
		range = keyset_range(&p->keys, &p->sql, c->after, i);
		if (!range)
			continue;
		buf_puts(b, n++ ? ") UNION ALL (" : "(");
		compile_put_core(c, p, from, range, true, b);
		keyset_put_order(&p->keys, b, NULL);
		compile_put_limit(c, b, false);
	}
	if (!n) {
		buf_puts(b, "(");
		compile_put_core(c, p, from, "false", true, b);
	}
	buf_puts(b, "))");
}

/* Of what the batch holds text can be made that the server reads as the same value; of the rest the server makes it. */
static bool is_spelled_here(const struct term *t)
{
	switch (t->kind) {
	case KIND_BOOL:
	case KIND_INTEGER:
	case KIND_NUMERIC:
	case KIND_FLOAT:
	case KIND_TEXT:
	case KIND_DATE:
	case KIND_TIMESTAMP:
	case KIND_TIMESTAMPTZ:
	case KIND_UUID: return true;
	default: return false;
	}
}

/* The output that is the sort key and leaves as it is; select_n: none. */
static size_t output_of_key(const struct compile *c, const struct parts *p, size_t key)
{
	const struct term *t = &p->keys.items[key].term;
	size_t i = 0;

	while (i < c->query->select_n &&
		!(is_spelled_here(t) && !strcmp(p->outputs[i].sql, t->sql)))
		i++;
	return i;
}

void compile_put_cursor(struct compile *c, struct parts *p, const char *from, struct buf *b)
{
	const struct query *q = c->query;
	bool behind = c->after && c->after->offset < 0;
	size_t comma = q->select_n;

	buf_puts(b, "SELECT ");
	for (size_t i = 0; i < q->select_n; i++)
		buf_printf(b, "%so%zu", i ? ", " : "", i);
	for (size_t i = 0; i < p->keys.n; i++)
		if (output_of_key(c, p, i) == q->select_n)
			buf_printf(b, "%ss%zu%s", comma++ ? ", " : "", i,
				is_spelled_here(&p->keys.items[i].term) ? "" : "::text");
	buf_puts(b, " FROM ");
	if (behind && !p->is_grouped) {
		put_ranges(c, p, from, b);
	} else {
		buf_putc(b, '(');
		compile_put_core(c, p, from, NULL, true, b);
		/* With it no condition from outside is moved in, to where the rows are chosen. */
		buf_puts(b, behind && scope_has_tenants(c->scope) ? " OFFSET 0)" : ")");
	}
	buf_puts(b, " AS page");
	/* Of groups no index says where they begin: all are made, and those behind the cursor taken. */
	if (behind && p->is_grouped)
		buf_printf(b, " WHERE %s", keyset_behind(&p->keys, &p->sql, c->after));
	keyset_put_order(&p->keys, b, "page.s");
	compile_put_limit(c, b, true);
}

void compile_fill_keys(const struct compile *c, const struct parts *p, struct compiled *out)
{
	out->keys_n = p->keys.n;
	out->keys = arena_zero(compile_arena(c), p->keys.n + 1, sizeof *out->keys);
	for (size_t i = 0; i < p->keys.n; i++) {
		out->keys[i] = output_of_key(c, p, i);
		if (out->keys[i] == out->outputs_n)
			out->keys[i] += out->hidden_n++;
	}
}
