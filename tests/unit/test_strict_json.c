/*
 * Strict JSON and base64url: one spelling, one reading.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <json-c/json.h>

#include "lib/access/strict_json.h"
#include "lib/base/base64url.h"

/* ---- JSON */

/* From memory that ends where the text does, so that a reader that goes on is seen to. */
static struct json_object *read_object(const char *text, size_t len)
{
	char *exact = mem_alloc(len, 1);

	memcpy(exact, text, len);
	struct json_object *o = strict_json_object(exact, len);

	free(exact);
	return o;
}

static void takes(const char *text)
{
	struct json_object *o = read_object(text, strlen(text));

	if (!o)
		fail_msg("refused: %s", text);
	json_object_put(o);
}

static void leaves(const char *text, size_t len)
{
	struct json_object *o = read_object(text, len);

	if (o)
		fail_msg("taken: %.*s", (int)len, text);
}

static void takes_json(void **state)
{
	(void)state;
	takes("{}");
	takes(" \t\r\n{ } \n");
	takes("{\"a\":1}");
	takes("{\"a\":-1.5E+3,\"b\":[true,false,null,\"\"],\"c\":{\"a\":{\"a\":0}}}");
	takes("{\"a\":\"a:b,'{[NaN\\\"\\\\\"}");
	takes("{\"a\\\"\\\\\":\"\\b\\f\\n\\r\\t\\/\\u00e9\\ud83d\\ude00 \xc3\xa9\"}");
	takes("{\"a\":\"\\\\u0000\"}"); /* a backslash and five characters */
	takes("{\"a\":1,\"A\":1}");
	takes("{\"a\":[{\"x\":1},{\"x\":1}],\"x\":1}");
}

