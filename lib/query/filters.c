#include "lib/query/filters.h"

#include <string.h>

#include "lib/base/shown.h"
#include "lib/query/limits.h"

/* How the value behind an operator is read. */
enum shape { SHAPE_ONE, SHAPE_PATTERN, SHAPE_LIST, SHAPE_PAIR, SHAPE_NULL, SHAPE_NOT_NULL };

struct filter_type {
	const char *name;
	enum expr_op op;
	enum shape shape;
};

static const struct filter_type filter_types[] = {
	{ "eq", EXPR_EQ, SHAPE_ONE },
	{ "ne", EXPR_NE, SHAPE_ONE },
	{ "lt", EXPR_LT, SHAPE_ONE },
	{ "le", EXPR_LE, SHAPE_ONE },
	{ "lte", EXPR_LE, SHAPE_ONE },
	{ "gt", EXPR_GT, SHAPE_ONE },
	{ "ge", EXPR_GE, SHAPE_ONE },
	{ "gte", EXPR_GE, SHAPE_ONE },
	{ "like", EXPR_LIKE, SHAPE_PATTERN },
	{ "ilike", EXPR_ILIKE, SHAPE_PATTERN },
	{ "in", EXPR_IN, SHAPE_LIST },
	{ "between", EXPR_BETWEEN, SHAPE_PAIR },
	{ "is", EXPR_IS_NULL, SHAPE_NULL },
	{ "not", EXPR_NOT, SHAPE_NOT_NULL },
};
enum { FILTER_TYPES_N = sizeof filter_types / sizeof *filter_types };

struct reader {
	struct arena *arena;
	const struct settings *settings;
	const char *name; /* of the parameter */
	struct err *err;
};

static int fail(const struct reader *r, const char *what)
{
	return err_set(
		r->err, ERR_BAD_REQUEST, "the parameter %s: %s", shown(r->arena, r->name), what);
}

static const struct filter_type *find_type(const char *name, size_t len)
{
	for (size_t i = 0; i < FILTER_TYPES_N; i++)
		if (strlen(filter_types[i].name) == len && !memcmp(filter_types[i].name, name, len))
			return &filter_types[i];
	return NULL;
}

/* ---- expressions */

static struct expr *new_expr(const struct reader *r, enum expr_op op, size_t args_n)
{
	struct expr *e = arena_zero(r->arena, 1, sizeof *e);

	e->op = op;
	e->where = r->name;
	e->args = arena_zero(r->arena, args_n, sizeof *e->args);
	e->args_n = args_n;
	return e;
}

/* A column or a literal; NULL after a failure, when the text is longer than `most`. */
static struct expr *new_leaf(const struct reader *r, enum expr_op op, const char *text, size_t most)
{
	if (strlen(text) > most) {
		fail(r, arena_printf(r->arena, "%s has at most %zu bytes, here are %zu",
				op == EXPR_COLUMN ? "a name" : "a value", most, strlen(text)));
		return NULL;
	}
	struct expr *e = new_expr(r, op, 0);

	e->literal = LITERAL_STRING;
	e->text = text;
	return e;
}

static size_t count_exprs(const struct expr *e)
{
	size_t n = e ? 1 : 0;

	for (size_t i = 0; e && i < e->args_n; i++)
		n += count_exprs(e->args[i]);
	return n;
}

/* What was there is kept: of a conjunction the arguments, else the whole as one. */
static int add_condition(const struct reader *r, struct query *q, struct expr *more)
{
	bool is_and = q->filter && q->filter->op == EXPR_AND;
	size_t n = !q->filter ? 0 : is_and ? q->filter->args_n : 1;
	struct expr *all;

	if (count_exprs(q->filter) + count_exprs(more) > 4 * query_items_most(r->settings))
		return fail(r, arena_printf(r->arena, "more than %zu expressions in one query",
				       4 * query_items_most(r->settings)));
	if (!n) {
		q->filter = more;
		return 0;
	}
	all = new_expr(r, EXPR_AND, n + 1);
	all->where = q->filter->where;
	memcpy(all->args, is_and ? q->filter->args : &q->filter, n * sizeof *all->args);
	all->args[n] = more;
	q->filter = all;
	return 0;
}

/* ---- values */

/* Behind the opening quote; a doubled quote is one. NULL where there is no closing one, else *p is behind it. */
static const char *take_quoted(struct arena *a, const char **p)
{
	const char *end = *p;

	while (*end && (*end != '"' || end[1] == '"'))
		end += *end == '"' ? 2 : 1;
	if (!*end)
		return NULL;
	char *text = arena_alloc(a, (size_t)(end - *p) + 1), *to = text;

	for (const char *from = *p; from < end; from++) {
		from += *from == '"';
		*to++ = *from;
	}
	*to = '\0';
	*p = end + 1;
	return text;
}

