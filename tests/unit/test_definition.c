/*
 * Definitions: each operation, each error with its place, and the limits at their edges. What a definition says is
 * compared whole, as text (query_text.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/query/definition.h"
#include "lib/query/limits.h"
#include "tests/unit/query_text.h"

static const struct settings limits = {
	.limits_query_depth = 4, .limits_query_items = 6, .limits_query_pattern = 8
};

/* The text of what was read, or of the error: "POINTER: TEXT". From memory that ends where the JSON does. */
static void read_into(struct buf *b, const char *json, size_t len, bool places)
{
	char *exact = mem_alloc(len, 1);
	struct arena a = { 0 };
	const char *pointer = "unset";
	struct err e = { 0 };
	struct query q;

	memcpy(exact, json, len);
	if (definition_read(&a, &limits, exact, len, &q, &pointer, &e)) {
		assert_int_equal(e.code, ERR_BAD_REQUEST);
		assert_null(strpbrk(e.text, "\n\r\t"));
		buf_printf(b, "%s: %s", pointer, e.text);
	} else {
		put_query(b, &q, places);
	}
	arena_free(&a);
	free(exact);
}

static void check_len(const char *json, size_t len, const char *expected, bool places)
{
	struct buf b = { 0 };

	read_into(&b, json, len, places);
	if (strcmp(buf_str(&b), expected) != 0)
		fail_msg("%.*s\n  is        %s\n  should be %s", (int)len, json, buf_str(&b),
			expected);
	buf_free(&b);
}

static void check(const char *json, const char *expected)
{
	check_len(json, strlen(json), expected, false);
}

/* The definition of table t whose filter is this. */
static void check_filter(const char *filter, const char *expected)
{
	struct buf json = { 0 }, text = { 0 };

	buf_printf(&json, "{\"from\":\"t\",\"filter\":%s}", filter);
	buf_printf(&text, "%s%s", *expected == '/' ? "" : "from=t filter=", expected);
	check_len(json.data, json.len, buf_str(&text), false);
	buf_free(&json);
	buf_free(&text);
}

/* The same of a selected expression. */
static void check_expr(const char *expr, const char *expected)
{
	struct buf json = { 0 }, text = { 0 };

	buf_printf(&json, "{\"from\":\"t\",\"select\":[{\"expr\":%s}]}", expr);
	buf_printf(&text, "%s%s", *expected == '/' ? "" : "from=t select=", expected);
	check_len(json.data, json.len, buf_str(&text), false);
	buf_free(&json);
	buf_free(&text);
}

/* ---- what is read */

static void reads_the_whole(void **state)
{
	static const char whole[] =
		"{ \"from\": \"users\",\n"
		"  \"select\": [\"user_id\", {\"column\": \"email\", \"as\": \"mail\"},\n"
		"             {\"expr\": {\"lower\": [\"name\"]}, \"as\": \"who\"}],\n"
		"  \"filter\": {\"and\": [{\"ge\": [\"user_id\", 10]}, {\"in\": [\"code\", "
		"[\"US\", \"DE\"]]}]},\n"
		"  \"groupBy\": [\"code\", {\"upper\": \"code\"}], \"having\": {\"gt\": "
		"[{\"count\": []}, "
		"5]},\n"
		"  \"sort\": [{\"column\": \"user_id\", \"direction\": \"desc\", \"nulls\": "
		"\"last\"}, "
		"\"who\"],\n"
		"  \"page\": {\"limit\": 100, \"after\": \"abc\"},\n"
		"  \"count\": \"planned\", \"validateOnly\": true }\n";

	(void)state;
	check(whole, "from=users select=[user_id] [email]=mail (lower [name])=who "
		     "filter=(and (ge [user_id] i:10) (in [code] s:US s:DE)) "
		     "group=[code] (upper [code]) having=(gt (count) i:5) "
		     "sort: [user_id] desc nulls last [who] asc limit=100 after=abc count=planned "
		     "validate");
	check_len(whole, sizeof whole - 1,
		"from=users select=[user_id]@/select/0 [email]@/select/1/column=mail "
		"(lower [name]@/select/2/expr/lower/0)@/select/2/expr=who "
		"filter=(and (ge [user_id]@/filter/and/0/ge/0 "
		"i:10@/filter/and/0/ge/1)@/filter/and/0 "
		"(in [code]@/filter/and/1/in/0 s:US@/filter/and/1/in/1/0 "
		"s:DE@/filter/and/1/in/1/1)@/filter/and/1)@/filter "
		"group=[code]@/groupBy/0 (upper [code]@/groupBy/1/upper)@/groupBy/1 "
		"having=(gt (count)@/having/gt/0 i:5@/having/gt/1)@/having "
		"sort: [user_id]@/sort/0/column desc nulls last [who]@/sort/1 asc "
		"limit=100 after=abc count=planned validate",
		true);
}

static void has_defaults(void **state)
{
	(void)state;
	check("{\"from\":\"t\"}", "from=t");
	check("{\"from\":\"t\",\"groupBy\":[],\"sort\":[],\"page\":{}}", "from=t");
	check("{\"from\":\"t\",\"count\":\"exact\",\"validateOnly\":false}", "from=t");
	check("{\"from\":\"t\",\"count\":\"none\"}", "from=t count=none");
	check("{\"from\":\"t\",\"page\":{\"offset\":200,\"limit\":1}}",
		"from=t limit=1 offset=200");
	check("{\"from\":\"t\",\"page\":{\"offset\":-0}}", "from=t");
	check("{\"from\":\"t\",\"page\":{\"limit\":999999999999999999}}",
		"from=t limit=999999999999999999");
	check("{\"from\":\"t\",\"sort\":[{\"column\":\"a\",\"nulls\":\"first\"},"
	      "{\"direction\":\"asc\",\"column\":\"b\"}]}",
		"from=t sort: [a] asc nulls first [b] asc");
}

