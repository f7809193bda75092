#include "lib/query/query_json.h"

static const char hidden[] = "***";

struct writer {
	struct buf *out;
	query_json_hides *hides; /* or NULL */
	const void *of;
	bool is_judged; /* within something that is no and, or, not */
	bool is_hidden; /* its literals */
};

static void put_string(struct writer *w, const char *s)
{
	buf_put_json(w->out, s, strlen(s));
}

/* "name": of an object's first member, or of one behind others. */
static void put_name(struct writer *w, bool *behind, const char *name)
{
	buf_puts(w->out, *behind ? ",\"" : "{\"");
	buf_puts(w->out, name);
	buf_puts(w->out, "\":");
	*behind = true;
}

/* ---- what is hidden */

static bool has_hidden_column(const struct writer *w, const struct expr *x)
{
	if (x->op == EXPR_COLUMN)
		return w->hides(w->of, x->text);
	for (size_t i = 0; i < x->args_n; i++)
		if (has_hidden_column(w, x->args[i]))
			return true;
	return false;
}

static bool is_logic(const struct expr *x)
{
	return x->op == EXPR_AND || x->op == EXPR_OR || x->op == EXPR_NOT;
}

/* ---- expressions */

/* How a string reads where the expression stands (definition.h); in AS_NOTHING no expression may be a bare one. */
enum reading { AS_COLUMN, AS_LITERAL, AS_NOTHING };

static void put_object(struct writer *w, const char *name, const char *text)
{
	bool behind = false;

	put_name(w, &behind, name);
	put_string(w, text);
	buf_putc(w->out, '}');
}

/* {"count": "*"} counts rows, so that a column of that name must be said to be one. */
static void put_column(struct writer *w, const char *name, enum reading reading)
{
	if (reading == AS_COLUMN && strcmp(name, "*") != 0)
		put_string(w, name);
	else
		put_object(w, "column", name);
}

static void put_bare_literal(struct writer *w, const struct expr *x)
{
	if (x->literal == LITERAL_NULL)
		buf_puts(w->out, "null");
	else if (x->literal == LITERAL_STRING)
		put_string(w, x->text);
	else
		buf_puts(w->out, x->text);
}

static void put_literal(struct writer *w, const struct expr *x, enum reading reading)
{
	static const struct expr stars = { .literal = LITERAL_STRING, .text = hidden };
	const struct expr *told = w->is_hidden ? &stars : x;
	bool is_bare =
		reading == AS_LITERAL || (reading == AS_COLUMN && told->literal != LITERAL_STRING);

	if (!is_bare)
		buf_puts(w->out, "{\"value\":");
	put_bare_literal(w, told);
	if (!is_bare)
		buf_putc(w->out, '}');
}

static enum reading reading_of(enum expr_op op, size_t i)
{
	bool takes_literals =
		(op >= EXPR_EQ && op <= EXPR_GE) || (op >= EXPR_IN && op <= EXPR_ILIKE);

	return i > 0 && (takes_literals || op == EXPR_CONTAINS) ? AS_LITERAL : AS_COLUMN;
}

static void put_expr(struct writer *w, const struct expr *x, enum reading reading);

static void put_arguments(struct writer *w, const struct expr *x)
{
	for (size_t i = 0; i < x->args_n; i++) {
		if (i)
			buf_putc(w->out, ',');
		if (i == 1 && x->op == EXPR_IN)
			buf_putc(w->out, '[');
		put_expr(w, x->args[i], reading_of(x->op, i));
	}
	if (x->op == EXPR_IN)
		buf_putc(w->out, ']');
}

/* The word of cast stands behind its argument, those of date_trunc and extract before. */
static void put_operation(struct writer *w, const struct expr *x)
{
	bool behind = false;

	put_name(w, &behind, expr_types[x->op].name);
	buf_putc(w->out, '[');
	if (x->text && x->op != EXPR_CAST) {
		put_string(w, x->text);
		buf_putc(w->out, ',');
	}
	put_arguments(w, x);
	if (x->op == EXPR_CAST) {
		buf_putc(w->out, ',');
		put_string(w, x->text);
	}
	buf_puts(w->out, "]}");
}

static void put_expr(struct writer *w, const struct expr *x, enum reading reading)
{
	bool is_topmost = !w->is_judged && !is_logic(x);

	if (is_topmost) {
		w->is_judged = true;
		w->is_hidden = w->hides && has_hidden_column(w, x);
	}
	if (x->op == EXPR_COLUMN)
		put_column(w, x->text, reading);
	else if (x->op == EXPR_LITERAL)
		put_literal(w, x, reading);
	else
		put_operation(w, x);
	if (is_topmost)
		w->is_judged = w->is_hidden = false;
}