static void leaves_what_is_no_object(void **state)
{
	static const char *const bad[] = { "", " ", "{", "}", "[]", "null", "1", "\"x\"", "[{}]",
		"{}}", "{}x", "{}{}", "{} {}", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\" 1}",
		"{\"a\":1 2}", "{\"a\":1,}", "{\"a\":[1,]}", "{\"a\":[1}", "{\"a\":\"",
		"{\"a\":\"\\", "{\"a\":\"\\\"", "{\"a\":\"\\u00", "{:1}", "{1:1}", "{a:1}",
		"{null:1}" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		leaves(bad[i], strlen(bad[i]));
}

static void leaves_what_only_json_c_takes(void **state)
{
	static const char *const bad[] = { "{'a':1}", "{\"a\":'x'}", "{\"a\":NaN}",
		"{\"a\":Infinity}", "{\"a\":-Infinity}", "{\"a\":01}", "{\"a\":+1}", "{\"a\":.5}",
		"{\"a\":0x1}", "{\"a\":TRUE}", "{\"a\":tru}", "{/**/}", "{}//", "{\"a\":\"\n\"}",
		"{\"a\":\"\x1f\"}", "{\"a\":\"\\q\"}", "\xef\xbb\xbf{}", "{\"a\":1\v}",
		"{\xc2\xa0}" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		leaves(bad[i], strlen(bad[i]));
}

static void leaves_what_is_not_utf8(void **state)
{
	static const char *const bad[] = { "{\"a\":\"\x80\"}", "{\"a\":\"\xc3\"}", "{\"\xff\":1}",
		"{\"a\":\"\xf8\x88\x80\x80\x80\"}", "{\"a\":\"\xc0\xaf\"}" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		leaves(bad[i], strlen(bad[i]));
}

static void leaves_nul(void **state)
{
	static const char *const bad[] = { "{\"a\":\"\\u0000\"}", "{\"a\\u0000\":1}",
		"{\"a\":\"x\\u0000y\"}", "{\"a\":\"\\\\\\u0000\"}" };
	static const char raw[] = "{\"a\":\"x\0y\"}", behind[] = "{}\0", between[] = "{\0}";

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		leaves(bad[i], strlen(bad[i]));
	leaves(raw, sizeof raw - 1);
	leaves(behind, sizeof behind - 1);
	leaves(between, sizeof between - 1);
}

/* json-c makes one character of all of them: two names could become one. */
static void leaves_half_characters(void **state)
{
	static const char *const bad[] = { "{\"a\":\"\\ud800\"}", "{\"a\":\"\\uDBFF\"}",
		"{\"a\":\"\\udc00\"}", "{\"a\":\"\\uDFFF\"}", "{\"\\ud800\":1}",
		"{\"a\":\"\\ud800\\ud800\"}", "{\"a\":\"\\udc00\\ud800\"}",
		"{\"a\":\"\\ud800\\u0041\"}", "{\"a\":\"\\ud800x\\udc00\"}",
		"{\"a\":\"\\ud83d\\ude00\\ude00\"}", "{\"a\":\"\\ud800\\\\udc00\"}",
		"{\"a\":\"\\\\\\ud800\"}", "{\"a\":\"\\ud800\\udc0\"}", "{\"a\":\"\\ud800" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		leaves(bad[i], strlen(bad[i]));
	takes("{\"a\":\"\\ud800\\udc00 \\uDBFF\\uDFFF \\uDb00\\udCfF \\ud7ff \\ue000 \\\\ud800\"}");
}

static void leaves_equal_members(void **state)
{
	static const char *const bad[] = { "{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":2,\"a\":3}",
		"{\"a\":1,\"\\u0061\":1}", "{\"x\":{\"a\":1,\"a\":1}}",
		"{\"x\":[[{\"a\":1,\"a\":1}]]}", "{\"\":1,\"\":1}", "{\"a\":{\"b\":1},\"a\":1}" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		leaves(bad[i], strlen(bad[i]));
}

/* `depth` objects within each other, or arrays in an object, with `inner` in the last. */
static void put_nested(struct buf *b, int depth, bool arrays, const char *inner)
{
	buf_puts(b, "{");
	for (int i = 1; i < depth; i++)
		buf_puts(b, !arrays ? "\"a\":{" : i == 1 ? "\"a\":[" : "[");
	buf_puts(b, inner);
	for (int i = 1; i < depth; i++)
		buf_puts(b, arrays ? "]" : "}");
	buf_puts(b, "}");
}

static void bounds_the_depth(void **state)
{
	char text[4096];

	(void)state;
	for (int depth = 2; depth < 1000; depth++)
		for (int i = 0; i < 4; i++) {
			struct buf b = { 0 };
			bool arrays = i % 2;

			put_nested(&b, depth, arrays, i < 2 ? "" : arrays ? "1" : "\"x\":1");
			if (depth <= STRICT_JSON_DEPTH)
				takes(buf_str(&b));
			else
				leaves(b.data, b.len);
			buf_free(&b);
		}
	memset(text, '[', sizeof text);
	memcpy(text, "{\"a\":", 5);
	leaves(text, sizeof text);
}

static void finds_strings(void **state)
{
	static const char text[] = "{\"s\":\"x\",\"e\":\"\",\"n\":1,\"z\":null,\"a\":[\"x\"]}";
	struct json_object *o = strict_json_object(text, sizeof text - 1);

	(void)state;
	assert_non_null(o);
	assert_string_equal(strict_json_string(o, "s"), "x");
	assert_null(strict_json_string(o, "e"));
	assert_null(strict_json_string(o, "n"));
	assert_null(strict_json_string(o, "z"));
	assert_null(strict_json_string(o, "a"));
	assert_null(strict_json_string(o, "none"));
	json_object_put(o);
}

/* ---- base64url */

/* RFC 4648 §10, less the padding, and the two characters that differ from base64. */
static void follows_the_rfc(void **state)
{
	static const char *const pairs[][2] = { { "", "" }, { "f", "Zg" }, { "fo", "Zm8" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy" }, { "\xff\xef\xbe", "_---" } };

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct buf text = { 0 }, bytes = { 0 };

		base64url_encode(&text, pairs[i][0], strlen(pairs[i][0]));
		assert_string_equal(buf_str(&text), pairs[i][1]);
		assert_int_equal(base64url_decode(pairs[i][1], strlen(pairs[i][1]), &bytes), 0);
		assert_string_equal(buf_str(&bytes), pairs[i][0]);
		buf_free(&text);
		buf_free(&bytes);
	}
}

static void has_one_spelling(void **state)
{
	static const char *const bad[] = { "A", "Z", "Zm9vA", "Zm9vY", "Zh", "Zm9",
		"Zg==", "Zg=", "Zm9v\n", " Zm9v", "Zm 9v", "Zm+v", "Zm/v", "Zm\x80v", "Zm.v" };
	struct buf out = { 0 };

	(void)state;
	buf_puts(&out, "kept");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(base64url_decode(bad[i], strlen(bad[i]), &out), -1);
		assert_string_equal(buf_str(&out), "kept");
	}
	assert_int_equal(base64url_decode("Zm\0v", 4, &out), -1);
	buf_free(&out);
}

/* Of all texts of three and two characters just those are taken that come back. */
static void takes_just_what_it_writes(void **state)
{
	struct buf out = { 0 }, again = { 0 };
	int taken = 0;

	(void)state;
	for (int i = 0; i < 128 * 128 * 128; i++) {
		char text[3] = { (char)(i & 127), (char)(i >> 7 & 127), (char)(i >> 14) };
		size_t len = text[2] ? 3 : 2;

		out.len = again.len = 0;
		if (base64url_decode(text, len, &out))
			continue;
		taken++;
		base64url_encode(&again, out.data, out.len);
		assert_int_equal(again.len, len);
		assert_memory_equal(again.data, text, len);
	}
	assert_int_equal(taken, 256 * 256 + 256);
	buf_free(&out);
	buf_free(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_json),
		cmocka_unit_test(leaves_what_is_no_object),
		cmocka_unit_test(leaves_what_only_json_c_takes),
		cmocka_unit_test(leaves_what_is_not_utf8),
		cmocka_unit_test(leaves_nul),
		cmocka_unit_test(leaves_half_characters),
		cmocka_unit_test(leaves_equal_members),
		cmocka_unit_test(bounds_the_depth),
		cmocka_unit_test(finds_strings),
		cmocka_unit_test(follows_the_rfc),
		cmocka_unit_test(has_one_spelling),
		cmocka_unit_test(takes_just_what_it_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
