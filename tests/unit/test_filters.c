/*
 * Filters and order as parameters of a URL: each operator, each way of quoting, each error, and the limits at their
 * edges. What they make is compared whole, as text (query_text.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/query/filters.h"
#include "lib/query/limits.h"
#include "tests/unit/query_text.h"

static const struct settings limits = {
	.limits_query_depth = 1, .limits_query_items = 4, .limits_query_pattern = 8
};

static const char *declared[] = { "min_ltv:lifetime_value:ge", "before:born:lt", "mail:email",
	"any_of:code:in", "ages:age:between", "search:name:ilike", "eq:code:eq",
	"theirs:owner.email:like", "order:code" };
static const struct settings_table table = { .key = "t",
	.filters = { declared, sizeof declared / sizeof *declared } };

/* Of NAME=VALUE pairs, given one after the other; ends with NULL. From memory that ends where each does. */
static void read_into(struct buf *b, const char *const *params, bool places)
{
	struct query q = { .limit = -1, .count = QUERY_COUNT_EXACT };
	struct arena a = { 0 };
	struct err e = { 0 };
	int failed = 0;

	for (; *params && !failed; params++) {
		const char *equals = strchr(*params, '=');

		assert_non_null(equals);
		failed = filters_add(&a, &limits, &table,
			arena_strndup(&a, *params, (size_t)(equals - *params)),
			arena_strdup(&a, equals + 1), &q, &e);
	}
	if (failed) {
		assert_int_equal(e.code, ERR_BAD_REQUEST);
		assert_null(strpbrk(e.text, "\n\r\t"));
		buf_puts(b, e.text);
	} else {
		put_query(b, &q, places);
	}
	arena_free(&a);
}

static void check_all(const char *const *params, const char *expected, bool places)
{
	struct buf b = { 0 };

	read_into(&b, params, places);
	if (strcmp(buf_str(&b), expected) != 0)
		fail_msg("%s\n  is        %s\n  should be %s", params[0], buf_str(&b), expected);
	buf_free(&b);
}

static void check(const char *param, const char *expected)
{
	check_all((const char *const[]){ param, NULL }, expected, false);
}

static void reads_each_operator(void **state)
{
	(void)state;
	check("a=x", "from= filter=(eq [a] s:x)");
	check("a=eq.x", "from= filter=(eq [a] s:x)");
	check("a=ne.x", "from= filter=(ne [a] s:x)");
	check("a=lt.x", "from= filter=(lt [a] s:x)");
	check("a=le.x", "from= filter=(le [a] s:x)");
	check("a=lte.x", "from= filter=(le [a] s:x)");
	check("a=gt.x", "from= filter=(gt [a] s:x)");
	check("a=ge.x", "from= filter=(ge [a] s:x)");
	check("a=gte.x", "from= filter=(ge [a] s:x)");
	check("a=like.x%", "from= filter=(like [a] s:x%)");
	check("a=ilike.x_", "from= filter=(ilike [a] s:x_)");
	check("a=in.x,y", "from= filter=(in [a] s:x s:y)");
	check("a=in.x", "from= filter=(in [a] s:x)");
	check("a=between.1,2", "from= filter=(between [a] s:1 s:2)");
	check("a=is.null", "from= filter=(isNull [a])");
	check("a=not.null", "from= filter=(not (isNull [a]))");
}

/* All are literals of unknown type, and only a known word before a dot is an operator. */
static void values_stay_what_they_are(void **state)
{
	(void)state;
	check("a=", "from= filter=(eq [a] s:)");
	check("a=eq.", "from= filter=(eq [a] s:)");
	check("a=eq.eq.x", "from= filter=(eq [a] s:eq.x)");
	check("a=eq", "from= filter=(eq [a] s:eq)");
	check("a=in", "from= filter=(eq [a] s:in)");
	check("a=null", "from= filter=(eq [a] s:null)");
	check("a=EQ.x", "from= filter=(eq [a] s:EQ.x)");
	check("a=equ.x", "from= filter=(eq [a] s:equ.x)");
	check("a=e.x", "from= filter=(eq [a] s:e.x)");
	check("a=.x", "from= filter=(eq [a] s:.x)");
	check("a=jo.doe@example.com", "from= filter=(eq [a] s:jo.doe@example.com)");
	check("a=1.5", "from= filter=(eq [a] s:1.5)");
	check("a=\"x\",y", "from= filter=(eq [a] s:\"x\",y)");
	check("a='; DROP TABLE t; --$1", "from= filter=(eq [a] s:'; DROP TABLE t; --$1)");
	check("a=b=c", "from= filter=(eq [a] s:b=c)");
	check("owner.email=x", "from= filter=(eq [owner.email] s:x)");
	check("\"; --=x", "from= filter=(eq [\"; --] s:x)");
}