/* What each operation is read as, by its row of expr_types alone, of columns. */
static void reads_each_operation(void **state)
{
	size_t seen = 0;

	(void)state;
	for (int op = 0; op < EXPR_OPS_N; op++) {
		const struct expr_type *t = &expr_types[op];
		struct buf json = { 0 }, text = { 0 };

		if (!t->name || op == EXPR_LIKE || op == EXPR_ILIKE || op == EXPR_CONTAINS ||
			op == EXPR_CAST || op == EXPR_DATE_TRUNC || op == EXPR_EXTRACT)
			continue;
		buf_printf(&json, "{\"%s\":[", t->name);
		buf_printf(&text, "(%s", t->name);
		for (int i = 0; i < t->args_least; i++) {
			buf_printf(&json, "%s{\"column\":\"c%d\"}", i ? "," : "", i);
			buf_printf(&text, " [c%d]", i);
		}
		buf_puts(&json, "]}");
		buf_puts(&text, ")");
		check_expr(buf_str(&json), buf_str(&text));
		buf_free(&json);
		buf_free(&text);
		seen++;
	}
	assert_int_equal(seen, 28);
}

/* The list of the header, so that a name cannot change by accident. */
static void names_are_the_published_ones(void **state)
{
	static const char *const names[] = { "add", "subtract", "multiply", "divide", "modulo",
		"lower", "upper", "trim", "length", "coalesce", "cast", "date_trunc", "extract",
		"count", "countDistinct", "sum", "avg", "min", "max", "and", "or", "not", "eq",
		"ne", "lt", "le", "gt", "ge", "in", "between", "like", "ilike", "isNull",
		"contains" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		int op = EXPR_ADD + (int)i;

		assert_string_equal(expr_types[op].name, names[i]);
		assert_int_equal(expr_types[op].is_condition, op >= EXPR_AND);
		assert_int_equal(expr_types[op].is_aggregate, op >= EXPR_COUNT && op <= EXPR_MAX);
	}
	assert_null(expr_types[EXPR_COLUMN].name);
	assert_null(expr_types[EXPR_LITERAL].name);
}

static void strings_are_columns_or_literals(void **state)
{
	(void)state;
	check_filter("{\"eq\":[\"a\",\"b\"]}", "(eq [a] s:b)");
	check_filter("{\"ne\":[\"a\",\"b\"]}", "(ne [a] s:b)");
	check_filter("{\"lt\":[\"a\",\"b\"]}", "(lt [a] s:b)");
	check_filter("{\"le\":[\"a\",\"b\"]}", "(le [a] s:b)");
	check_filter("{\"gt\":[\"a\",\"b\"]}", "(gt [a] s:b)");
	check_filter("{\"ge\":[\"a\",\"b\"]}", "(ge [a] s:b)");
	check_filter("{\"between\":[\"a\",\"b\",\"c\"]}", "(between [a] s:b s:c)");
	check_filter("{\"in\":[\"a\",[\"b\",\"c\"]]}", "(in [a] s:b s:c)");
	check_filter("{\"in\":[\"a\",\"b\",\"c\"]}", "(in [a] s:b s:c)");
	check_filter("{\"in\":[\"a\",\"b\"]}", "(in [a] s:b)");
	check_filter("{\"in\":[\"a\",[1,null,true,{\"column\":\"b\"},{\"upper\":\"c\"}]]}",
		"(in [a] i:1 null b:true [b] (upper [c]))");
	check_filter("{\"like\":[\"a\",\"b%\"]}", "(like [a] s:b%)");
	check_filter("{\"ilike\":[\"a\",{\"value\":\"b%\"}]}", "(ilike [a] s:b%)");
	check_filter("{\"like\":[{\"lower\":\"a\"},\"\"]}", "(like (lower [a]) s:)");
	check_filter("{\"eq\":[{\"value\":\"a\"},{\"column\":\"b\"}]}", "(eq s:a [b])");
	check_filter(
		"{\"eq\":[{\"lower\":[\"a\"]},{\"lower\":\"b\"}]}", "(eq (lower [a]) (lower [b]))");
	check_filter("{\"eq\":[\"a\",{\"coalesce\":[\"b\",{\"value\":\"x\"},0]}]}",
		"(eq [a] (coalesce [b] s:x i:0))");
	check_filter("{\"and\":[\"active\",{\"not\":\"gone\"},{\"isNull\":\"x\"},true]}",
		"(and [active] (not [gone]) (isNull [x]) b:true)");
	check_filter("{\"eq\":[\"owner.email\",\"\"]}", "(eq [owner.email] s:)");
	check_filter("{\"column\":\"active\"}", "[active]");
}

static void words_stand_beside(void **state)
{
	(void)state;
	check_expr("{\"cast\":[\"a\",\"text\"]}", "(cast/text [a])");
	check_expr("{\"cast\":[{\"value\":\"1\"},\"integer\"]}", "(cast/integer s:1)");
	check_expr("{\"date_trunc\":[\"month\",\"a\"]}", "(date_trunc/month [a])");
	check_expr("{\"extract\":[\"year\",{\"cast\":[\"a\",\"date\"]}]}",
		"(extract/year (cast/date [a]))");
	check_expr("{\"cast\":[\"a\"]}", "/select/0/expr/cast: cast takes 2 arguments, here is 1");
	check_expr("{\"cast\":\"a\"}", "/select/0/expr/cast: cast takes 2 arguments, here is 1");
	check_expr("{\"cast\":[\"a\",\"text\",\"b\"]}",
		"/select/0/expr/cast: cast takes 2 arguments, here are 3");
	check_expr("{\"cast\":[\"a\",1]}",
		"/select/0/expr/cast/1: the type of a cast is a string, not a number");
	check_expr("{\"cast\":[\"a\",{\"value\":\"text\"}]}",
		"/select/0/expr/cast/1: the type of a cast is a string, not an object");
	check_expr("{\"date_trunc\":[null,\"a\"]}",
		"/select/0/expr/date_trunc/0: a unit of time is a string, not null");
	check_expr("{\"extract\":[\"\",\"a\"]}",
		"/select/0/expr/extract/0: a unit of time is an empty string");
}

