/*
 * Queries told as JSON: the canonical form, that it reads back as the same tree, whatever the tree, and that what is
 * hidden is not in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/query/definition.h"
#include "lib/query/query_json.h"
#include "tests/unit/query_text.h"

enum { TREES = 20000, DEPTH = 6, ITEMS = 4 };

static const struct settings limits = {
	.limits_query_depth = 16, .limits_query_items = 1000, .limits_query_pattern = 256
};

/* Columns whose names begin with h. */
static bool hides_h(const void *of, const char *column)
{
	(void)of;
	return *column == 'h';
}

static bool hides_none(const void *of, const char *column)
{
	(void)of, (void)column;
	return false;
}

static void read_query(struct arena *a, const char *json, struct query *q)
{
	const char *pointer;
	struct err e;

	if (definition_read(a, &limits, json, strlen(json), q, &pointer, &e))
		fail_msg("%s\n  is refused: %s: %s", json, pointer, e.text);
}

static void check(const char *json, query_json_hides *hides, const char *expected)
{
	struct arena a = { 0 };
	struct buf b = { 0 };
	struct query q;

	read_query(&a, json, &q);
	query_json(&b, &q, hides, NULL);
	if (strcmp(buf_str(&b), expected) != 0)
		fail_msg("%s\n  is        %s\n  should be %s", json, buf_str(&b), expected);
	buf_free(&b);
	arena_free(&a);
}

/* ---- the form */

static void has_one_form(void **state)
{
	(void)state;
	check("{\"from\":\"t\"}", NULL, "{\"from\":\"t\"}");
	check("{ \"count\": \"exact\", \"validateOnly\": false, \"page\": {}, \"groupBy\": [],\n"
	      "\"sort\": [], \"from\": \"t\\u0061\" }",
		NULL, "{\"from\":\"ta\"}");
	check("{\"validateOnly\":true,\"count\":\"none\",\"page\":{\"offset\":7,\"limit\":5},"
	      "\"sort\":[{\"column\":\"a\",\"direction\":\"asc\"},{\"expr\":\"b\",\"direction\":"
	      "\"desc\"},{\"nulls\":\"first\",\"expr\":{\"lower\":\"c\"}},{\"column\":\"d\","
	      "\"nulls\":\"last\"}],\"having\":{\"gt\":[{\"count\":\"*\"},5]},\"groupBy\":"
	      "[{\"column\":\"a\"},{\"upper\":\"b\"}],\"filter\":{\"isNull\":\"a\"},"
	      "\"select\":[{\"column\":\"a\"},{\"column\":\"a\",\"as\":\"x\"},{\"expr\":\"a\"},"
	      "{\"expr\":{\"value\":\"v\"}},{\"expr\":5,\"as\":\"five\"}],\"from\":\"t\"}",
		NULL,
		"{\"from\":\"t\",\"select\":[\"a\",{\"column\":\"a\",\"as\":\"x\"},\"a\","
		"{\"expr\":{\"value\":\"v\"}},{\"expr\":5,\"as\":\"five\"}],"
		"\"filter\":{\"isNull\":[\"a\"]},\"groupBy\":[\"a\",{\"upper\":[\"b\"]}],"
		"\"having\":{\"gt\":[{\"count\":[]},5]},\"sort\":[\"a\",{\"column\":\"b\","
		"\"direction\":\"desc\"},{\"expr\":{\"lower\":[\"c\"]},\"nulls\":\"first\"},"
		"{\"column\":\"d\",\"nulls\":\"last\"}],\"page\":{\"limit\":5,\"offset\":7},"
		"\"count\":\"none\",\"validateOnly\":true}");
	check("{\"from\":\"t\",\"count\":\"planned\",\"page\":{\"after\":\"tok\"},\"filter\":{"
	      "\"or\":["
	      "{\"in\":[\"a\",1,2]},{\"in\":[\"a\",[\"x\",{\"column\":\"b\"}]]},"
	      "{\"eq\":[{\"value\":\"x\"},{\"column\":\"a\"}]},{\"like\":[\"a\",\"x%\"]},"
	      "{\"contains\":[\"a\", { \"k\" : null }]},{\"between\":[{\"cast\":[\"a\",\"date\"]},"
	      "\"2024-01-01\",null]},{\"eq\":[{\"extract\":[\"year\",\"a\"]},1.50]},"
	      "{\"count\":{\"column\":\"*\"}},{\"value\":true},\"flag\"]}}",
		NULL,
		"{\"from\":\"t\",\"filter\":{\"or\":[{\"in\":[\"a\",[1,2]]},"
		"{\"in\":[\"a\",[\"x\",{\"column\":\"b\"}]]},"
		"{\"eq\":[{\"value\":\"x\"},{\"column\":\"a\"}]},{\"like\":[\"a\",\"x%\"]},"
		"{\"contains\":[\"a\",{ \"k\" : null }]},{\"between\":[{\"cast\":[\"a\",\"date\"]},"
		"\"2024-01-01\",null]},{\"eq\":[{\"extract\":[\"year\",\"a\"]},1.50]},"
		"{\"count\":[{\"column\":\"*\"}]},true,\"flag\"]},"
		"\"page\":{\"after\":\"tok\"},\"count\":\"planned\"}");
	check("{\"from\":\"t\",\"filter\":{\"column\":\"a\"},\"having\":{\"value\":false}}", NULL,
		"{\"from\":\"t\",\"filter\":{\"column\":\"a\"},\"having\":{\"value\":false}}");
}