static void lists_are_quoted(void **state)
{
	(void)state;
	check("a=in.A,B,\"C,D\"", "from= filter=(in [a] s:A s:B s:C,D)");
	check("a=in.\"say \"\"hi\"\"\"", "from= filter=(in [a] s:say \"hi\")");
	check("a=in.\"\"", "from= filter=(in [a] s:)");
	check("a=in.\"\",\"\"", "from= filter=(in [a] s: s:)");
	check("a=in.\"\"\"\"", "from= filter=(in [a] s:\")");
	check("a=in.5\",6\"", "from= filter=(in [a] s:5\" s:6\")");
	check("a=in. x , y", "from= filter=(in [a] s: x  s: y)");
	check("a=in.eq.x", "from= filter=(in [a] s:eq.x)");
	check("a=between.\"1,5\",\"2,5\"", "from= filter=(between [a] s:1,5 s:2,5)");
	check("a=in.",
		"the parameter \"a\": a list has an empty value; an empty text is written \"\"");
	check("a=in.x,",
		"the parameter \"a\": a list has an empty value; an empty text is written \"\"");
	check("a=in.,x",
		"the parameter \"a\": a list has an empty value; an empty text is written \"\"");
	check("a=in.x,,y",
		"the parameter \"a\": a list has an empty value; an empty text is written \"\"");
	check("a=in.\"x", "the parameter \"a\": a value in double quotes has no closing quote");
	check("a=in.\"x\"\"", "the parameter \"a\": a value in double quotes has no closing quote");
	check("a=in.\"", "the parameter \"a\": a value in double quotes has no closing quote");
	check("a=in.\"x\"y",
		"the parameter \"a\": a comma should stand behind a value in double quotes");
	check("a=between.1", "the parameter \"a\": between takes 2 values, here is 1");
	check("a=between.1,2,3", "the parameter \"a\": between takes 2 values, here are 3");
}

static void null_is_the_only_word(void **state)
{
	(void)state;
	check("a=is.NULL",
		"the parameter \"a\": is. is followed by null; a value that begins so is "
		"eq.is. …");
	check("a=is.", "the parameter \"a\": is. is followed by null; a value that begins so is "
		       "eq.is. …");
	check("a=not.eq.1", "the parameter \"a\": not. is followed by null; a value that begins so "
			    "is eq.not. …");
	check("a=is.null ", "the parameter \"a\": is. is followed by null; a value that begins so "
			    "is eq.is. …");
}

static void patterns_are_short(void **state)
{
	(void)state;
	check("a=like.12345678", "from= filter=(like [a] s:12345678)");
	check("a=like.123456789", "the parameter \"a\": a pattern has at most 8 bytes, here are 9");
	check("a=ilike.x\\", "the parameter \"a\": a pattern cannot end with a backslash that "
			     "escapes nothing");
	check("a=ilike.x\\\\", "from= filter=(ilike [a] s:x\\\\)");
	check("search=123456789",
		"the parameter \"search\": a pattern has at most 8 bytes, here are 9");
}

static void the_registry_declares(void **state)
{
	(void)state;
	check("min_ltv=100", "from= filter=(ge [lifetime_value] s:100)");
	check("min_ltv=lt.100", "from= filter=(ge [lifetime_value] s:lt.100)");
	check("mail=x", "from= filter=(eq [email] s:x)");
	check("mail=ilike.x", "from= filter=(ilike [email] s:x)");
	check("any_of=a,\"b,c\"", "from= filter=(in [code] s:a s:b,c)");
	check("any_of=in.a", "from= filter=(in [code] s:in.a)");
	check("ages=1,2", "from= filter=(between [age] s:1 s:2)");
	check("search=in.a", "from= filter=(ilike [name] s:in.a)");
	check("eq=eq.x", "from= filter=(eq [code] s:eq.x)");
	check("theirs=x%", "from= filter=(like [owner.email] s:x%)");
	check("Min_ltv=1", "from= filter=(eq [Min_ltv] s:1)");
	check("order=code", "from= sort: [code] asc"); /* is the order all the same */
}

