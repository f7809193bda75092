#include <string.h>

#include "lib/query/expr_part.h"

static int arithmetic(
	struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	static const char *const signs[] = { [EXPR_ADD] = "+",
		[EXPR_SUBTRACT] = "-",
		[EXPR_MULTIPLY] = "*",
		[EXPR_DIVIDE] = "/",
		[EXPR_MODULO] = "%" };
	struct term a, b;

	if (expr_both_sides(c, x, &a, &b, e) < 0)
		return -1;
	if (!kind_is_number(a.kind))
		return expr_wrong_kind(c, x, x->args[0], "numbers", &a, e);
	if (!kind_is_number(b.kind))
		return expr_wrong_kind(c, x, x->args[1], "numbers", &b, e);
	bool is_float = a.kind == KIND_FLOAT || b.kind == KIND_FLOAT;

	if (x->op == EXPR_MODULO && is_float)
		return expr_refuse(c, x, e, "modulo takes exact numbers");
	*out = (struct term){ 0 };
	expr_join(out, &a);
	expr_join(out, &b);
	if (is_float)
		expr_set_type(out, KIND_FLOAT, "float8");
	/* Whole numbers divide to exact ones: 1 / 2 is not 0. */
	else if (a.kind == KIND_INTEGER && b.kind == KIND_INTEGER && x->op != EXPR_DIVIDE)
		expr_set_type(out, KIND_INTEGER, "bigint");
	else
		expr_set_type(out, KIND_NUMERIC, "numeric");
	bool divides = x->op == EXPR_DIVIDE || x->op == EXPR_MODULO;

	out->nullable = out->nullable || divides;
	out->sql = arena_printf(expr_arena(c),
		divides ? "(%s::%s %s NULLIF(%s::%s, 0))" : "(%s::%s %s %s::%s)", a.sql, out->type,
		signs[x->op], b.sql, out->type);
	out->sql = expr_guard(c, out->sql, out->tables);
	return 0;
}

static int text_function(
	struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	static const char *const names[] = { [EXPR_LOWER] = "lower",
		[EXPR_UPPER] = "upper",
		[EXPR_TRIM] = "btrim",
		[EXPR_LENGTH] = "length" };
	struct term a;

	if (expr_argument(c, x, 0, NULL, &a, e) < 0)
		return -1;
	if (a.kind != KIND_TEXT)
		return expr_wrong_kind(c, x, x->args[0], "text", &a, e);
	*out = (struct term){ 0 };
	expr_join(out, &a);
	out->sql = arena_printf(expr_arena(c), "%s(%s::text)", names[x->op], a.sql);
	if (x->op == EXPR_LENGTH)
		expr_set_type(out, KIND_INTEGER, "integer");
	else
		expr_set_type(out, KIND_TEXT, "text");
	return 0;
}

/* The first argument that is no literal says the type. */
static int coalesce(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	struct term first, t;
	struct buf b = { 0 };
	size_t at = 0;
	int status = 0;

	while (at + 1 < x->args_n && x->args[at]->op == EXPR_LITERAL)
		at++;
	if (expr_argument(c, x, at, NULL, &first, e) < 0)
		return -1;
	*out = (struct term){ .kind = first.kind, .type = first.type };
	bool nullable = true;

	for (size_t i = 0; status == 0 && i < x->args_n; i++) {
		status = expr_argument(c, x, i, &first, &t, e);
		if (status < 0)
			break;
		if (t.kind != first.kind &&
			!(kind_is_number(t.kind) && kind_is_number(first.kind))) {
			status = expr_refuse(c, x->args[i], e,
				"coalesce takes values of one type: %s, and this is %s",
				kind_name(first.kind), kind_name(t.kind));
			break;
		}
		if (t.kind != first.kind)
			expr_set_type(out,
				t.kind == KIND_FLOAT || out->kind == KIND_FLOAT ? KIND_FLOAT
										: KIND_NUMERIC,
				t.kind == KIND_FLOAT || out->kind == KIND_FLOAT ? "float8"
										: "numeric");
		expr_join(out, &t);
		nullable = nullable && t.nullable;
		buf_printf(&b, "%s%s", i ? ", " : "coalesce(", t.sql);
	}
	buf_putc(&b, ')');
	out->nullable = nullable;
	out->sql = arena_strdup(expr_arena(c), buf_str(&b));
	buf_free(&b);
	return status;
}

