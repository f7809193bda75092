#include "lib/query/expr.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/query/page_value.h"

static int __attribute__((format(printf, 4, 5)))
refuse(struct expr_compiler *c, const struct expr *x, struct err *e, const char *format, ...)
{
	char text[sizeof e->text];
	va_list args;

	c->where = x->where;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return err_set(e, ERR_BAD_REQUEST, "%s", text);
}

static const char *op_name(const struct expr *x)
{
	return expr_types[x->op].name;
}

static struct arena *arena_of(const struct expr_compiler *c)
{
	return c->scope->arena;
}

/* ---- columns */

static int no_column(
	struct expr_compiler *c, const struct expr *x, const struct scope_table *in, struct err *e)
{
	return refuse(c, x, e, "table %s has no column \"%.63s\"",
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

/* ---- literals */

static bool is_number(const char *s)
{
	char *end;

	strtod(s, &end);
	return *s && !*end && s[strspn(s, "+-.0123456789eE")] == '\0';
}

static bool is_integer(const char *s)
{
	int64_t ignored;

	return page_number_parse(PAGE_INTEGER, s, &ignored);
}

static const char *bool_word(const char *s)
{
	static const char *const yes[] = { "true", "t", "yes", "1", NULL };
	static const char *const no[] = { "false", "f", "no", "0", NULL };

	for (int i = 0; yes[i]; i++)
		if (!strcmp(s, yes[i]))
			return "true";
	for (int i = 0; no[i]; i++)
		if (!strcmp(s, no[i]))
			return "false";
	return NULL;
}

/* What the server is to read the text as, for a literal beside a value of a kind; NULL: it sees by itself. ok: the text can be one. */
static const char *literal_type(enum kind kind, const char **text, bool *ok)
{
	uint8_t uuid[PAGE_UUID_BYTES];

	*ok = true;
	switch (kind) {
	case KIND_INTEGER: *ok = is_number(*text); return is_integer(*text) ? "bigint" : "numeric";
	case KIND_NUMERIC: *ok = is_number(*text) || !strcmp(*text, "NaN"); return "numeric";
	case KIND_FLOAT:
		*ok = is_number(*text) || !strcmp(*text, "NaN") || !strcmp(*text, "Infinity") ||
		      !strcmp(*text, "-Infinity");
		return "float8";
	case KIND_BOOL: {
		const char *word = bool_word(*text);

		*ok = word != NULL;
		*text = word;
		return "boolean";
	}
	case KIND_UUID: *ok = page_uuid_parse(*text, uuid); return NULL;
	case KIND_TEXT: return NULL;
	case KIND_JSON:
	case KIND_CONDITION: *ok = false; return NULL;
	default: return NULL;
	}
}

static bool fits(enum literal literal, enum kind kind)
{
	switch (literal) {
	case LITERAL_BOOL: return kind == KIND_BOOL;
	case LITERAL_INTEGER:
	case LITERAL_NUMBER: return kind_is_number(kind);
	case LITERAL_JSON: return kind == KIND_JSONB;
	default: return true;
	}
}

/* By itself a literal has the type that it is written as. */
static const struct term *own_type(enum literal literal)
{
	static const struct term types[] = {
		[LITERAL_NULL] = { .kind = KIND_TEXT, .type = "text" },
		[LITERAL_BOOL] = { .kind = KIND_BOOL, .type = "boolean" },
		[LITERAL_INTEGER] = { .kind = KIND_INTEGER, .type = "bigint" },
		[LITERAL_NUMBER] = { .kind = KIND_NUMERIC, .type = "numeric" },
		[LITERAL_STRING] = { .kind = KIND_TEXT, .type = "text" },
		[LITERAL_JSON] = { .kind = KIND_JSONB, .type = "jsonb" },
	};

	return &types[literal];
}

static int literal(struct expr_compiler *c, const struct expr *x, const struct term *wanted,
	struct term *out, struct err *e)
{
	const struct term *as = wanted ? wanted : own_type(x->literal);
	const char *text = x->text;
	bool ok;

	*out = (struct term){ .kind = as->kind, .type = as->type };
	if (x->literal == LITERAL_NULL) {
		out->nullable = true;
		out->sql = arena_printf(arena_of(c), "NULL::%s", as->type);
		return 0;
	}
	const char *type = literal_type(as->kind, &text, &ok);

	ok = ok && fits(x->literal, as->kind);
	/* The audit and the log have this text. */
	if (!ok && as->is_private)
		return refuse(c, x, e, "the value is not %s", kind_name(as->kind));
	if (!ok)
		return refuse(c, x, e, "\"%.63s\" is not %s", x->text, kind_name(as->kind));
	/* Beside a value of a type the server reads a parameter as one of that type; by itself it has to be told. */
	if (!type && !wanted)
		type = as->type;
	const char *param = sql_param(c->sql, text, type ? type : as->type);

	out->sql = type ? arena_printf(arena_of(c), "%s::%s", param, type) : param;
	if (type && !strcmp(type, "numeric"))
		out->kind = KIND_NUMERIC;
	return 0;
}

/* ---- what may fail */

/* Something that fails on some values must not do so on those of rows that are not the caller's. */
static const char *guard(struct expr_compiler *c, const char *sql, unsigned tables)
{
	const char *mine = NULL;

	if (c->is_after_groups)
		return sql;
	for (size_t i = 0; i < c->scope->n; i++) {
		struct scope_table *t = &c->scope->tables[i];

		if (!(tables >> i & 1) || !t->table->tenant)
			continue;
		mine = arena_printf(arena_of(c), "%s%s%s IS NOT FALSE", mine ? mine : "",
			mine ? " AND " : "", scope_put_mine(c->scope, t));
	}
	return mine ? arena_printf(arena_of(c), "CASE WHEN %s THEN %s END", mine, sql) : sql;
}

/* ---- functions */

static int wrong_kind(struct expr_compiler *c, const struct expr *x, const struct expr *arg,
	const char *takes, const struct term *got, struct err *e)
{
	return refuse(
		c, arg, e, "%s takes %s, and this is %s", op_name(x), takes, kind_name(got->kind));
}

static int argument(struct expr_compiler *c, const struct expr *x, size_t i,
	const struct term *wanted, struct term *out, struct err *e)
{
	return expr_value(c, x->args[i], wanted, out, e);
}

static void join_terms(struct term *out, const struct term *t)
{
	out->tables |= t->tables;
	out->has_aggregate = out->has_aggregate || t->has_aggregate;
	out->is_from_outside = out->is_from_outside || t->is_from_outside;
	out->is_private = out->is_private || t->is_private;
	out->nullable = out->nullable || t->nullable;
}

static void set_type(struct term *out, enum kind kind, const char *type)
{
	out->kind = kind;
	out->type = type;
}

/* The two sides of an operation: a literal takes the type of the other. */
static int both_sides(struct expr_compiler *c, const struct expr *x, struct term *left,
	struct term *right, struct err *e)
{
	bool right_first = x->args[0]->op == EXPR_LITERAL && x->args[1]->op != EXPR_LITERAL;
	size_t first = right_first ? 1 : 0;
	struct term *a = right_first ? right : left, *b = right_first ? left : right;

	if (argument(c, x, first, NULL, a, e) < 0)
		return -1;
	return argument(c, x, 1 - first, a, b, e);
}

static int arithmetic(
	struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	static const char *const signs[] = { [EXPR_ADD] = "+",
		[EXPR_SUBTRACT] = "-",
		[EXPR_MULTIPLY] = "*",
		[EXPR_DIVIDE] = "/",
		[EXPR_MODULO] = "%" };
	struct term a, b;

	if (both_sides(c, x, &a, &b, e) < 0)
		return -1;
	if (!kind_is_number(a.kind))
		return wrong_kind(c, x, x->args[0], "numbers", &a, e);
	if (!kind_is_number(b.kind))
		return wrong_kind(c, x, x->args[1], "numbers", &b, e);
	bool is_float = a.kind == KIND_FLOAT || b.kind == KIND_FLOAT;

	if (x->op == EXPR_MODULO && is_float)
		return refuse(c, x, e, "modulo takes exact numbers");
	*out = (struct term){ 0 };
	join_terms(out, &a);
	join_terms(out, &b);
	if (is_float)
		set_type(out, KIND_FLOAT, "float8");
	/* Whole numbers divide to exact ones: 1 / 2 is not 0. */
	else if (a.kind == KIND_INTEGER && b.kind == KIND_INTEGER && x->op != EXPR_DIVIDE)
		set_type(out, KIND_INTEGER, "bigint");
	else
		set_type(out, KIND_NUMERIC, "numeric");
	bool divides = x->op == EXPR_DIVIDE || x->op == EXPR_MODULO;

	out->nullable = out->nullable || divides;
	out->sql = arena_printf(arena_of(c),
		divides ? "(%s::%s %s NULLIF(%s::%s, 0))" : "(%s::%s %s %s::%s)", a.sql, out->type,
		signs[x->op], b.sql, out->type);
	out->sql = guard(c, out->sql, out->tables);
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

	if (argument(c, x, 0, NULL, &a, e) < 0)
		return -1;
	if (a.kind != KIND_TEXT)
		return wrong_kind(c, x, x->args[0], "text", &a, e);
	*out = (struct term){ 0 };
	join_terms(out, &a);
	out->sql = arena_printf(arena_of(c), "%s(%s::text)", names[x->op], a.sql);
	if (x->op == EXPR_LENGTH)
		set_type(out, KIND_INTEGER, "integer");
	else
		set_type(out, KIND_TEXT, "text");
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
	if (argument(c, x, at, NULL, &first, e) < 0)
		return -1;
	*out = (struct term){ .kind = first.kind, .type = first.type };
	bool nullable = true;

	for (size_t i = 0; status == 0 && i < x->args_n; i++) {
		status = argument(c, x, i, &first, &t, e);
		if (status < 0)
			break;
		if (t.kind != first.kind &&
			!(kind_is_number(t.kind) && kind_is_number(first.kind))) {
			status = refuse(c, x->args[i], e,
				"coalesce takes values of one type: %s, and this is %s",
				kind_name(first.kind), kind_name(t.kind));
			break;
		}
		if (t.kind != first.kind)
			set_type(out,
				t.kind == KIND_FLOAT || out->kind == KIND_FLOAT ? KIND_FLOAT
										: KIND_NUMERIC,
				t.kind == KIND_FLOAT || out->kind == KIND_FLOAT ? "float8"
										: "numeric");
		join_terms(out, &t);
		nullable = nullable && t.nullable;
		buf_printf(&b, "%s%s", i ? ", " : "coalesce(", t.sql);
	}
	buf_putc(&b, ')');
	out->nullable = nullable;
	out->sql = arena_strdup(arena_of(c), buf_str(&b));
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
		return refuse(c, x, e,
			"cast makes text, bigint, integer, numeric, double, boolean, date, "
			"timestamp, "
			"timestamptz or uuid; \"%.63s\" is none of them",
			x->text);
	if (argument(c, x, 0, NULL, &a, e) < 0)
		return -1;
	*out = (struct term){ 0 };
	join_terms(out, &a);
	set_type(out, w->kind, w->type);
	/* By way of text what is not of a simple type: the server's own casts of enums and the like need not exist. */
	out->sql = arena_printf(arena_of(c),
		a.kind == KIND_OTHER || a.kind == KIND_JSONB || a.kind == KIND_JSON
			? "(%s)::text::%s"
			: "(%s)::%s",
		a.sql, w->type);
	if (w->kind != KIND_TEXT)
		out->sql = guard(c, out->sql, out->tables);
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
		return refuse(c, x, e,
			"%s knows no unit \"%.63s\"; year, month, day, hour are some", op_name(x),
			x->text);
	if (argument(c, x, 0, NULL, &a, e) < 0)
		return -1;
	if (!kind_is_point_in_time(a.kind))
		return wrong_kind(c, x, x->args[0], "a date or timestamp", &a, e);
	*out = (struct term){ 0 };
	join_terms(out, &a);
	/* A date would be taken for a timestamptz. */
	const char *cast_to = a.kind == KIND_DATE ? "::timestamp" : "";

	if (x->op == EXPR_DATE_TRUNC) {
		set_type(out, a.kind == KIND_TIMESTAMPTZ ? KIND_TIMESTAMPTZ : KIND_TIMESTAMP,
			a.kind == KIND_TIMESTAMPTZ ? "timestamptz" : "timestamp");
		out->sql = arena_printf(
			arena_of(c), "date_trunc('%s', %s%s)", units[i], a.sql, cast_to);
	} else {
		set_type(out, KIND_NUMERIC, "numeric");
		out->nullable = true; /* a month of infinity */
		out->sql = arena_printf(
			arena_of(c), "extract(%s FROM %s%s)::numeric", units[i], a.sql, cast_to);
	}
	/* Before the year 4713 BC, or after 294276, a date is no timestamp. */
	out->sql = guard(c, out->sql, out->tables);
	return 0;
}

/* ---- aggregates */

static int count(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	struct term a = { .sql = "*" };

	if (x->args_n && argument(c, x, 0, NULL, &a, e) < 0)
		return -1;
	*out = (struct term){ .tables = a.tables };
	set_type(out, KIND_INTEGER, "bigint");
	if (x->op == EXPR_COUNT_DISTINCT && !kind_is_ordered(a.kind))
		return wrong_kind(c, x, x->args[0], "values that can be told apart", &a, e);
	out->sql = arena_printf(arena_of(c),
		x->op == EXPR_COUNT_DISTINCT ? "count(DISTINCT %s)" : "count(%s)", a.sql);
	return 0;
}

static int sum_or_avg(struct expr_compiler *c, const struct expr *x, const struct term *a,
	struct term *out, struct err *e)
{
	bool is_sum = x->op == EXPR_SUM;

	if (!kind_is_number(a->kind) && a->kind != KIND_INTERVAL)
		return wrong_kind(c, x, x->args[0], "a number or interval", a, e);
	if (a->kind == KIND_INTERVAL)
		set_type(out, KIND_INTERVAL, "interval");
	else if (a->kind == KIND_FLOAT)
		set_type(out, KIND_FLOAT, "float8");
	else
		set_type(out, KIND_NUMERIC, "numeric");
	/* float4 would be summed up in float4. */
	out->sql = arena_printf(arena_of(c), "%s(%s%s)", is_sum ? "sum" : "avg", a->sql,
		a->kind == KIND_FLOAT ? "::float8" : "");
	return 0;
}

static int least_or_most(struct expr_compiler *c, const struct expr *x, const struct term *a,
	struct term *out, struct err *e)
{
	bool is_text = a->kind == KIND_UUID || a->kind == KIND_BOOL;

	if (!kind_is_ordered(a->kind) || a->kind == KIND_JSONB || a->kind == KIND_BYTES || is_text)
		return wrong_kind(c, x, x->args[0], "a number, text, or a time", a, e);
	set_type(out, a->kind, a->type);
	/* varchar and the like have no aggregate of their own */
	if (a->kind == KIND_TEXT)
		out->type = "text";
	out->sql = arena_printf(arena_of(c), "%s(%s%s)", x->op == EXPR_MIN ? "min" : "max", a->sql,
		a->kind == KIND_TEXT ? "::text" : "");
	return 0;
}

static int aggregate_of(
	struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	struct term a;

	if (x->op == EXPR_COUNT || x->op == EXPR_COUNT_DISTINCT)
		return count(c, x, out, e);
	if (argument(c, x, 0, NULL, &a, e) < 0)
		return -1;
	*out = (struct term){ .tables = a.tables,
		.nullable = true,
		.is_from_outside = a.is_from_outside,
		.is_private = a.is_private };
	return x->op == EXPR_SUM || x->op == EXPR_AVG ? sum_or_avg(c, x, &a, out, e)
						      : least_or_most(c, x, &a, out, e);
}

static int aggregate(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	if (!c->may_aggregate)
		return refuse(c, x, e, "%s is an aggregate: it belongs to select, having or sort",
			op_name(x));
	if (c->in_aggregate)
		return refuse(c, x, e, "%s stands within another aggregate", op_name(x));
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

/* ---- conditions */

static int not_null(struct expr_compiler *c, const struct expr *x, struct err *e)
{
	for (size_t i = 0; i < x->args_n; i++)
		if (x->args[i]->op == EXPR_LITERAL && x->args[i]->literal == LITERAL_NULL)
			return refuse(c, x->args[i], e, "nothing is %s to null; ask with isNull",
				op_name(x));
	return 0;
}

static int check_alike(struct expr_compiler *c, const struct expr *x, size_t i,
	const struct term *a, const struct term *b, struct err *e)
{
	bool alike = a->kind == b->kind || (kind_is_number(a->kind) && kind_is_number(b->kind)) ||
		     (kind_is_point_in_time(a->kind) && kind_is_point_in_time(b->kind));

	if (!kind_is_ordered(a->kind))
		return refuse(c, x->args[0], e, "%s cannot be compared: cast it to text",
			kind_name(a->kind));
	if (!alike)
		return refuse(c, x->args[i], e, "%s cannot be compared with %s", kind_name(a->kind),
			kind_name(b->kind));
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

	if (both_sides(c, x, &a, &b, e) < 0 || check_alike(c, x, 1, &a, &b, e) < 0)
		return -1;
	join_terms(out, &a);
	join_terms(out, &b);
	out->sql = arena_printf(arena_of(c), "(%s %s %s)", a.sql, signs[x->op], b.sql);
	return 0;
}

static int among(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	struct term a, b;
	struct buf sql = { 0 };
	int status = 0;

	if (argument(c, x, 0, NULL, &a, e) < 0)
		return -1;
	join_terms(out, &a);
	buf_printf(&sql, x->op == EXPR_IN ? "(%s IN (" : "(%s BETWEEN ", a.sql);
	for (size_t i = 1; status == 0 && i < x->args_n; i++) {
		status = argument(c, x, i, &a, &b, e);
		if (status == 0)
			status = check_alike(c, x, i, &a, &b, e);
		if (status == 0) {
			join_terms(out, &b);
			buf_printf(&sql, "%s%s",
				i == 1             ? ""
				: x->op == EXPR_IN ? ", "
						   : " AND ",
				b.sql);
		}
	}
	buf_puts(&sql, x->op == EXPR_IN ? "))" : ")");
	out->sql = arena_strdup(arena_of(c), buf_str(&sql));
	buf_free(&sql);
	return status;
}

static int pattern(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	static const struct term text = { .kind = KIND_TEXT, .type = "text" };
	struct term a, b;

	if (argument(c, x, 0, NULL, &a, e) < 0 || argument(c, x, 1, &text, &b, e) < 0)
		return -1;
	if (a.kind == KIND_BYTES || a.kind == KIND_CONDITION)
		return wrong_kind(c, x, x->args[0], "text", &a, e);
	/* A pattern from a column could fail half-way, and has no limit of length. */
	if (x->args[1]->op != EXPR_LITERAL)
		return refuse(c, x->args[1], e, "the pattern of %s is a text", op_name(x));
	join_terms(out, &a);
	out->sql = arena_printf(arena_of(c), "(%s::text %s %s::text)", a.sql,
		x->op == EXPR_LIKE ? "LIKE" : "ILIKE", b.sql);
	return 0;
}

static int contains(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	struct term a;

	if (argument(c, x, 0, NULL, &a, e) < 0)
		return -1;
	if (a.kind != KIND_JSONB)
		return wrong_kind(c, x, x->args[0], "a jsonb column", &a, e);
	join_terms(out, &a);
	out->sql = arena_printf(arena_of(c), "(%s @> %s::jsonb)", a.sql,
		sql_param(c->sql, x->args[1]->text, "jsonb"));
	return 0;
}

static int is_null(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e)
{
	struct term a;

	if (argument(c, x, 0, NULL, &a, e) < 0)
		return -1;
	join_terms(out, &a);
	/* Not "IS NULL": that is true of a composite whose fields are all NULL, which is a value. */
	out->sql = arena_printf(arena_of(c),
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
		join_terms(out, &a);
		buf_printf(&b, "%s%s", i == 0 ? "" : x->op == EXPR_AND ? " AND " : " OR ", a.sql);
	}
	buf_putc(&b, ')');
	out->sql = arena_strdup(arena_of(c), buf_str(&b));
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
		return refuse(c, x, e, "this is %s, not a condition", kind_name(out->kind));
	out->kind = KIND_CONDITION;
	return 0;
}

int expr_value(struct expr_compiler *c, const struct expr *x, const struct term *wanted,
	struct term *out, struct err *e)
{
	switch (x->op) {
	case EXPR_COLUMN: return column(c, x, out, e);
	case EXPR_LITERAL: return literal(c, x, wanted, out, e);
	case EXPR_ADD:
	case EXPR_SUBTRACT:
	case EXPR_MULTIPLY:
	case EXPR_DIVIDE:
	case EXPR_MODULO: return arithmetic(c, x, out, e);
	case EXPR_LOWER:
	case EXPR_UPPER:
	case EXPR_TRIM:
	case EXPR_LENGTH: return text_function(c, x, out, e);
	case EXPR_COALESCE: return coalesce(c, x, out, e);
	case EXPR_CAST: return cast(c, x, out, e);
	case EXPR_DATE_TRUNC:
	case EXPR_EXTRACT: return time_function(c, x, out, e);
	case EXPR_COUNT:
	case EXPR_COUNT_DISTINCT:
	case EXPR_SUM:
	case EXPR_AVG:
	case EXPR_MIN:
	case EXPR_MAX: return aggregate(c, x, out, e);
	default: break;
	}
	if (expr_condition(c, x, out, e) < 0)
		return -1;
	/* A condition as a value: {"expr": {"gt": […]}, "as": "is_big"}. */
	set_type(out, KIND_BOOL, "boolean");
	out->nullable = true;
	return 0;
}
