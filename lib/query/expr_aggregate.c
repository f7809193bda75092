#include "lib/query/expr_part.h"

static int count(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	struct term a = { .sql = "*" };

	if (x->args_n && expr_argument(c, x, 0, NULL, &a, e) < 0)
		return -1;
	*out = (struct term){ .tables = a.tables };
	expr_set_type(out, KIND_INTEGER, "bigint");
	if (x->op == EXPR_COUNT_DISTINCT && !kind_is_ordered(a.kind))
		return expr_wrong_kind(c, x, x->args[0], "values that can be told apart", &a, e);
	out->sql = arena_printf(expr_arena(c),
		x->op == EXPR_COUNT_DISTINCT ? "count(DISTINCT %s)" : "count(%s)", a.sql);
	return 0;
}

static int sum_or_avg(struct expr_compiler *c, const struct expr *x, const struct term *a,
	struct term *out, struct err *e)
{
	bool is_sum = x->op == EXPR_SUM;

	if (!kind_is_number(a->kind) && a->kind != KIND_INTERVAL)
		return expr_wrong_kind(c, x, x->args[0], "a number or interval", a, e);
	if (a->kind == KIND_INTERVAL)
		expr_set_type(out, KIND_INTERVAL, "interval");
	else if (a->kind == KIND_FLOAT)
		expr_set_type(out, KIND_FLOAT, "float8");
	else
		expr_set_type(out, KIND_NUMERIC, "numeric");
	/* float4 would be summed up in float4. */
	out->sql = arena_printf(expr_arena(c), "%s(%s%s)", is_sum ? "sum" : "avg", a->sql,
		a->kind == KIND_FLOAT ? "::float8" : "");
	return 0;
}

static int least_or_most(struct expr_compiler *c, const struct expr *x, const struct term *a,
	struct term *out, struct err *e)
{
	bool is_text = a->kind == KIND_UUID || a->kind == KIND_BOOL;

	if (!kind_is_ordered(a->kind) || a->kind == KIND_JSONB || a->kind == KIND_BYTES || is_text)
		return expr_wrong_kind(c, x, x->args[0], "a number, text, or a time", a, e);
	expr_set_type(out, a->kind, a->type);
	/* varchar and the like have no aggregate of their own */
	if (a->kind == KIND_TEXT)
		out->type = "text";
	out->sql = arena_printf(expr_arena(c), "%s(%s%s)", x->op == EXPR_MIN ? "min" : "max",
		a->sql, a->kind == KIND_TEXT ? "::text" : "");
	return 0;
}

static int aggregate_of(
	struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	struct term a;

	if (x->op == EXPR_COUNT || x->op == EXPR_COUNT_DISTINCT)
		return count(c, x, out, e);
	if (expr_argument(c, x, 0, NULL, &a, e) < 0)
		return -1;
	*out = (struct term){ .tables = a.tables,
		.nullable = true,
		.is_from_outside = a.is_from_outside,
		.is_private = a.is_private };
	return x->op == EXPR_SUM || x->op == EXPR_AVG ? sum_or_avg(c, x, &a, out, e)
						      : least_or_most(c, x, &a, out, e);
}

int expr_aggregate(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	if (!c->may_aggregate)
		return expr_refuse(c, x, e,
			"%s is an aggregate: it belongs to select, having or sort",
			expr_op_name(x));
	if (c->in_aggregate)
		return expr_refuse(c, x, e, "%s stands within another aggregate", expr_op_name(x));
	c->in_aggregate = true;
	int status = aggregate_of(c, x, out, e);

	c->in_aggregate = false;
	out->has_aggregate = true;
	return status;
}

bool expr_aggregates(const struct expr *x)
{
	if (expr_types[x->op].is_aggregate)
		return true;
	for (size_t i = 0; i < x->args_n; i++)
		if (expr_aggregates(x->args[i]))
			return true;
	return false;
}
