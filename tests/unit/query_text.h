/*
 * A query's tree as text, which tests compare whole:
 *
 *	from=users select=[user_id] (lower [name])=who filter=(and (ge [user_id] i:10) (in [code] s:US))
 *
 * Columns are [name]; literals are i: n: b: s: j: and null; the word of cast, date_trunc and extract stands behind a
 * slash. With places, each expression has "@" and where it stands.
 */
#ifndef SLUICE_TESTS_UNIT_QUERY_TEXT_H
#define SLUICE_TESTS_UNIT_QUERY_TEXT_H

#include "lib/base/mem.h"
#include "lib/query/query.h"

static inline void put_expr(struct buf *b, const struct expr *e, bool places)
{
	static const char letters[] = { [LITERAL_BOOL] = 'b',
		[LITERAL_INTEGER] = 'i',
		[LITERAL_NUMBER] = 'n',
		[LITERAL_STRING] = 's',
		[LITERAL_JSON] = 'j' };

	if (e->op == EXPR_COLUMN) {
		buf_printf(b, "[%s]", e->text);
	} else if (e->op == EXPR_LITERAL && e->literal == LITERAL_NULL) {
		buf_puts(b, e->text ? "null with a text" : "null");
	} else if (e->op == EXPR_LITERAL) {
		buf_printf(b, "%c:%s", letters[e->literal], e->text);
	} else {
		buf_printf(b, "(%s", expr_types[e->op].name);
		if (e->text)
			buf_printf(b, "/%s", e->text);
		for (size_t i = 0; i < e->args_n; i++) {
			buf_putc(b, ' ');
			put_expr(b, e->args[i], places);
		}
		buf_putc(b, ')');
	}
	if (places)
		buf_printf(b, "@%s", e->where);
}

static inline void put_sort(struct buf *b, const struct sort *s, bool places)
{
	static const char *const nulls[] = { "", " nulls first", " nulls last" };

	buf_putc(b, ' ');
	put_expr(b, s->expr, places);
	buf_printf(b, "%s%s", s->descending ? " desc" : " asc", nulls[s->nulls]);
}

static inline void put_query(struct buf *b, const struct query *q, bool places)
{
	static const char *const counts[] = { " count=none", "", " count=planned" };

	buf_printf(b, "from=%s", q->from ? q->from : "");
	buf_puts(b, q->select_n ? " select=" : "");
	for (size_t i = 0; i < q->select_n; i++) {
		buf_puts(b, i ? " " : "");
		put_expr(b, q->select[i].expr, places);
		if (q->select[i].name)
			buf_printf(b, "=%s", q->select[i].name);
	}
	if (q->filter) {
		buf_puts(b, " filter=");
		put_expr(b, q->filter, places);
	}
	buf_puts(b, q->group_by_n ? " group=" : "");
	for (size_t i = 0; i < q->group_by_n; i++) {
		buf_puts(b, i ? " " : "");
		put_expr(b, q->group_by[i], places);
	}
	if (q->having) {
		buf_puts(b, " having=");
		put_expr(b, q->having, places);
	}
	buf_puts(b, q->sort_n ? " sort:" : "");
	for (size_t i = 0; i < q->sort_n; i++)
		put_sort(b, &q->sort[i], places);
	if (q->limit >= 0)
		buf_printf(b, " limit=%lld", (long long)q->limit);
	if (q->offset)
		buf_printf(b, " offset=%lld", (long long)q->offset);
	if (q->after)
		buf_printf(b, " after=%s", q->after);
	buf_printf(b, "%s%s", counts[q->count], q->validate_only ? " validate" : "");
}

#endif