static void counts_rows_or_values(void **state)
{
	(void)state;
	check_expr("{\"count\":[]}", "(count)");
	check_expr("{\"count\":\"*\"}", "(count)");
	check_expr("{\"count\":[\"*\"]}", "(count)");
	check_expr("{\"count\":\"a\"}", "(count [a])");
	check_expr("{\"count\":{\"column\":\"*\"}}", "(count [*])");
	check_expr("{\"countDistinct\":\"a\"}", "(countDistinct [a])");
	check_expr("{\"countDistinct\":\"*\"}", "(countDistinct [*])");
	check_expr("{\"countDistinct\":[]}",
		"/select/0/expr/countDistinct: countDistinct takes 1 argument, here are 0");
	check_expr("{\"sum\":{\"multiply\":[\"a\",1.10]}}", "(sum (multiply [a] n:1.10))");
}

static void numbers_keep_their_digits(void **state)
{
	(void)state;
	check_expr("0", "i:0");
	check_expr("-0", "i:-0");
	check_expr("-0.0", "n:-0.0");
	check_expr("0.1", "n:0.1");
	check_expr("1.50", "n:1.50");
	check_expr("1e400", "n:1e400");
	check_expr("1E+2", "n:1E+2");
	check_expr("9223372036854775807", "i:9223372036854775807");
	check_expr("9223372036854775808", "n:9223372036854775808");
	check_expr("-9223372036854775808", "i:-9223372036854775808");
	check_expr("-9223372036854775809", "n:-9223372036854775809");
	check_expr("123456789012345678901234567890", "n:123456789012345678901234567890");
	check_expr("0.1000000000000000055511151231257827021181583404541015625",
		"n:0.1000000000000000055511151231257827021181583404541015625");
	check_expr("1e15000", "n:1e15000");
	check_expr("1e-15000", "n:1e-15000");
	check_expr("1e15001", "/select/0/expr: an exponent is between -15000 and 15000");
	check_expr("1e-99999999999999999999",
		"/select/0/expr: an exponent is between -15000 and 15000");
}

static void json_is_taken_as_written(void **state)
{
	(void)state;
	check_filter("{\"contains\":[\"a\",{\"k\": [1.10, \"\\u00e9\", null]} ]}",
		"(contains [a] j:{\"k\": [1.10, \"\\u00e9\", null]})");
	check_filter("{\"contains\":[\"a\",\"x\"]}", "(contains [a] j:\"x\")");
	check_filter(
		"{\"contains\":[\"a\",{\"column\":\"b\"}]}", "(contains [a] j:{\"column\":\"b\"})");
	check_filter("{\"contains\":[\"a\",null]}", "(contains [a] j:null)");
	check_filter("{\"contains\":[\"a\",[]]}", "(contains [a] j:[])");
	check_filter("{\"contains\":[\"a\",{\"k\":1,\"k\":2}]}",
		"/filter/contains/1/k: \"k\" stands twice in one object");
	check_filter("{\"contains\":[\"a\",\"\\u0000\"]}",
		"/filter/contains/1: not JSON at byte 40: U+0000 cannot be part of a text");
}

/* ---- errors and their places */

static void members_are_known(void **state)
{
	(void)state;
	check("{\"from\":\"t\",\"filtr\":1}",
		"/filtr: a query has no member \"filtr\"; did you mean \"filter\"?");
	check("{\"from\":\"t\",\"group_by\":[]}",
		"/group_by: a query has no member \"group_by\"; did you mean \"groupBy\"?");
	check("{\"from\":\"t\",\"xyzzy\":1}", "/xyzzy: a query has no member \"xyzzy\"");
	check("{\"From\":\"t\"}", "/From: a query has no member \"From\"; did you mean \"from\"?");
	check("{\"from\":\"t\",\"a/b~c\":1}", "/a~1b~0c: a query has no member \"a/b~c\"");
	check("{\"from\":\"t\",\"\":1}", "/: a query has no member \"\"");
	check("{\"from\":\"t\",\"select\":[{\"colum\":\"a\"}]}",
		"/select/0/colum: an output has no member \"colum\"; did you mean \"column\"?");
	check("{\"from\":\"t\",\"sort\":[{\"column\":\"a\",\"order\":\"asc\"}]}",
		"/sort/0/order: an item of sort has no member \"order\"");
	check("{\"from\":\"t\",\"page\":{\"limits\":1}}",
		"/page/limits: page has no member \"limits\"; did you mean \"limit\"?");
	check_filter("{\"eqq\":[1,2]}",
		"/filter/eqq: there is no operation \"eqq\"; did you mean \"eq\"?");
	check_filter("{\"isnull\":\"a\"}",
		"/filter/isnull: there is no operation \"isnull\"; did you mean \"isNull\"?");
	check_filter("{\"vlaue\":\"a\"}",
		"/filter/vlaue: there is no operation \"vlaue\"; did you mean \"value\"?");
	check_filter("{\"pg_sleep\":[10]}", "/filter/pg_sleep: there is no operation \"pg_sleep\"");
	check_filter("{\"lower(\\\"x\\\"); --\":[10]}",
		"/filter/lower(\"x\"); --: there is no operation \"lower(\\\"x\\\"); --\"");
}