/* ---- members */

static void put_column_or_expr(struct writer *w, const struct expr *x, bool *behind)
{
	bool is_column = x->op == EXPR_COLUMN;

	put_name(w, behind, is_column ? "column" : "expr");
	if (is_column)
		put_string(w, x->text);
	else
		put_expr(w, x, AS_COLUMN);
}

static void put_output(struct writer *w, const struct output *o)
{
	bool behind = false;

	if (o->expr->op == EXPR_COLUMN && !o->name) {
		put_string(w, o->expr->text);
		return;
	}
	put_column_or_expr(w, o->expr, &behind);
	if (o->name) {
		put_name(w, &behind, "as");
		put_string(w, o->name);
	}
	buf_putc(w->out, '}');
}

static void put_sort(struct writer *w, const struct sort *s)
{
	bool behind = false;

	if (s->expr->op == EXPR_COLUMN && !s->descending && s->nulls == NULLS_DEFAULT) {
		put_string(w, s->expr->text);
		return;
	}
	put_column_or_expr(w, s->expr, &behind);
	if (s->descending) {
		put_name(w, &behind, "direction");
		put_string(w, "desc");
	}
	if (s->nulls != NULLS_DEFAULT) {
		put_name(w, &behind, "nulls");
		put_string(w, s->nulls == NULLS_FIRST ? "first" : "last");
	}
	buf_putc(w->out, '}');
}

static void put_page(struct writer *w, const struct query *q)
{
	bool behind = false;

	if (q->limit >= 0) {
		put_name(w, &behind, "limit");
		buf_printf(w->out, "%lld", (long long)q->limit);
	}
	if (q->offset) {
		put_name(w, &behind, "offset");
		buf_printf(w->out, "%lld", (long long)q->offset);
	}
	if (q->after) {
		put_name(w, &behind, "after");
		put_string(w, w->hides ? hidden : q->after);
	}
	buf_putc(w->out, '}');
}

static void put_group_by(struct writer *w, const struct query *q, bool *behind)
{
	if (!q->group_by_n)
		return;
	put_name(w, behind, "groupBy");
	for (size_t i = 0; i < q->group_by_n; i++) {
		buf_putc(w->out, i ? ',' : '[');
		put_expr(w, q->group_by[i], AS_COLUMN);
	}
	buf_putc(w->out, ']');
}

static void put_sorts(struct writer *w, const struct query *q, bool *behind)
{
	if (!q->sort_n)
		return;
	put_name(w, behind, "sort");
	for (size_t i = 0; i < q->sort_n; i++) {
		buf_putc(w->out, i ? ',' : '[');
		put_sort(w, &q->sort[i]);
	}
	buf_putc(w->out, ']');
}

static void put_condition(struct writer *w, const char *name, const struct expr *x, bool *behind)
{
	if (!x)
		return;
	put_name(w, behind, name);
	put_expr(w, x, AS_NOTHING);
}

static void put_select(struct writer *w, const struct query *q, bool *behind)
{
	if (!q->select_n)
		return;
	put_name(w, behind, "select");
	for (size_t i = 0; i < q->select_n; i++) {
		buf_putc(w->out, i ? ',' : '[');
		put_output(w, &q->select[i]);
	}
	buf_putc(w->out, ']');
}

void query_json(struct buf *b, const struct query *q, query_json_hides *hides, const void *of)
{
	struct writer w = { .out = b, .hides = hides, .of = of };
	bool behind = false;

	put_name(&w, &behind, "from");
	put_string(&w, q->from);
	put_select(&w, q, &behind);
	put_condition(&w, "filter", q->filter, &behind);
	put_group_by(&w, q, &behind);
	put_condition(&w, "having", q->having, &behind);
	put_sorts(&w, q, &behind);
	if (q->limit >= 0 || q->offset || q->after) {
		put_name(&w, &behind, "page");
		put_page(&w, q);
	}
	if (q->count != QUERY_COUNT_EXACT) {
		put_name(&w, &behind, "count");
		put_string(&w, q->count == QUERY_COUNT_NONE ? "none" : "planned");
	}
	if (q->validate_only) {
		put_name(&w, &behind, "validateOnly");
		buf_puts(w.out, "true");
	}
	buf_putc(b, '}');
}