static void they_add_up(void **state)
{
	(void)state;
	check_all((const char *const[]){ "a=1", "b=gt.2", "a=not.null", "order=a,b.desc", NULL },
		"from= filter=(and (eq [a] s:1) (gt [b] s:2) (not (isNull [a]))) sort: [a] asc [b] "
		"desc",
		false);
	check_all((const char *const[]){ "a=1", "min_ltv=2", "order=a", NULL },
		"from= filter=(and (eq [a]@a s:1@a)@a (ge [lifetime_value]@min_ltv "
		"s:2@min_ltv)@min_ltv)@a sort: [a]@order asc",
		true);
	check_all((const char *const[]){ "order=a", "order=b.desc", NULL },
		"from= sort: [a] asc [b] desc", false);
}

/* A filter that was there before, of whatever kind, is to hold too. */
static void what_was_there_holds(void **state)
{
	struct expr literal = {
		.op = EXPR_LITERAL, .literal = LITERAL_BOOL, .text = "false", .where = "w"
	};
	struct expr *args[] = { &literal };
	struct expr before[] = {
		{ .op = EXPR_OR, .where = "w", .args = args, .args_n = 1 },
		{ .op = EXPR_AND, .where = "w", .args = args, .args_n = 1 },
	};
	const char *expected[] = { "from= filter=(and (or b:false) (eq [a] s:1)) count=none",
		"from= filter=(and b:false (eq [a] s:1)) count=none" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct query q = { .limit = -1, .filter = &before[i] };
		struct arena a = { 0 };
		struct buf b = { 0 };
		struct err e;

		assert_int_equal(filters_add(&a, &limits, &table, "a", "1", &q, &e), 0);
		put_query(&b, &q, false);
		assert_string_equal(buf_str(&b), expected[i]);
		assert_int_equal(before[i].args_n, 1);
		buf_free(&b);
		arena_free(&a);
	}
}

static void reads_orders(void **state)
{
	static const char item[] =
		"the parameter \"order\": an item is NAME, NAME.asc or NAME.desc, "
		"then .nullsfirst or .nullslast";

	(void)state;
	check("order=a", "from= sort: [a] asc");
	check("order=a.asc", "from= sort: [a] asc");
	check("order=a.desc", "from= sort: [a] desc");
	check("order=a.nullsfirst", "from= sort: [a] asc nulls first");
	check("order=a.desc.nullslast", "from= sort: [a] desc nulls last");
	check("order=a.asc.nullsfirst,b.desc", "from= sort: [a] asc nulls first [b] desc");
	check("order=owner.email.desc", "from= sort: [owner.email] desc");
	check("order=owner.desc", "from= sort: [owner] desc");
	check("order=desc", "from= sort: [desc] asc");
	check("order=a.descending", "from= sort: [a.descending] asc");
	check("order=a.DESC", "from= sort: [a.DESC] asc");
	check("order=a.desc.asc", "from= sort: [a.desc] asc");
	check("order=a.nullslast.desc", "from= sort: [a.nullslast] desc");
	check("order=\"a,b\".desc", "from= sort: [a,b] desc");
	check("order=\"a.desc\"", "from= sort: [a.desc] asc");
	check("order=\"a\"\"b\",c", "from= sort: [a\"b] asc [c] asc");
	check("order=a; DROP TABLE t", "from= sort: [a; DROP TABLE t] asc");
	check("order=", item);
	check("order=,a", item);
	check("order=a,", item);
	check("order=a,,b", item);
	check("order=.desc", item);
	check("order=\"\"", item);
	check("order=\"\".desc", item);
	check("order=\"a\"x", item);
	check("order=\"a\".up", item);
	check("order=\"a", "the parameter \"order\": a name in double quotes has no closing quote");
}

/* ---- limits */

static void put_repeated(
	struct buf *b, const char *before, const char *item, const char *between, size_t n)
{
	b->len = 0;
	buf_puts(b, before);
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%s%s", i ? between : "", item);
}