/* The next value of a list, and *p at the comma behind it or at the end. */
static const char *take_value(const struct reader *r, const char **p)
{
	if (**p == '"') {
		++*p;
		const char *text = take_quoted(r->arena, p);

		if (!text)
			fail(r, "a value in double quotes has no closing quote");
		else if (**p && **p != ',')
			fail(r, "a comma should stand behind a value in double quotes");
		else
			return text;
		return NULL;
	}
	size_t len = strcspn(*p, ",");

	if (!len) {
		fail(r, "a list has an empty value; an empty text is written \"\"");
		return NULL;
	}
	*p += len;
	return arena_strndup(r->arena, *p - len, len);
}

static size_t count_commas(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == ',';
	return n;
}

/* The values behind e's first argument. */
static int add_values(const struct reader *r, struct expr *e, const char *list)
{
	size_t most = query_items_most(r->settings);
	struct expr **args = arena_zero(r->arena, count_commas(list) + 2, sizeof *args);

	args[0] = e->args[0];
	e->args = args;
	for (const char *p = list;; p++) {
		const char *text = take_value(r, &p);
		struct expr *leaf = text ? new_leaf(r, EXPR_LITERAL, text, QUERY_TEXT_MAX) : NULL;

		if (!leaf)
			return -1;
		if (e->args_n > most)
			return fail(
				r, arena_printf(r->arena, "a list has at most %zu values", most));
		args[e->args_n++] = leaf;
		if (!*p)
			return 0;
	}
}

static int add_pair(const struct reader *r, struct expr *e, const char *list)
{
	if (add_values(r, e, list))
		return -1;
	if (e->args_n == 3)
		return 0;
	return fail(r, arena_printf(r->arena, "between takes 2 values, here %s %zu",
			       e->args_n == 2 ? "is" : "are", e->args_n - 1));
}

static int add_value(const struct reader *r, struct expr *e, const char *value)
{
	struct expr **args = arena_zero(r->arena, 2, sizeof *args);

	args[0] = e->args[0];
	args[1] = new_leaf(r, EXPR_LITERAL, value, QUERY_TEXT_MAX);
	e->args = args;
	e->args_n = 2;
	return args[1] ? 0 : -1;
}

static int add_pattern(const struct reader *r, struct expr *e, const char *pattern)
{
	const char *fault = query_pattern_fault(r->arena, r->settings, pattern);

	return fault ? fail(r, fault) : add_value(r, e, pattern);
}

static int add_null(const struct reader *r, struct expr *e, const char *word, bool negated)
{
	if (strcmp(word, "null") != 0)
		return fail(
			r, negated ? "not. is followed by null; a value that begins so is eq.not. …"
				   : "is. is followed by null; a value that begins so is eq.is. …");
	if (negated) {
		struct expr *is_null = new_expr(r, EXPR_IS_NULL, 1);

		is_null->args[0] = e->args[0];
		e->args[0] = is_null;
	}
	return 0;
}

static int add_operands(
	const struct reader *r, const struct filter_type *type, struct expr *e, const char *value)
{
	switch (type->shape) {
	case SHAPE_PATTERN: return add_pattern(r, e, value);
	case SHAPE_LIST: return add_values(r, e, value);
	case SHAPE_PAIR: return add_pair(r, e, value);
	case SHAPE_NULL: return add_null(r, e, value, false);
	case SHAPE_NOT_NULL: return add_null(r, e, value, true);
	case SHAPE_ONE: break;
	}
	return add_value(r, e, value);
}

static int add_filter(const struct reader *r, struct query *q, const char *column,
	const struct filter_type *type, const char *value)
{
	struct expr *e = new_expr(r, type->op, 1);

	e->args[0] = new_leaf(r, EXPR_COLUMN, column, QUERY_NAME_MAX);
	if (!e->args[0] || add_operands(r, type, e, value))
		return -1;
	return add_condition(r, q, e);
}

/* The operator that the value begins with, which is then behind it; else eq. */
static const struct filter_type *take_type(const char **value)
{
	size_t len = strcspn(*value, ".");
	const struct filter_type *type = (*value)[len] ? find_type(*value, len) : NULL;

	if (type)
		*value += len + 1;
	return type ? type : &filter_types[0];
}

/* ---- what the registry declares */

struct declared {
	const char *column;
	const struct filter_type *type; /* NULL: as the value says */
};

