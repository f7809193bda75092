#include "lib/query/expr_part.h"

static int not_null(struct expr_compiler *c, const struct expr *x, struct err *e)
{
	for (size_t i = 0; i < x->args_n; i++)
		if (x->args[i]->op == EXPR_LITERAL && x->args[i]->literal == LITERAL_NULL)
			return expr_refuse(c, x->args[i], e,
				"nothing is %s to null; ask with isNull", expr_op_name(x));
	return 0;
}

static int check_alike(struct expr_compiler *c, const struct expr *x, size_t i,
	const struct term *a, const struct term *b, struct err *e)
{
	bool alike = a->kind == b->kind || (kind_is_number(a->kind) && kind_is_number(b->kind)) ||
		     (kind_is_point_in_time(a->kind) && kind_is_point_in_time(b->kind));

	if (!kind_is_ordered(a->kind))
		return expr_refuse(c, x->args[0], e, "%s cannot be compared: cast it to text",
			kind_name(a->kind));
	if (!alike)
		return expr_refuse(c, x->args[i], e, "%s cannot be compared with %s",
			kind_name(a->kind), kind_name(b->kind));
	return 0;
}

static int comparison(
	struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	static const char *const signs[] = { [EXPR_EQ] = "=",
		[EXPR_NE] = "<>",
		[EXPR_LT] = "<",
		[EXPR_LE] = "<=",
		[EXPR_GT] = ">",
		[EXPR_GE] = ">=" };
	struct term a, b;

	if (expr_both_sides(c, x, &a, &b, e) < 0 || check_alike(c, x, 1, &a, &b, e) < 0)
		return -1;
	expr_join(out, &a);
	expr_join(out, &b);
	out->sql = arena_printf(expr_arena(c), "(%s %s %s)", a.sql, signs[x->op], b.sql);
	return 0;
}

static int among(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	struct term a, b;
	struct buf sql = { 0 };
	int status = 0;

	if (expr_argument(c, x, 0, NULL, &a, e) < 0)
		return -1;
	expr_join(out, &a);
	buf_printf(&sql, x->op == EXPR_IN ? "(%s IN (" : "(%s BETWEEN ", a.sql);
	for (size_t i = 1; status == 0 && i < x->args_n; i++) {
		status = expr_argument(c, x, i, &a, &b, e);
		if (status == 0)
			status = check_alike(c, x, i, &a, &b, e);
		if (status == 0) {
			expr_join(out, &b);
			buf_printf(&sql, "%s%s",
				i == 1             ? ""
				: x->op == EXPR_IN ? ", "
						   : " AND ",
				b.sql);
		}
	}
	buf_puts(&sql, x->op == EXPR_IN ? "))" : ")");
	out->sql = arena_strdup(expr_arena(c), buf_str(&sql));
	buf_free(&sql);
	return status;
}

static int pattern(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	static const struct term text = { .kind = KIND_TEXT, .type = "text" };
	struct term a, b;

	if (expr_argument(c, x, 0, NULL, &a, e) < 0 || expr_argument(c, x, 1, &text, &b, e) < 0)
		return -1;
	if (a.kind == KIND_BYTES || a.kind == KIND_CONDITION)
		return expr_wrong_kind(c, x, x->args[0], "text", &a, e);
	/* A pattern from a column could fail half-way, and has no limit of length. */
	if (x->args[1]->op != EXPR_LITERAL)
		return expr_refuse(
			c, x->args[1], e, "the pattern of %s is a text", expr_op_name(x));
	expr_join(out, &a);
	out->sql = arena_printf(expr_arena(c), "(%s::text %s %s::text)", a.sql,
		x->op == EXPR_LIKE ? "LIKE" : "ILIKE", b.sql);
	return 0;
}

static int contains(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	struct term a;

	if (expr_argument(c, x, 0, NULL, &a, e) < 0)
		return -1;
	if (a.kind != KIND_JSONB)
		return expr_wrong_kind(c, x, x->args[0], "a jsonb column", &a, e);
	expr_join(out, &a);
	out->sql = arena_printf(expr_arena(c), "(%s @> %s::jsonb)", a.sql,
		sql_param(c->sql, x->args[1]->text, "jsonb"));
	return 0;
}

