#include "lib/query/expr.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/query/expr_part.h"

int expr_refuse(
	struct expr_compiler *c, const struct expr *x, struct err *e, const char *format, ...)
{
	char text[sizeof e->text];
	va_list args;

	c->where = x->where;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return err_set(e, ERR_BAD_REQUEST, "%s", text);
}

/* ---- columns */

static int no_column(
	struct expr_compiler *c, const struct expr *x, const struct scope_table *in, struct err *e)
{
	return expr_refuse(c, x, e, "table %s has no column \"%.63s\"",
		(in ? in : &c->scope->tables[0])->settings->key, x->text);
}

static int column(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	struct scope_table *in;
	bool is_tenant;
	const struct catalog_column *found = scope_column(c->scope, x->text, &in, &is_tenant);

	if (!found)
		return no_column(c, x, in, e);
	*out = (struct term){
		.sql = scope_put_column(c->scope, in, found),
		.kind = kind_of(found->base_type),
		.type = found->base_type,
		.nullable = found->nullable || in->parent,
		.column = found,
		.tables = 1u << in->number,
		.is_from_outside = found->is_from_outside,
		.is_private = found->mask || is_tenant,
	};
	return 0;
}

/* ---- operands */

int expr_wrong_kind(struct expr_compiler *c, const struct expr *x, const struct expr *arg,
	const char *takes, const struct term *got, struct err *e)
{
	return expr_refuse(c, arg, e, "%s takes %s, and this is %s", expr_op_name(x), takes,
		kind_name(got->kind));
}

int expr_argument(struct expr_compiler *c, const struct expr *x, size_t i,
	const struct term *wanted, struct term *out, struct err *e)
{
	return expr_value(c, x->args[i], wanted, out, e);
}

void expr_join(struct term *out, const struct term *t)
{
	out->tables |= t->tables;
	out->has_aggregate = out->has_aggregate || t->has_aggregate;
	out->is_from_outside = out->is_from_outside || t->is_from_outside;
	out->is_private = out->is_private || t->is_private;
	out->nullable = out->nullable || t->nullable;
}

void expr_set_type(struct term *out, enum kind kind, const char *type)
{
	out->kind = kind;
	out->type = type;
}

/* The two sides of an operation: a literal takes the type of the other. */
int expr_both_sides(struct expr_compiler *c, const struct expr *x, struct term *left,
	struct term *right, struct err *e)
{
	bool right_first = x->args[0]->op == EXPR_LITERAL && x->args[1]->op != EXPR_LITERAL;
	size_t first = right_first ? 1 : 0;
	struct term *a = right_first ? right : left, *b = right_first ? left : right;

	if (expr_argument(c, x, first, NULL, a, e) < 0)
		return -1;
	return expr_argument(c, x, 1 - first, a, b, e);
}

/* ---- what may fail */

/* Something that fails on some values must not do so on those of rows that are not the caller's. */
const char *expr_guard(struct expr_compiler *c, const char *sql, unsigned tables)
{
	const char *mine = NULL;

	if (c->is_after_groups)
		return sql;
	for (size_t i = 0; i < c->scope->n; i++) {
		struct scope_table *t = &c->scope->tables[i];

		if (!(tables >> i & 1) || !t->table->tenant)
			continue;
		mine = arena_printf(expr_arena(c), "%s%s%s IS NOT FALSE", mine ? mine : "",
			mine ? " AND " : "", scope_put_mine(c->scope, t));
	}
	return mine ? arena_printf(expr_arena(c), "CASE WHEN %s THEN %s END", mine, sql) : sql;
}

/* ---- values */

int expr_value(struct expr_compiler *c, const struct expr *x, const struct term *wanted,
	struct term *out, struct err *e)
{
	switch (x->op) {
	case EXPR_COLUMN: return column(c, x, out, e);
	case EXPR_LITERAL: return expr_literal(c, x, wanted, out, e);
	case EXPR_ADD:
	case EXPR_SUBTRACT:
	case EXPR_MULTIPLY:
	case EXPR_DIVIDE:
	case EXPR_MODULO:
	case EXPR_LOWER:
	case EXPR_UPPER:
	case EXPR_TRIM:
	case EXPR_LENGTH:
	case EXPR_COALESCE:
	case EXPR_CAST:
	case EXPR_DATE_TRUNC:
	case EXPR_EXTRACT: return expr_function(c, x, out, e);
	case EXPR_COUNT:
	case EXPR_COUNT_DISTINCT:
	case EXPR_SUM:
	case EXPR_AVG:
	case EXPR_MIN:
	case EXPR_MAX: return expr_aggregate(c, x, out, e);
	default: break;
	}
	if (expr_condition(c, x, out, e) < 0)
		return -1;
	/* A condition as a value: {"expr": {"gt": […]}, "as": "is_big"}. */
	expr_set_type(out, KIND_BOOL, "boolean");
	out->nullable = true;
	return 0;
}