static void members_stand_once(void **state)
{
	(void)state;
	check("{\"from\":\"t\",\"from\":\"t\"}", "/from: \"from\" stands twice in one object");
	check("{\"from\":\"t\",\"\\u0066rom\":\"u\"}",
		"/from: \"from\" stands twice in one object");
	check("{\"from\":\"t\",\"page\":{\"limit\":1,\"offset\":2,\"limit\":3}}",
		"/page/limit: \"limit\" stands twice in one object");
	check_filter("{\"and\":[{\"eq\":[\"a\",1],\"eq\":[\"a\",2]}]}",
		"/filter/and/0/eq: \"eq\" stands twice in one object");
	check("{\"\":1,\"a\":2,\"\":3}", "/: \"\" stands twice in one object");
	/* of several, the first that stands where it may not */
	check("{\"b\":1,\"a\":2,\"b\":3,\"a\":4}", "/b: \"b\" stands twice in one object");
}

static void types_are_told(void **state)
{
	(void)state;
	check("[]", ": a query is an object, not an array");
	check("null", ": a query is an object, not null");
	check("\"t\"", ": a query is an object, not a string");
	check("{}", ": a query has \"from\", the table that it is asked of");
	check("{\"from\":1}", "/from: from is a string, not a number");
	check("{\"from\":\"\"}", "/from: from is an empty string");
	check("{\"from\":null}", "/from: from is a string, not null");
	check("{\"from\":\"t\",\"select\":\"a\"}", "/select: select is an array, not a string");
	check("{\"from\":\"t\",\"select\":[]}",
		"/select: select is empty; every column is what a query without it has");
	check("{\"from\":\"t\",\"select\":[1]}",
		"/select/0: an output is a column's name or an object, not a number");
	check("{\"from\":\"t\",\"select\":[\"a\",{\"as\":\"b\"}]}",
		"/select/1: an output has \"column\" or \"expr\"");
	check("{\"from\":\"t\",\"select\":[{\"column\":\"a\",\"expr\":\"b\"}]}",
		"/select/0: an output has \"column\" or \"expr\", and not both");
	check("{\"from\":\"t\",\"select\":[{\"column\":{\"column\":\"a\"}}]}",
		"/select/0/column: a column's name is a string, not an object");
	check("{\"from\":\"t\",\"select\":[{\"column\":\"a\",\"as\":\"\"}]}",
		"/select/0/as: as is an empty string");
	check("{\"from\":\"t\",\"groupBy\":{}}", "/groupBy: groupBy is an array, not an object");
	check("{\"from\":\"t\",\"groupBy\":[\"a\",1]}", "/groupBy/1: a value makes no groups");
	check("{\"from\":\"t\",\"groupBy\":[{\"value\":1}]}",
		"/groupBy/0: a value makes no groups");
	check("{\"from\":\"t\",\"sort\":\"a\"}", "/sort: sort is an array, not a string");
	check("{\"from\":\"t\",\"sort\":[[]]}",
		"/sort/0: an item of sort is an object, not an array");
	check("{\"from\":\"t\",\"sort\":[{\"direction\":\"asc\"}]}",
		"/sort/0: an item of sort has \"column\" or \"expr\"");
	check("{\"from\":\"t\",\"sort\":[{\"column\":\"a\",\"direction\":\"ASC\"}]}",
		"/sort/0/direction: direction is \"asc\" or \"desc\", not \"ASC\"");
	check("{\"from\":\"t\",\"sort\":[{\"column\":\"a\",\"direction\":true}]}",
		"/sort/0/direction: direction is \"asc\" or \"desc\", not true or false");
	check("{\"from\":\"t\",\"sort\":[{\"column\":\"a\",\"nulls\":\"last;\"}]}",
		"/sort/0/nulls: nulls is \"first\" or \"last\", not \"last;\"");
	check("{\"from\":\"t\",\"count\":\"all\"}",
		"/count: count is \"none\", \"exact\" or \"planned\", not \"all\"");
	check("{\"from\":\"t\",\"validateOnly\":\"true\"}",
		"/validateOnly: validateOnly is true or false, not a string");
	check("{\"from\":\"t\",\"filter\":null}",
		"/filter: filter is a condition, as {\"eq\": [\"name\", \"x\"]}, not null");
	check("{\"from\":\"t\",\"having\":\"a\"}",
		"/having: having is a condition, as {\"eq\": [\"name\", \"x\"]}, not a string");
}

static void pages_are_told(void **state)
{
	static const char *const bad[] = { "0", "-1", "1.0", "1e2", "\"1\"", "null", "true",
		"1000000000000000000", "99999999999999999999999" };
	struct buf json = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		json.len = 0;
		buf_printf(&json, "{\"from\":\"t\",\"page\":{\"limit\":%s}}", bad[i]);
		check(buf_str(&json), "/page/limit: limit is a whole number from 1");
	}
	buf_free(&json);
	check("{\"from\":\"t\",\"page\":[]}", "/page: page is an object, not an array");
	check("{\"from\":\"t\",\"page\":{\"offset\":-1}}",
		"/page/offset: offset is a whole number from 0");
	check("{\"from\":\"t\",\"page\":{\"after\":1}}",
		"/page/after: after is a string, not a number");
	check("{\"from\":\"t\",\"page\":{\"after\":\"\"}}",
		"/page/after: after is an empty string");
	check("{\"from\":\"t\",\"page\":{\"after\":\"a\",\"offset\":0}}",
		"/page: a page has \"after\" or \"offset\", and not both");
}