static int is_null(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	struct term a;

	if (expr_argument(c, x, 0, NULL, &a, e) < 0)
		return -1;
	expr_join(out, &a);
	/* Not "IS NULL": that is true of a composite whose fields are all NULL, which is a value. */
	out->sql = arena_printf(expr_arena(c),
		a.kind == KIND_OTHER ? "(%s IS NOT DISTINCT FROM NULL)" : "(%s IS NULL)", a.sql);
	return 0;
}

static int logic(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	struct term a;
	struct buf b = { 0 };
	int status = 0;

	buf_puts(&b, x->op == EXPR_NOT ? "(NOT " : "(");
	for (size_t i = 0; status == 0 && i < x->args_n; i++) {
		status = expr_condition(c, x->args[i], &a, e);
		if (status < 0)
			break;
		expr_join(out, &a);
		buf_printf(&b, "%s%s", i == 0 ? "" : x->op == EXPR_AND ? " AND " : " OR ", a.sql);
	}
	buf_putc(&b, ')');
	out->sql = arena_strdup(expr_arena(c), buf_str(&b));
	buf_free(&b);
	return status;
}

/* The column that eq or in compares with values; NULL: none. */
static const struct expr *compared_column(const struct expr *x)
{
	if (x->op != EXPR_EQ && x->op != EXPR_IN)
		return NULL;
	if (x->args[0]->op == EXPR_COLUMN)
		return x->args[0];
	return x->op == EXPR_EQ && x->args[1]->op == EXPR_COLUMN ? x->args[1] : NULL;
}

/* eq and in on a tenant column name a tenant, which must be the caller's own. 1: the condition is that and nothing more,
 * on a column that the caller cannot see, and *in the table that it is of. */
static int check_tenant(
	struct expr_compiler *c, const struct expr *x, struct scope_table **in, struct err *e)
{
	const struct expr *name = compared_column(x);
	bool is_tenant, is_that = true;

	if (!name)
		return 0;
	const struct catalog_column *seen = scope_column(c->scope, name->text, in, &is_tenant);

	if (!is_tenant || (seen && seen->mask))
		return 0;
	for (size_t i = 0; i < x->args_n; i++) {
		const struct expr *value = x->args[i];

		if (value == name)
			continue;
		is_that = is_that && value->op == EXPR_LITERAL;
		c->where = value->where;
		if (value->op == EXPR_LITERAL &&
			(value->literal == LITERAL_NULL ||
				!catalog_is_own_tenant((*in)->table, value->text)))
			return err_set(e, ERR_FORBIDDEN, "these are another tenant's rows");
	}
	return is_that && !seen;
}

int expr_condition(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	struct scope_table *in;
	int own = check_tenant(c, x, &in, e);

	*out = (struct term){ .kind = KIND_CONDITION, .type = "boolean" };
	if (own < 0)
		return -1;
	if (own) {
		/* Where no row was joined there is no tenant. */
		out->sql = in->parent ? scope_put_mine(c->scope, in) : "true";
		return 0;
	}
	if (expr_types[x->op].is_condition && x->op >= EXPR_EQ && x->op <= EXPR_ILIKE &&
		not_null(c, x, e) < 0)
		return -1;
	switch (x->op) {
	case EXPR_AND:
	case EXPR_OR:
	case EXPR_NOT: return logic(c, x, out, e);
	case EXPR_EQ:
	case EXPR_NE:
	case EXPR_LT:
	case EXPR_LE:
	case EXPR_GT:
	case EXPR_GE: return comparison(c, x, out, e);
	case EXPR_IN:
	case EXPR_BETWEEN: return among(c, x, out, e);
	case EXPR_LIKE:
	case EXPR_ILIKE: return pattern(c, x, out, e);
	case EXPR_IS_NULL: return is_null(c, x, out, e);
	case EXPR_CONTAINS: return contains(c, x, out, e);
	default: break;
	}
	if (expr_value(c, x, NULL, out, e) < 0)
		return -1;
	if (out->kind != KIND_BOOL)
		return expr_refuse(c, x, e, "this is %s, not a condition", kind_name(out->kind));
	out->kind = KIND_CONDITION;
	return 0;
}