/* NAME:COLUMN or NAME:COLUMN:OPERATOR; -1 where it is neither. */
static int read_declared(struct arena *a, const char *text, const char **name, struct declared *d)
{
	const char *first = strchr(text, ':'), *second = first ? strchr(first + 1, ':') : NULL;
	const char *end = second ? second : text + strlen(text);

	if (!first || first == text || first + 1 == end)
		return -1;
	*name = arena_strndup(a, text, (size_t)(first - text));
	d->column = arena_strndup(a, first + 1, (size_t)(end - first - 1));
	d->type = second ? find_type(second + 1, strlen(second + 1)) : NULL;
	return second && (!d->type || d->type->shape >= SHAPE_NULL) ? -1 : 0;
}

/* *found stays as it is where none is declared. */
static void find_declared(
	struct arena *a, const struct settings_table *t, const char *wanted, struct declared *found)
{
	for (size_t i = 0; i < t->filters.n; i++) {
		struct declared d;
		const char *name;

		if (read_declared(a, t->filters.items[i], &name, &d) || strcmp(name, wanted) != 0)
			continue;
		*found = d;
		return;
	}
}

int filters_check(const struct settings_table *t, struct err *e)
{
	struct arena a = { 0 };
	int failed = 0;

	for (size_t i = 0; i < t->filters.n && !failed; i++) {
		struct declared d;
		const char *name;

		if (read_declared(&a, t->filters.items[i], &name, &d))
			failed = err_set(e, ERR_CONFIG,
				"tables.%s.filters[%zu]: \"%s\" is not NAME:COLUMN or "
				"NAME:COLUMN:OPERATOR, "
				"with eq, ne, lt, le, gt, ge, like, ilike, in or between",
				t->key, i, t->filters.items[i]);
	}
	arena_free(&a);
	return failed;
}

/* ---- order */

static bool strip(const char *from, const char **end, const char *suffix)
{
	size_t len = strlen(suffix);

	if ((size_t)(*end - from) < len || memcmp(*end - len, suffix, len) != 0)
		return false;
	*end -= len;
	return true;
}

/* Where the name ends that stands between from and end, less what follows it. */
static const char *strip_suffixes(const char *from, const char *end, struct sort *s)
{
	if (strip(from, &end, ".nullsfirst"))
		s->nulls = NULLS_FIRST;
	else if (strip(from, &end, ".nullslast"))
		s->nulls = NULLS_LAST;
	s->descending = strip(from, &end, ".desc");
	if (!s->descending)
		strip(from, &end, ".asc");
	return end;
}

/* One item, and *p at the comma behind it or at the end. */
static int take_sort(const struct reader *r, const char **p, struct sort *s)
{
	const char *name = NULL, *from = *p;

	if (*from == '"') {
		from++;
		name = take_quoted(r->arena, &from);
		if (!name)
			return fail(r, "a name in double quotes has no closing quote");
	}
	*p = from + strcspn(from, ",");
	const char *end = strip_suffixes(from, *p, s);

	if (name ? end != from || !*name : end == from)
		return fail(r,
			"an item is NAME, NAME.asc or NAME.desc, then .nullsfirst or .nullslast");
	if (!name)
		name = arena_strndup(r->arena, from, (size_t)(end - from));
	s->expr = new_leaf(r, EXPR_COLUMN, name, QUERY_NAME_MAX);
	return s->expr ? 0 : -1;
}

static int add_order(const struct reader *r, struct query *q, const char *list)
{
	size_t most = query_items_most(r->settings);
	size_t room = q->sort_n + count_commas(list) + 1;
	struct sort *sort = arena_zero(r->arena, room, sizeof *sort);

	if (q->sort_n)
		memcpy(sort, q->sort, q->sort_n * sizeof *sort);
	q->sort = sort;
	for (const char *p = list;; p++) {
		if (q->sort_n == most)
			return fail(
				r, arena_printf(r->arena, "a list has at most %zu names", most));
		if (take_sort(r, &p, &sort[q->sort_n]))
			return -1;
		q->sort_n++;
		if (!*p)
			return 0;
	}
}

/* ---- the whole */

int filters_add(struct arena *a, const struct settings *s, const struct settings_table *t,
	const char *name, const char *value, struct query *q, struct err *e)
{
	struct reader r = { a, s, name, e };
	struct declared d = { name, NULL };

	if (!strcmp(name, "order"))
		return add_order(&r, q, value);
	find_declared(a, t, name, &d);
	if (!*d.column)
		return fail(&r, "a parameter has a name");
	if (!d.type)
		d.type = take_type(&value);
	return add_filter(&r, q, d.column, d.type, value);
}