static void arguments_are_counted(void **state)
{
	(void)state;
	check_filter("{\"eq\":[\"a\",1,2]}", "/filter/eq: eq takes 2 arguments, here are 3");
	check_filter("{\"eq\":\"a\"}", "/filter/eq: eq takes 2 arguments, here is 1");
	check_filter("{\"eq\":[]}", "/filter/eq: eq takes 2 arguments, here are 0");
	check_filter("{\"not\":[\"a\",\"b\"]}", "/filter/not: not takes 1 argument, here are 2");
	check_filter("{\"and\":[]}", "/filter/and: and takes 1 argument or more, here are 0");
	check_filter("{\"or\":[]}", "/filter/or: or takes 1 argument or more, here are 0");
	check_filter("{\"in\":[\"a\"]}", "/filter/in: in takes 2 arguments or more, here is 1");
	check_filter("{\"in\":[\"a\",[]]}", "/filter/in/1: the list of in is empty");
	check_filter("{\"between\":[\"a\",1]}",
		"/filter/between: between takes 3 arguments, here are 2");
	check_filter("{\"gt\":[{\"count\":[\"a\",\"b\"]},1]}",
		"/filter/gt/0/count: count takes at most 1 argument, here are 2");
	check_filter("{}", "/filter: an expression is an object of one member, as {\"lower\": "
			   "[\"name\"]}, here are 0");
	check_filter("{\"eq\":[\"a\",1],\"ne\":[\"a\",2]}",
		"/filter: an expression is an object of one member, as {\"lower\": [\"name\"]}, "
		"here are 2");
	check_filter("{\"in\":[\"a\",[\"b\"],\"c\"]}",
		"/filter/in/1: an array is no expression; it lists what an operation takes");
	check_filter("{\"eq\":[\"a\",[1]]}",
		"/filter/eq/1: an array is no expression; it lists what an operation takes");
	check_filter("{\"eq\":[\"a\",{\"value\":[1]}]}",
		"/filter/eq/1/value: a value is a string, a number, true, false or null, not an "
		"array");
	check_filter("{\"eq\":[\"\",1]}", "/filter/eq/0: a column's name is an empty string");
}

static void patterns_are_plain_and_short(void **state)
{
	(void)state;
	check_filter("{\"like\":[\"a\",\"12345678\"]}", "(like [a] s:12345678)");
	check_filter("{\"like\":[\"a\",\"123456789\"]}",
		"/filter/like/1: a pattern has at most 8 bytes, here are 9");
	check_filter("{\"ilike\":[\"a\",{\"value\":\"éééé1\"}]}",
		"/filter/ilike/1/value: a pattern has at most 8 bytes, here are 9");
	check_filter("{\"like\":[\"a\",\"\\\\\"]}",
		"/filter/like/1: a pattern cannot end with a backslash that escapes nothing");
	check_filter("{\"like\":[\"a\",\"x\\\\\\\\\\\\\"]}",
		"/filter/like/1: a pattern cannot end with a backslash that escapes nothing");
	check_filter("{\"like\":[\"a\",\"\\\\\\\\\"]}", "(like [a] s:\\\\)");
	check_filter("{\"like\":[\"a\",\"\\\\%\"]}", "(like [a] s:\\%)");
	check_filter("{\"like\":[\"a\",1]}",
		"/filter/like/1: the pattern of like is a string, not a number");
	check_filter("{\"ilike\":[\"a\",{\"column\":\"b\"}]}",
		"/filter/ilike/1: the pattern of ilike is a string, not an object");
	check_filter("{\"like\":[\"a\",{\"value\":null}]}",
		"/filter/like/1/value: the pattern of like is a string, not null");
}

/* ---- JSON that is none, and texts that try something */

