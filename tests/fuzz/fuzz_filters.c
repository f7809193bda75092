/*
 * Filters and orders of a URL from a stranger: a parameter a line, NAME=VALUE. What is read keeps to the limits, and written down
 * again, with each value and name in quotes, it is read as the same.
 */
#include <stdlib.h>

#include "lib/query/filters.h"
#include "lib/query/limits.h"
#include "tests/unit/query_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { ITEMS = 6, PATTERN = 8 };

static const struct settings settings = {
	.limits_query_depth = 4, .limits_query_items = ITEMS, .limits_query_pattern = PATTERN
};

static const char *declared[] = { "min:amount:ge", "any:code:in", "span:age:between",
	"search:owner.name:ilike", "mail:email" };
static const struct settings_table table = { .key = "t",
	.filters = { declared, sizeof declared / sizeof *declared } };

static void check(bool holds)
{
	if (!holds)
		abort();
}

static int add(struct arena *a, struct query *q, const char *name, const char *value, struct err *e)
{
	int failed = filters_add(a, &settings, &table, name, value, q, e);

	if (failed) {
		check(e->code == ERR_BAD_REQUEST && e->text[0] &&
			utf8_valid(e->text, strlen(e->text)));
		for (const char *p = e->text; *p; p++)
			check((unsigned char)*p >= 0x20 && *p != 0x7f);
	}
	return failed;
}

/* ---- what was read */

static size_t check_leaf(const struct expr *e, enum expr_op op)
{
	check(e->op == op && e->args_n == 0 && e->where && e->text);
	check(strlen(e->text) <= (op == EXPR_COLUMN ? (size_t)QUERY_NAME_MAX : QUERY_TEXT_MAX));
	check(op == EXPR_COLUMN ? e->text[0] != '\0' : e->literal == LITERAL_STRING);
	return 1;
}

static size_t check_condition(const struct expr *e)
{
	const struct expr *test = e->op == EXPR_NOT ? e->args[0] : e;
	const struct expr_type *t = &expr_types[test->op];
	size_t n = e == test ? 1 : 2;

	check(t->is_condition && test->op > EXPR_NOT && test->op < EXPR_CONTAINS);
	check(e == test || (e->args_n == 1 && test->op == EXPR_IS_NULL));
	check(test->args_n >= t->args_least && test->args_n <= t->args_most &&
		test->args_n <= ITEMS + 1);
	if (test->op == EXPR_LIKE || test->op == EXPR_ILIKE)
		check(strlen(test->args[1]->text) <= PATTERN);
	for (size_t i = 0; i < test->args_n; i++)
		n += check_leaf(test->args[i], i ? EXPR_LITERAL : EXPR_COLUMN);
	return n;
}

static void check_query(const struct query *q)
{
	const struct expr *f = q->filter;
	bool is_and = f && f->op == EXPR_AND;
	size_t n = is_and ? 1 : f ? check_condition(f) : 0;

	for (size_t i = 0; is_and && i < f->args_n; i++)
		n += check_condition(f->args[i]);
	check(n <= 4 * ITEMS + 1 && q->sort_n <= ITEMS);
	for (size_t i = 0; i < q->sort_n; i++)
		check_leaf(q->sort[i].expr, EXPR_COLUMN);
}

/* ---- written down again */

static void put_quoted(struct buf *b, const char *s)
{
	buf_putc(b, '"');
	for (; *s; s++) {
		buf_puts(b, *s == '"' ? "\"" : "");
		buf_putc(b, *s);
	}
	buf_putc(b, '"');
}

static void write_condition(struct arena *a, const struct expr *e, struct query *q)
{
	const struct expr *test = e->op == EXPR_NOT ? e->args[0] : e;
	bool is_list = test->op == EXPR_IN || test->op == EXPR_BETWEEN;
	struct buf value = { 0 };
	struct err err;

	if (test->op == EXPR_IS_NULL)
		buf_puts(&value, e == test ? "is.null" : "not.null");
	else
		buf_printf(&value, "%s.", expr_types[test->op].name);
	for (size_t i = 1; i < test->args_n; i++) {
		buf_puts(&value, i > 1 ? "," : "");
		if (is_list)
			put_quoted(&value, test->args[i]->text);
		else
			buf_puts(&value, test->args[i]->text);
	}
	check(add(a, q, test->args[0]->text, arena_strdup(a, buf_str(&value)), &err) == 0);
	buf_free(&value);
}

static void write_order(struct arena *a, const struct query *from, struct query *q)
{
	static const char *const nulls[] = { "", ".nullsfirst", ".nullslast" };
	struct buf value = { 0 };
	struct err err;

	for (size_t i = 0; i < from->sort_n; i++) {
		const struct sort *s = &from->sort[i];

		buf_puts(&value, i ? "," : "");
		put_quoted(&value, s->expr->text);
		buf_printf(&value, "%s%s", s->descending ? ".desc" : "", nulls[s->nulls]);
	}
	check(!value.len || add(a, q, "order", arena_strdup(a, buf_str(&value)), &err) == 0);
	buf_free(&value);
}

static void check_again(struct arena *a, const struct query *q)
{
	struct query again = { .limit = -1 };
	struct buf one = { 0 }, two = { 0 };
	const struct expr *f = q->filter;

	if (f && f->op != EXPR_AND)
		write_condition(a, f, &again);
	for (size_t i = 0; f && f->op == EXPR_AND && i < f->args_n; i++)
		write_condition(a, f->args[i], &again);
	write_order(a, q, &again);
	put_query(&one, q, false);
	put_query(&two, &again, false);
	check(!strcmp(buf_str(&one), buf_str(&two)));
	buf_free(&one);
	buf_free(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct arena a = { 0 };
	struct query q = { .limit = -1 };
	struct err e = { 0 };
	char *text = arena_strndup(&a, (const char *)data, len), *line = text;
	int failed = 0;

	/* What a query string is decoded to has no NUL, and is UTF-8. */
	if (strlen(text) < len || !utf8_valid(text, len)) {
		arena_free(&a);
		return 0;
	}
	while (!failed && *line) {
		char *end = strchrnul(line, '\n'), *next = *end ? end + 1 : end;

		*end = '\0';
		char *equals = strchrnul(line, '='), *value = *equals ? equals + 1 : equals;

		*equals = '\0';
		/* From pieces of their own, so that a sanitizer sees what is read behind them. */
		failed = add(&a, &q, arena_strdup(&a, line), arena_strdup(&a, value), &e);
		line = next;
	}
	if (!failed) {
		check_query(&q);
		check_again(&a, &q);
	}
	arena_free(&a);
	return 0;
}
