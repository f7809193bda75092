/*
 * JSON Merge Patch: the examples of RFC 7396 (appendix A), and what they leave open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "lib/base/json_merge.h"

static const struct {
	const char *target, *patch, *result;
} merges[] = {
	{ "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
	{ "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
	{ "{\"a\":\"b\"}", "{\"a\":null}", "{}" },
	{ "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}" },
	{ "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
	{ "{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}" },
	{ "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}" },
	{ "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}" },
	{ "[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]" },
	{ "{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]" },
	{ "{\"a\":\"foo\"}", "null", "null" },
	{ "{\"a\":\"foo\"}", "\"bar\"", "\"bar\"" },
	{ "{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}" },
	{ "[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}" },
	{ "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },
	/* numbers keep their digits, arrays their nulls, names are the same however they are spelled */
	{ "{\"a\":1.10e400,\"b\":1}", "{\"b\":[null,{\"c\":null}]}",
		"{\"a\":1.10e400,\"b\":[null,{\"c\":null}]}" },
	{ "{\"\\u0061\\\"\":1}", "{\"a\\\"\":2}", "{\"a\\\"\":2}" },
	{ "{\"a\":1}", "{}", "{\"a\":1}" },
};

static struct json_node *read_text(struct arena *a, const char *text)
{
	static const struct json_limits limits = { 10, 100 };
	const char *pointer;
	struct err e;
	struct json_node *node = json_tree_read(a, text, strlen(text), &limits, &pointer, &e);

	assert_non_null(node);
	return node;
}

static void merged(void **s)
{
	(void)s;
	for (size_t i = 0; i < sizeof merges / sizeof *merges; i++) {
		struct arena a = { 0 };
		struct buf b = { 0 };

		json_merge(&b, read_text(&a, merges[i].target), read_text(&a, merges[i].patch));
		assert_string_equal(buf_str(&b), merges[i].result);
		buf_free(&b);
		arena_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(merged) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