static void not_json(void **state)
{
	static const struct {
		const char *json, *expected;
	} bad[] = {
		{ "", ": not JSON at byte 1: a value should stand here" },
		{ " ", ": not JSON at byte 2: a value should stand here" },
		{ "{", ": not JSON at byte 2: a member's name in double quotes should stand here" },
		{ "{\"from\":\"t\"", ": not JSON at byte 12: a comma or } should stand here" },
		{ "{\"from\":\"t\",}",
			": not JSON at byte 13: a member's name in double quotes should stand "
			"here" },
		{ "{\"from\":}", "/from: not JSON at byte 9: a value should stand here" },
		{ "{\"from\" 1}", ": not JSON at byte 9: a colon should stand here" },
		{ "{\"from\":\"t}", "/from: not JSON at byte 10: a string without an end" },
		{ "{\"from\":\"t\\\"}", "/from: not JSON at byte 10: a string without an end" },
		{ "{\"from\":\"t\"} {}", ": not JSON at byte 14: something follows the value" },
		{ "{\"from\":\"t\"}\\0", ": not JSON at byte 13: something follows the value" },
		{ "{/**/\"from\":\"t\"}",
			": not JSON at byte 2: a member's name in double quotes should stand "
			"here" },
		{ "{'from':'t'}",
			": not JSON at byte 2: a member's name in double quotes should stand "
			"here" },
		{ "{\"select\":[1,]}",
			"/select/1: not JSON at byte 14: a value should stand here" },
		{ "{\"select\":[1 2]}",
			"/select: not JSON at byte 14: a comma or ] should stand here" },
		{ "[01]", ": not JSON at byte 3: a comma or ] should stand here" },
		{ "[+1]", "/0: not JSON at byte 2: a value should stand here" },
		{ "[.5]", "/0: not JSON at byte 2: a value should stand here" },
		{ "[1.]", "/0: not JSON at byte 4: a number's digit should stand here" },
		{ "[1e]", "/0: not JSON at byte 4: a number's digit should stand here" },
		{ "[1e+-1]", "/0: not JSON at byte 5: a number's digit should stand here" },
		{ "[-]", "/0: not JSON at byte 3: a number's digit should stand here" },
		{ "[0x1]", ": not JSON at byte 3: a comma or ] should stand here" },
		{ "[NaN]", "/0: not JSON at byte 2: a value should stand here" },
		{ "[Infinity]", "/0: not JSON at byte 2: a value should stand here" },
		{ "[TRUE]", "/0: not JSON at byte 2: a value should stand here" },
		{ "[tru]", "/0: not JSON at byte 2: a value should stand here" },
		{ "[nulll]", ": not JSON at byte 6: a comma or ] should stand here" },
		{ "\xef\xbb\xbf{}", ": not JSON at byte 1: a value should stand here" },
		{ "{\xc2\xa0}",
			": not JSON at byte 2: a member's name in double quotes should stand "
			"here" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		check(bad[i].json, bad[i].expected);
}

static void check_string(const char *string, const char *expected)
{
	struct buf filter = { 0 };

	buf_printf(&filter, "{\"eq\":[\"a\",%s]}", string);
	check_filter(buf_str(&filter), expected);
	buf_free(&filter);
}

static void texts_that_are_none(void **state)
{
	static const char nul[] = "{\"from\":\"t\0u\"}", behind[] = "{\"from\":\"t\"}\0";

	(void)state;
	check_string(
		"\"\xc0\xaf\"", "/filter/eq/1: not JSON at byte 34: a string that is not UTF-8");
	check_string("\"\xed\xa0\x80\"",
		"/filter/eq/1: not JSON at byte 34: a string that is not UTF-8");
	check_string("\"\xf4\x90\x80\x80\"",
		"/filter/eq/1: not JSON at byte 34: a string that is not UTF-8");
	check_string("\"x\xc3\"", "/filter/eq/1: not JSON at byte 34: a string that is not UTF-8");
	check_string("\"\\ud800\"", "/filter/eq/1: not JSON at byte 34: half a surrogate pair");
	check_string("\"\\udc00\"", "/filter/eq/1: not JSON at byte 34: half a surrogate pair");
	check_string("\"\\ud800x\"", "/filter/eq/1: not JSON at byte 34: half a surrogate pair");
	check_string(
		"\"\\ud800\\ud800\"", "/filter/eq/1: not JSON at byte 34: half a surrogate pair");
	check_string(
		"\"\\ud800\\ue000\"", "/filter/eq/1: not JSON at byte 34: half a surrogate pair");
	check_string(
		"\"\\udc00\\ud800\"", "/filter/eq/1: not JSON at byte 34: half a surrogate pair");
	check_string("\"a\\u0000b\"",
		"/filter/eq/1: not JSON at byte 35: U+0000 cannot be part of a text");
	check_string(
		"\"\\q\"", "/filter/eq/1: not JSON at byte 34: a backslash that escapes nothing");
	check_string("\"\\u12g4\"",
		"/filter/eq/1: not JSON at byte 34: \\u is followed by four hexadecimal digits");
	check_string("\"\\u12\"",
		"/filter/eq/1: not JSON at byte 34: \\u is followed by four hexadecimal digits");
	check_string("\"\n\"",
		"/filter/eq/1: not JSON at byte 34: a control character in a string; write it as "
		"an escape");
	check_string("\"\x1f\"",
		"/filter/eq/1: not JSON at byte 34: a control character in a string; write it as "
		"an escape");
	check_len(nul, sizeof nul - 1,
		"/from: not JSON at byte 11: a control character in a string; write it as an "
		"escape",
		false);
	check_len(behind, sizeof behind - 1, ": not JSON at byte 13: something follows the value",
		false);
	check("{\"fr\\u0000om\":1}", ": not JSON at byte 5: U+0000 cannot be part of a text");
}

static void texts_stay_what_they_are(void **state)
{
	(void)state;
	check_string("\"\\u00e9\\ud83d\\ude00\\uFFFF\\u0001\\/\\b\\f\\n\\r\\t\\\"\\\\\"",
		"(eq [a] s:\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbf\x01/\b\f\n\r\t\"\\)");
	check_string("\"\\u007f\\u0080\\u07ff\\u0800\\ud800\\udc00\\udbff\\udfff\"",
		"(eq [a] s:\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf)");
	check_string("\"'; DROP TABLE t; --$1$$%s\\u202e\"",
		"(eq [a] s:'; DROP TABLE t; --$1$$%s\xe2\x80\xae)");
	/* composed and decomposed, and a Cyrillic a: other names, not equal ones */
	check("{\"from\":\"t\",\"select\":[\"\xc3\xa9\",\"e\xcc\x81\",\"\xd0\xb0\"]}",
		"from=t select=[\xc3\xa9] [e\xcc\x81] [\xd0\xb0]");
	check("{\"fr\xd0\xbem\":\"t\"}", "/fr\xd0\xbem: a query has no member \"fr\xd0\xbem\"; did "
					 "you mean \"from\"?");
}

/* An error is one line, of which no name can make more, or turn its direction. */
static void names_are_shown_safely(void **state)
{
	(void)state;
	check("{\"a\\nb\\u0085\\u2028\\u202e\\u2066\\ufeff\\u001b\":1}",
		"/a\nb\xc2\x85\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6\xef\xbb\xbf\x1b: a query has no "
		"member \"a\\u000ab\\u0085\\u2028\\u202e\\u2066\\ufeff\\u001b\"");
	check("{\"\\u061c\\u007f\\u00a0\":1}",
		"/\xd8\x9c\x7f\xc2\xa0: a query has no member \"\\u061c\\u007f\xc2\xa0\"");
	check("{\"%s%n\":1}", "/%s%n: a query has no member \"%s%n\"");
	check("{\"0123456789012345678901234567890123456789012345678901\":1}",
		"/0123456789012345678901234567890123456789012345678901: a query has no member "
		"\"01234567890123456789012345678901234567890123456…\"");
	/* cut between characters */
	check("{\"ééééééééééééééééééééééééééééé\":1}",
		"/ééééééééééééééééééééééééééééé: a query has no member "
		"\"éééééééééééééééééééééééé…\"");
}

/* ---- limits */

static void nests_as_deep_as_allowed(void **state)
{
	(void)state;
	check_filter("{\"not\":{\"not\":{\"not\":{\"isNull\":{\"column\":\"a\"}}}}}",
		"(not (not (not (isNull [a]))))");
	check_filter("{\"not\":{\"not\":{\"not\":{\"not\":{\"isNull\":\"a\"}}}}}",
		"/filter/not/not/not/not: more than 4 operations within each other");
	check_filter("{\"and\":[true,{\"or\":[{\"not\":[{\"eq\":[{\"lower\":[\"a\"]},1]}]}]}]}",
		"/filter/and/1/or/0/not/0/eq/0: more than 4 operations within each other");
}

/* The stack of a thread would not hold it; the reader has to see it coming. */
static void deep_json_is_refused(void **state)
{
	static const char *const openings[] = { "[", "{\"a\":", "{\"not\":[" };
	static const char *const expected[] = {
		"/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0/0: nested deeper than 24 arrays "
		"and "
		"objects",
		"/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a: nested deeper than 24 arrays "
		"and "
		"objects",
		("/not/0/not/0/not/0/not/0/not/0/not/0/not/0/not/0/not/0/not/0/not/0/not/0: nested "
		 "deeper than 24 arrays and objects"),
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct buf json = { 0 };

		for (int n = 0; n < 100000; n++)
			buf_puts(&json, openings[i]);
		check_len(json.data, json.len, expected[i], false);
		buf_free(&json);
	}
}

/* Beside each other there may be more. */
static void wide_json_is_taken(void **state)
{
	(void)state;
	check_filter(
		"{\"contains\":[\"a\",[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],{},{},{},{},"
		"{},{},{},{},{},{},{},{}]]}",
		"(contains [a] "
		"j:[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],{},{},{},{},{},{},{},"
		"{},{},{},{},{}])");
}

/* 255 in the table is any number. */
static void open_lists_are_open(void **state)
{
	static const char *const names[] = { "and", "or", "coalesce", "in" };
	const struct settings many = { .limits_query_depth = 1, .limits_query_items = 300 };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct arena a = { 0 };
		struct buf json = { 0 };
		const char *pointer;
		struct query q;
		struct err e;

		buf_printf(&json, "{\"from\":\"t\",\"filter\":{\"%s\":[true", names[i]);
		for (int n = 1; n < 300; n++)
			buf_puts(&json, ",true");
		buf_puts(&json, "]}}");
		assert_int_equal(
			definition_read(&a, &many, json.data, json.len, &q, &pointer, &e), 0);
		assert_int_equal(q.filter->args_n, 300);
		buf_free(&json);
		arena_free(&a);
	}
}

/* Whatever the settings say: all of 500 operations, from a stack that is small. */
static void depth_has_a_limit_of_its_own(void **state)
{
	const struct settings deep = { .limits_query_depth = INT64_MAX,
		.limits_query_items = INT64_MAX,
		.limits_query_pattern = 1 };
	struct arena a = { 0 };
	struct buf json = { 0 };
	const char *pointer;
	struct query q;
	struct err e;

	(void)state;
	assert_int_equal(query_depth_most(&deep), 500);
	for (int extra = 0; extra < 2; extra++) {
		json.len = 0;
		buf_puts(&json, "{\"from\":\"t\",\"filter\":");
		for (int i = 0; i < 500 + extra; i++)
			buf_puts(&json, "{\"not\":[");
		buf_puts(&json, "true");
		for (int i = 0; i < 500 + extra; i++)
			buf_puts(&json, "]}");
		buf_puts(&json, "}");
		int failed = definition_read(&a, &deep, json.data, json.len, &q, &pointer, &e);

		assert_int_equal(failed, extra ? -1 : 0);
	}
	assert_string_equal(e.text, "more than 500 operations within each other");
	buf_free(&json);
	arena_free(&a);
}

static void put_list(struct buf *b, const char *item, int n)
{
	for (int i = 0; i < n; i++)
		buf_printf(b, "%s%s", i ? "," : "", item);
}

/* {BEFORE item, item … AFTER}, with as many items as a list may have (6), and one more. */
static void check_list(
	const char *before, const char *item, const char *after, int most, const char *expected)
{
	struct buf json = { 0 }, text = { 0 };

	buf_puts(&json, before);
	put_list(&json, item, most);
	buf_puts(&json, after);
	read_into(&text, json.data, json.len, false);
	if (strncmp(buf_str(&text), "from=", 5) != 0)
		fail_msg("%s\n  is refused: %s", buf_str(&json), buf_str(&text));
	json.len = 0;
	buf_puts(&json, before);
	put_list(&json, item, most + 1);
	buf_puts(&json, after);
	check_len(json.data, json.len, expected, false);
	buf_free(&json);
	buf_free(&text);
}

static void lists_are_short(void **state)
{
	(void)state;
	check_list("{\"from\":\"t\",\"select\":[", "\"a\"", "]}", 6,
		"/select: a list has at most 6 items, here are 7");
	check_list("{\"from\":\"t\",\"groupBy\":[", "\"a\"", "]}", 6,
		"/groupBy: a list has at most 6 items, here are 7");
	check_list("{\"from\":\"t\",\"sort\":[", "\"a\"", "]}", 6,
		"/sort: a list has at most 6 items, here are 7");
	check_list("{\"from\":\"t\",\"filter\":{\"and\":[", "true", "]}}", 6,
		"/filter/and: and takes at most 6 arguments, here are 7");
	check_list("{\"from\":\"t\",\"filter\":{\"in\":[\"a\",[", "1", "]]}}", 6,
		"/filter/in/1: a list has at most 6 items, here are 7");
	check_list("{\"from\":\"t\",\"filter\":{\"in\":[\"a\",", "1", "]}}", 6,
		"/filter/in: in takes at most 7 arguments, here are 8");
}

/* 24 = 4 × 6, counting names, values and operations, wherever they stand. */
static void expressions_are_counted(void **state)
{
	static const char ten[] =
		"{\"in\":[\"a\",1,2,3,4,5,6]},{\"eq\":[\"a\",1]},{\"column\":\"b\"}";
	static const char select[] = "\"select\":[\"a\",\"b\",{\"expr\":\"c\"}]";
	struct buf json = { 0 };

	(void)state; /* 3 + 1 + 12 + 6 + 2 = 24 */
	for (int extra = 0; extra < 2; extra++) {
		json.len = 0;
		buf_printf(&json,
			"{\"from\":\"t\",%s,\"filter\":{\"or\":[%s]},\"groupBy\":[\"a\",\"b\","
			"\"c\",{\"lower\":\"d\"}%s],\"sort\":[\"a\",{\"column\":\"b\"},\"c\"]}",
			select, ten, extra ? ",\"e\"" : "");
		check(buf_str(&json),
			extra ? "/sort/2: more than 24 expressions in one query"
			      : "from=t select=[a] [b] [c] filter=(or (in [a] i:1 i:2 i:3 i:4 i:5 "
				"i:6) (eq [a] i:1) [b]) group=[a] [b] [c] (lower [d]) sort: [a] "
				"asc [b] asc [c] asc");
	}
	buf_free(&json);
}

/* JSON with more values than any query needs is given up on before it takes memory. */
static void values_are_counted(void **state)
{
	struct buf json = { 0 };

	(void)state;
	buf_puts(&json, "[");
	put_list(&json, "1", 448);
	buf_puts(&json, "]");
	check(buf_str(&json), "/447: more than 448 values");
	buf_free(&json);
}

static void check_long(
	const char *before, char c, size_t most, const char *after, const char *expected)
{
	struct buf json = { 0 }, text = { 0 };

	for (size_t extra = 0; extra < 2; extra++) {
		json.len = 0;
		text.len = 0;
		buf_puts(&json, before);
		for (size_t i = 0; i < most + extra; i++)
			buf_putc(&json, c);
		buf_puts(&json, after);
		read_into(&text, json.data, json.len, false);
		if (extra)
			assert_string_equal(buf_str(&text), expected);
		else if (strncmp(buf_str(&text), "from=", 5) != 0)
			fail_msg("%zu bytes are refused: %s", most, buf_str(&text));
	}
	buf_free(&json);
	buf_free(&text);
}

static void texts_are_short(void **state)
{
	(void)state;
	check_long(
		"{\"from\":\"", 'x', 255, "\"}", "/from: from has at most 255 bytes, here are 256");
	check_long("{\"from\":\"t\",\"select\":[\"", 'x', 255, "\"]}",
		"/select/0: a column's name has at most 255 bytes, here are 256");
	check_long("{\"from\":\"t\",\"select\":[{\"column\":\"a\",\"as\":\"", 'x', 63, "\"}]}",
		"/select/0/as: as has at most 63 bytes, here are 64");
	check_long("{\"from\":\"t\",\"select\":[{\"expr\":{\"cast\":[\"a\",\"", 'x', 255, "\"]}}]}",
		"/select/0/expr/cast/1: the type of a cast has at most 255 bytes, here are 256");
	check_long("{\"from\":\"t\",\"filter\":{\"eq\":[\"a\",\"", 'x', 65536, "\"]}}",
		"/filter/eq/1: a string has at most 65536 bytes, here are 65537");
	check_long("{\"from\":\"t\",\"filter\":{\"contains\":[\"a\",\"", 'x', 65534, "\"]}}",
		"/filter/contains/1: JSON has at most 65536 bytes, here are 65537");
	check_long("{\"from\":\"t\",\"filter\":{\"eq\":[\"a\",", '9', 1000, "]}}",
		"/filter/eq/1: a number has at most 1000 characters, here are 1001");
	check_long("{\"from\":\"t\",\"page\":{\"after\":\"", 'x', 16384, "\"}}",
		"/page/after: after has at most 16384 bytes, here are 16385");
}

/* Every beginning of a definition is refused, and none read past. */
static void beginnings_are_refused(void **state)
{
	static const char whole[] =
		"{\"from\":\"t\",\"select\":[\"a\",{\"expr\":{\"cast\":[-1.5e3,\"te\\u0078t\"]}}],"
		"\"filter\":{\"contains\":[\"a\",{\"k\":[true,null]}]},\"page\":{\"limit\":1}}";

	(void)state;
	for (size_t len = 0; len < sizeof whole - 1; len++) {
		struct buf text = { 0 };

		read_into(&text, whole, len, false);
		if (!strstr(buf_str(&text), "not JSON at byte "))
			fail_msg("%.*s: %s", (int)len, whole, buf_str(&text));
		buf_free(&text);
	}
	check(whole, "from=t select=[a] (cast/text n:-1.5e3) filter=(contains [a] "
		     "j:{\"k\":[true,null]}) limit=1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_whole),
		cmocka_unit_test(has_defaults),
		cmocka_unit_test(reads_each_operation),
		cmocka_unit_test(names_are_the_published_ones),
		cmocka_unit_test(strings_are_columns_or_literals),
		cmocka_unit_test(words_stand_beside),
		cmocka_unit_test(counts_rows_or_values),
		cmocka_unit_test(numbers_keep_their_digits),
		cmocka_unit_test(json_is_taken_as_written),
		cmocka_unit_test(members_are_known),
		cmocka_unit_test(members_stand_once),
		cmocka_unit_test(types_are_told),
		cmocka_unit_test(pages_are_told),
		cmocka_unit_test(arguments_are_counted),
		cmocka_unit_test(patterns_are_plain_and_short),
		cmocka_unit_test(not_json),
		cmocka_unit_test(texts_that_are_none),
		cmocka_unit_test(texts_stay_what_they_are),
		cmocka_unit_test(names_are_shown_safely),
		cmocka_unit_test(nests_as_deep_as_allowed),
		cmocka_unit_test(deep_json_is_refused),
		cmocka_unit_test(wide_json_is_taken),
		cmocka_unit_test(open_lists_are_open),
		cmocka_unit_test(depth_has_a_limit_of_its_own),
		cmocka_unit_test(lists_are_short),
		cmocka_unit_test(expressions_are_counted),
		cmocka_unit_test(values_are_counted),
		cmocka_unit_test(texts_are_short),
		cmocka_unit_test(beginnings_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