static void hides_what_stands_beside(void **state)
{
	(void)state;
	check("{\"from\":\"t\",\"page\":{\"after\":\"tok\"},\"filter\":{\"eq\":[\"a\",\"x\"]}}",
		hides_none,
		"{\"from\":\"t\",\"filter\":{\"eq\":[\"a\",\"x\"]},\"page\":{\"after\":\"***\"}}");
	check("{\"from\":\"t\",\"filter\":{\"and\":[{\"eq\":[\"h\",\"x\"]},{\"eq\":[\"a\",\"x\"]},"
	      "{\"not\":{\"or\":[{\"in\":[\"h\",[1,2]]},{\"lt\":[{\"length\":\"a\"},3]}]}},"
	      "{\"eq\":[{\"lower\":\"h\"},\"x\"]},{\"eq\":[5,{\"column\":\"h\"}]},"
	      "{\"between\":[\"h\",null,true]},{\"like\":[\"h\",\"x%\"]},"
	      "{\"contains\":[\"h\",{\"k\":1}]},{\"isNull\":\"h\"}]}}",
		hides_h,
		"{\"from\":\"t\",\"filter\":{\"and\":[{\"eq\":[\"h\",\"***\"]},"
		"{\"eq\":[\"a\",\"x\"]},{\"not\":[{\"or\":[{\"in\":[\"h\",[\"***\",\"***\"]]},"
		"{\"lt\":[{\"length\":[\"a\"]},3]}]}]},{\"eq\":[{\"lower\":[\"h\"]},\"***\"]},"
		"{\"eq\":[{\"value\":\"***\"},{\"column\":\"h\"}]},"
		"{\"between\":[\"h\",\"***\",\"***\"]},{\"like\":[\"h\",\"***\"]},"
		"{\"contains\":[\"h\",\"***\"]},{\"isNull\":[\"h\"]}]}}");
	/* conditions within conditions, and expressions that are none */
	check("{\"from\":\"t\",\"filter\":{\"eq\":[{\"or\":[{\"eq\":[\"a\",1]},{\"eq\":[\"h\",2]}]}"
	      ","
	      "true]},\"select\":[{\"expr\":{\"coalesce\":[\"h\",{\"value\":\"x\"}]}},"
	      "{\"expr\":{\"coalesce\":[\"a\",{\"value\":\"x\"}]}},{\"expr\":{\"cast\":[\"h\","
	      "\"text\"]}}],\"sort\":[{\"expr\":{\"add\":[\"h\",1]}}],\"groupBy\":[{\"add\":[\"h\","
	      "1]}],\"having\":{\"gt\":[{\"max\":\"h\"},9]}}",
		hides_h,
		"{\"from\":\"t\",\"select\":[{\"expr\":{\"coalesce\":[\"h\",{\"value\":\"***\"}]}},"
		"{\"expr\":{\"coalesce\":[\"a\",{\"value\":\"x\"}]}},{\"expr\":{\"cast\":[\"h\","
		"\"text\"]}}],\"filter\":{\"eq\":[{\"or\":[{\"eq\":[\"a\",\"***\"]},{\"eq\":[\"h\","
		"\"***\"]}]},\"***\"]},\"groupBy\":[{\"add\":[\"h\",{\"value\":\"***\"}]}],"
		"\"having\":{\"gt\":[{\"max\":[\"h\"]},\"***\"]},"
		"\"sort\":[{\"expr\":{\"add\":[\"h\",{\"value\":\"***\"}]}}]}");
}