/* n will do; one more is refused with this text. */
static void check_most(
	const char *before, const char *item, const char *between, size_t n, const char *expected)
{
	struct buf param = { 0 }, text = { 0 };

	put_repeated(&param, before, item, between, n);
	read_into(&text, (const char *const[]){ buf_str(&param), NULL }, false);
	if (strncmp(buf_str(&text), "from=", 5) != 0)
		fail_msg("%s is refused: %s", buf_str(&param), buf_str(&text));
	put_repeated(&param, before, item, between, n + 1);
	check(buf_str(&param), expected);
	buf_free(&param);
	buf_free(&text);
}

static void lists_are_short(void **state)
{
	(void)state;
	check_most("a=in.", "x", ",", 4, "the parameter \"a\": a list has at most 4 values");
	check_most("a=in.", "\",,,,\"", ",", 4, "the parameter \"a\": a list has at most 4 values");
	check_most("any_of=", "x", ",", 4, "the parameter \"any_of\": a list has at most 4 values");
	check_most("order=", "x", ",", 4, "the parameter \"order\": a list has at most 4 names");
	check_most("a=", "x", "", QUERY_TEXT_MAX,
		"the parameter \"a\": a value has at most 65536 bytes, here are 65537");
	check_most("a=between.1,", "x", "", QUERY_TEXT_MAX,
		"the parameter \"a\": a value has at most 65536 bytes, here are 65537");
	check_most("order=", "x", "", QUERY_NAME_MAX,
		"the parameter \"order\": a name has at most 255 bytes, here are 256");
}

static void names_are_short(void **state)
{
	struct buf param = { 0 };

	(void)state;
	check("=x", "the parameter \"\": a parameter has a name");
	for (size_t i = 0; i < QUERY_NAME_MAX + 1; i++)
		buf_putc(&param, 'x');
	buf_puts(&param, "=1");
	check(buf_str(&param),
		"the parameter \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…\": a name has at "
		"most 255 bytes, here are 256");
	buf_free(&param);
}

/* 16 = 4 × 4, of all parameters together. */
static void expressions_are_counted(void **state)
{
	const char *most[] = { "a=1", "a=2", "a=3", "a=4", "a=5", NULL, NULL };

	(void)state; /* 5 × 3, and one for "and" */
	check_all(most,
		"from= filter=(and (eq [a] s:1) (eq [a] s:2) (eq [a] s:3) (eq [a] s:4) (eq [a] "
		"s:5))",
		false);
	most[5] = "b=is.null";
	check_all(most, "the parameter \"b\": more than 16 expressions in one query", false);
}

/* ---- what the settings say */

static void declarations_are_checked(void **state)
{
	static const char *good[] = { "a:b", "a:b.c", "a:b:in", "a:b:gte" };
	static const char *bad[] = { "", "a", "a:", ":b", ":", "::", "a::", "a::ge",
		"a:b:", "a:b:is", "a:b:not", "a:b:or", "a:b:ge:", "a:b:ge;" };
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct settings_table t = { .key = "t", .filters = { &good[i], 1 } };

		if (filters_check(&t, &e))
			fail_msg("%s is refused", good[i]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *items[] = { "a:b", bad[i] };
		struct settings_table t = { .key = "t", .filters = { items, 2 } };

		if (!filters_check(&t, &e))
			fail_msg("%s is taken", bad[i]);
		assert_int_equal(e.code, ERR_CONFIG);
		assert_non_null(strstr(e.text, "tables.t.filters[1]"));
	}
	assert_int_equal(filters_check(&table, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_each_operator),
		cmocka_unit_test(values_stay_what_they_are),
		cmocka_unit_test(lists_are_quoted),
		cmocka_unit_test(null_is_the_only_word),
		cmocka_unit_test(patterns_are_short),
		cmocka_unit_test(the_registry_declares),
		cmocka_unit_test(they_add_up),
		cmocka_unit_test(what_was_there_holds),
		cmocka_unit_test(reads_orders),
		cmocka_unit_test(lists_are_short),
		cmocka_unit_test(names_are_short),
		cmocka_unit_test(expressions_are_counted),
		cmocka_unit_test(declarations_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