struct word {
	const char *word;
	enum kind kind;
	const char *type;
};

static const struct word cast_types[] = {
	{ "text", KIND_TEXT, "text" },
	{ "bigint", KIND_INTEGER, "bigint" },
	{ "integer", KIND_INTEGER, "integer" },
	{ "numeric", KIND_NUMERIC, "numeric" },
	{ "double", KIND_FLOAT, "float8" },
	{ "boolean", KIND_BOOL, "boolean" },
	{ "date", KIND_DATE, "date" },
	{ "timestamp", KIND_TIMESTAMP, "timestamp" },
	{ "timestamptz", KIND_TIMESTAMPTZ, "timestamptz" },
	{ "uuid", KIND_UUID, "uuid" },
	{ NULL, KIND_OTHER, NULL },
};

static const char *const units[] = { "century", "decade", "year", "quarter", "month", "week", "day",
	"hour", "minute", "second", "dow", "doy", "isodow", "isoyear", "epoch", NULL };

enum { UNITS_TRUNC = 10 }; /* the first of them: those that date_trunc knows too */

static int cast(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	const struct word *w = cast_types;
	struct term a;

	while (w->word && strcmp(w->word, x->text))
		w++;
	if (!w->word)
		return expr_refuse(c, x, e,
			"cast makes text, bigint, integer, numeric, double, boolean, date, "
			"timestamp, "
			"timestamptz or uuid; \"%.63s\" is none of them",
			x->text);
	if (expr_argument(c, x, 0, NULL, &a, e) < 0)
		return -1;
	*out = (struct term){ 0 };
	expr_join(out, &a);
	expr_set_type(out, w->kind, w->type);
	/* By way of text what is not of a simple type: the server's own casts of enums and the like need not exist. */
	out->sql = arena_printf(expr_arena(c),
		a.kind == KIND_OTHER || a.kind == KIND_JSONB || a.kind == KIND_JSON
			? "(%s)::text::%s"
			: "(%s)::%s",
		a.sql, w->type);
	if (w->kind != KIND_TEXT)
		out->sql = expr_guard(c, out->sql, out->tables);
	return 0;
}

static int time_function(
	struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	size_t most = x->op == EXPR_DATE_TRUNC ? UNITS_TRUNC : sizeof units / sizeof *units - 1;
	size_t i = 0;
	struct term a;

	while (i < most && strcmp(units[i], x->text))
		i++;
	if (i == most)
		return expr_refuse(c, x, e,
			"%s knows no unit \"%.63s\"; year, month, day, hour are some",
			expr_op_name(x), x->text);
	if (expr_argument(c, x, 0, NULL, &a, e) < 0)
		return -1;
	if (!kind_is_point_in_time(a.kind))
		return expr_wrong_kind(c, x, x->args[0], "a date or timestamp", &a, e);
	*out = (struct term){ 0 };
	expr_join(out, &a);
	/* A date would be taken for a timestamptz. */
	const char *cast_to = a.kind == KIND_DATE ? "::timestamp" : "";

	if (x->op == EXPR_DATE_TRUNC) {
		expr_set_type(out, a.kind == KIND_TIMESTAMPTZ ? KIND_TIMESTAMPTZ : KIND_TIMESTAMP,
			a.kind == KIND_TIMESTAMPTZ ? "timestamptz" : "timestamp");
		out->sql = arena_printf(
			expr_arena(c), "date_trunc('%s', %s%s)", units[i], a.sql, cast_to);
	} else {
		expr_set_type(out, KIND_NUMERIC, "numeric");
		out->nullable = true; /* a month of infinity */
		out->sql = arena_printf(
			expr_arena(c), "extract(%s FROM %s%s)::numeric", units[i], a.sql, cast_to);
	}
	/* Before the year 4713 BC, or after 294276, a date is no timestamp. */
	out->sql = expr_guard(c, out->sql, out->tables);
	return 0;
}

int expr_function(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	switch (x->op) {
	case EXPR_LOWER:
	case EXPR_UPPER:
	case EXPR_TRIM:
	case EXPR_LENGTH: return text_function(c, x, out, e);
	case EXPR_COALESCE: return coalesce(c, x, out, e);
	case EXPR_CAST: return cast(c, x, out, e);
	case EXPR_DATE_TRUNC:
	case EXPR_EXTRACT: return time_function(c, x, out, e);
	default: return arithmetic(c, x, out, e);
	}
}