/* ---- any tree */

struct maker {
	struct arena arena;
	uint64_t seed;
};

static size_t any(struct maker *m, size_t n)
{
	m->seed = m->seed * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(m->seed >> 33) % n;
}

static const char *any_name(struct maker *m)
{
	static const char *const names[] = { "a", "h", "*", "owner.h", "h.a", "***", "value",
		"\xc3\xa9 \"q\"\\\n", "\xf0\x9f\x98\x80", "null" };

	return names[any(m, sizeof names / sizeof *names)];
}

static struct expr *new_expr(struct maker *m, enum expr_op op, size_t room)
{
	struct expr *x = arena_zero(&m->arena, 1, sizeof *x);

	x->op = op;
	x->where = "";
	x->args = arena_zero(&m->arena, room + 1, sizeof *x->args);
	return x;
}

static struct expr *any_column(struct maker *m)
{
	struct expr *x = new_expr(m, EXPR_COLUMN, 0);

	x->text = any_name(m);
	return x;
}

static struct expr *new_literal(struct maker *m, enum literal literal, const char *text)
{
	struct expr *x = new_expr(m, EXPR_LITERAL, 0);

	x->literal = (uint8_t)literal;
	x->text = text;
	return x;
}

/* "secret" in all that has letters of its own. */
static struct expr *any_literal(struct maker *m)
{
	static const char *const numbers[] = { "1.50", "-0.0", "1e400", "99999999999999999999999" };
	static const char *const integers[] = { "0", "-0", "9223372036854775807", "-42" };
	static const char *const strings[] = { "secret", "", "secret\t\"\\\xc3\xa9\x01", "*" };

	switch (any(m, 5)) {
	case 0: return new_literal(m, LITERAL_NULL, NULL);
	case 1: return new_literal(m, LITERAL_BOOL, any(m, 2) ? "true" : "false");
	case 2: return new_literal(m, LITERAL_INTEGER, integers[any(m, 4)]);
	case 3: return new_literal(m, LITERAL_NUMBER, numbers[any(m, 4)]);
	default: return new_literal(m, LITERAL_STRING, strings[any(m, 4)]);
	}
}

static struct expr *any_expr(struct maker *m, size_t depth);

static struct expr *any_argument(struct maker *m, enum expr_op op, size_t i, size_t depth)
{
	static const char *const json[] = { "{\"secret\": [1, {}]}", "\"secret\"", "null", "[ ]" };

	if (i && (op == EXPR_LIKE || op == EXPR_ILIKE))
		return new_literal(m, LITERAL_STRING, any(m, 2) ? "secret%" : "");
	if (i && op == EXPR_CONTAINS)
		return new_literal(m, LITERAL_JSON, json[any(m, 4)]);
	return any_expr(m, depth);
}

static struct expr *any_operation(struct maker *m, size_t depth)
{
	enum expr_op op = EXPR_ADD + (enum expr_op)any(m, EXPR_OPS_N - EXPR_ADD);
	const struct expr_type *t = &expr_types[op];
	size_t most = t->args_most == UINT8_MAX ? ITEMS : t->args_most;
	size_t n = t->args_least + any(m, most - t->args_least + 1);
	struct expr *x = new_expr(m, op, n);

	if (op == EXPR_CAST || op == EXPR_DATE_TRUNC || op == EXPR_EXTRACT)
		x->text = any_name(m);
	for (x->args_n = 0; x->args_n < n; x->args_n++)
		x->args[x->args_n] = any_argument(m, op, x->args_n, depth - 1);
	return x;
}

static struct expr *any_expr(struct maker *m, size_t depth)
{
	size_t choice = any(m, depth ? 6 : 2);

	return choice == 0 ? any_column(m) : choice == 1 ? any_literal(m) : any_operation(m, depth);
}

static struct expr *not_literal(struct maker *m)
{
	return any(m, 2) ? any_column(m) : any_operation(m, DEPTH);
}

static void any_query(struct maker *m, struct query *q)
{
	*q = (struct query){ .from = any_name(m), .limit = -1 };
	q->select_n = any(m, ITEMS);
	q->select = arena_zero(&m->arena, ITEMS, sizeof *q->select);
	for (size_t i = 0; i < q->select_n; i++)
		q->select[i] =
			(struct output){ any_expr(m, DEPTH), any(m, 2) ? any_name(m) : NULL };
	q->filter = any(m, 3) ? any_expr(m, DEPTH) : NULL;
	q->having = any(m, 3) ? NULL : any_expr(m, DEPTH);
	q->group_by_n = any(m, ITEMS);
	q->group_by = arena_zero(&m->arena, ITEMS, sizeof *q->group_by);
	for (size_t i = 0; i < q->group_by_n; i++)
		q->group_by[i] = not_literal(m);
	q->sort_n = any(m, ITEMS);
	q->sort = arena_zero(&m->arena, ITEMS, sizeof *q->sort);
	for (size_t i = 0; i < q->sort_n; i++)
		q->sort[i] = (struct sort){ not_literal(m), any(m, 2), (uint8_t)any(m, 3) };
	q->limit = any(m, 2) ? (int64_t)any(m, 1000) + 1 : -1;
	q->offset = any(m, 2) ? (int64_t)any(m, 1000) : 0;
	q->after = any(m, 4) || q->offset ? NULL : "a token";
	q->count = (uint8_t)any(m, 3);
	q->validate_only = any(m, 2);
}

static void check_same(const struct query *q, const char *json)
{
	struct buf is = { 0 }, expected = { 0 }, again = { 0 };
	struct arena a = { 0 };
	struct query read;

	read_query(&a, json, &read);
	put_query(&is, &read, false);
	put_query(&expected, q, false);
	if (strcmp(buf_str(&is), buf_str(&expected)) != 0)
		fail_msg("%s\n  reads as  %s\n  should be %s", json, buf_str(&is),
			buf_str(&expected));
	query_json(&again, &read, NULL, NULL);
	assert_string_equal(buf_str(&again), json);
	buf_free(&is);
	buf_free(&expected);
	buf_free(&again);
	arena_free(&a);
}

static void reads_back_as_the_same(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < TREES; seed++) {
		struct maker m = { .seed = seed };
		struct buf b = { 0 };
		struct query q;

		any_query(&m, &q);
		query_json(&b, &q, NULL, NULL);
		check_same(&q, buf_str(&b));
		buf_free(&b);
		arena_free(&m.arena);
	}
}

/* ---- what is hidden in any tree */

static bool has(const struct expr *x, enum expr_op leaf, const char *begin)
{
	bool found = x->op == leaf && x->text && !strncmp(x->text, begin, strlen(begin));

	for (size_t i = 0; i < x->args_n; i++)
		found = has(x->args[i], leaf, begin) || found;
	return found;
}

/* An expression with a hidden column and without, as a condition: whether "secret" is told. */
static void hides_in_any_tree(void **state)
{
	size_t hidden_n = 0, told_n = 0;

	(void)state;
	for (uint64_t seed = 0; seed < TREES; seed++) {
		struct maker m = { .seed = seed };
		struct buf b = { 0 };
		struct query q = { .from = "t", .limit = -1 }, read;
		struct expr *x = any_operation(&m, DEPTH);

		while (x->op == EXPR_AND || x->op == EXPR_OR || x->op == EXPR_NOT)
			x = any_operation(&m, DEPTH);
		q.filter = new_expr(&m, EXPR_NOT, 1);
		q.filter->args[q.filter->args_n++] = x;
		query_json(&b, &q, hides_h, NULL);
		bool is_hidden = has(x, EXPR_COLUMN, "h");
		bool is_told = strstr(buf_str(&b), "secret") != NULL;

		if (is_told != (!is_hidden && (has(x, EXPR_LITERAL, "secret") ||
						      has(x, EXPR_LITERAL, "{\"secret\"") ||
						      has(x, EXPR_LITERAL, "\"secret\""))))
			fail_msg("%s", buf_str(&b));
		hidden_n += is_hidden;
		told_n += is_told;
		read_query(&m.arena, buf_str(&b), &read); /* still a definition */
		buf_free(&b);
		arena_free(&m.arena);
	}
	assert_true(hidden_n > TREES / 10 && told_n > TREES / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_one_form),
		cmocka_unit_test(hides_what_stands_beside),
		cmocka_unit_test(reads_back_as_the_same),
		cmocka_unit_test(hides_in_any_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
