/*
 * JSON as elements: what each piece of RFC 8259's grammar becomes, and that whatever stands in a
 * column of JSON, the document is well-formed.
 */
#include "tests/unit/xml_case.h"

#include <stdlib.h>

static struct field json_field = { .name = "j", .type = TYPE_JSON, .nullable = true };
static const struct schema json_schema = { &json_field, 1 };

struct sample {
	const char *json, *element;
};

/* One row a sample, all in one batch, so that there is a next value behind each to read into by
 * mistake. */
static void expect_samples(const struct sample *samples, size_t n)
{
	struct buf expected = { 0 };
	struct batch b;

	batch_init(&b, &json_schema);
	for (size_t i = 0; i < n; i++) {
		put_text(&b, samples[i].json, strlen(samples[i].json));
		buf_printf(&expected, "<row>%s</row>\n", samples[i].element);
	}
	expect_rows(&json_schema, &b, expected.data, expected.len);
	buf_free(&expected);
	batch_free(&b);
}

#define EXPECT_SAMPLES(samples) expect_samples(samples, sizeof samples / sizeof *samples)

static void scalars(void **s)
{
	static const struct sample samples[] = {
		{ "null", "<j" NIL },
		{ "true", "<j>true</j>" },
		{ " false\n", "<j>false</j>" },
		{ "0", "<j>0</j>" },
		{ "-1.50e+3", "<j>-1.50e+3</j>" },
		{ "12345678901234567890.12345678901234567890",
			"<j>12345678901234567890.12345678901234567890</j>" },
		{ "\"\"", "<j></j>" },
		{ "\"null\"", "<j>null</j>" },
		{ "\t\"a <b> & \xef\xbf\xbe \xef\xbc\x8c \xf0\x9f\x8c\x8a\"",
			"<j>a &lt;b&gt; &amp; \xef\xbf\xbd \xef\xbc\x8c \xf0\x9f\x8c\x8a</j>" },
	};

	(void)s;
	EXPECT_SAMPLES(samples);
}

static void escapes(void **s)
{
	static const struct sample samples[] = {
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
			"<j>\"\\/\xef\xbf\xbd\xef\xbf\xbd\n&#13;\t</j>" },
		{ "\"\\u0041\\u00E9\\u20ac\\u003c\\u0026\\u003E\"",
			"<j>A\xc3\xa9\xe2\x82\xac&lt;&amp;&gt;</j>" },
		{ "\"\\uD83D\\uDE00\\ud83c\\udf0a\"", "<j>\xf0\x9f\x98\x80\xf0\x9f\x8c\x8a</j>" },
		{ "\"\\ud800\"", "<j>\xef\xbf\xbd</j>" },
		{ "\"\\udc00x\"", "<j>\xef\xbf\xbdx</j>" },
		{ "\"\\udc00\\udc00\"", "<j>\xef\xbf\xbd\xef\xbf\xbd</j>" },
		{ "\"\\ud800\\ud83d\\ude00\"", "<j>\xef\xbf\xbd\xf0\x9f\x98\x80</j>" },
		{ "\"\\ud800\\n\\ud800x\\ud800\\u0041\"",
			"<j>\xef\xbf\xbd\n\xef\xbf\xbdx\xef\xbf\xbd"
			"A</j>" },
		{ "\"\\u0000\\u0008\\u001f\\ufffe\\uffff\\ufffd\"",
			"<j>\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf"
			"\xbd</j>" },
		{ "\"\\udbff\\udfff\\ud800\\udc00\"", "<j>\xf4\x8f\xbf\xbf\xf0\x90\x80\x80</j>" },
	};

	(void)s;
	EXPECT_SAMPLES(samples);
}

static void objects_and_arrays(void **s)
{
	static const struct sample samples[] = {
		{ "{}", "<j></j>" },
		{ "[ ]", "<j></j>" },
		{ "[[], {}, [[]]]", "<j><item></item><item></item><item><item></item></item></j>" },
		{ "{\"a\": {}, \"b\": []}", "<j><a></a><b></b></j>" },
		{ "{\"a\":1,\"b\":null,\"c\":[null,true]}",
			"<j><a>1</a><b" NIL "<c><item" NIL "<item>true</item></c></j>" },
		{ "{\r\n\t\"a\" :\n1 ,\"b\"\t:\"x\"\n}\n", "<j><a>1</a><b>x</b></j>" },
		{ "{\"a\": {\"b\": {\"c\": [{\"d\": \"e\"}, \"f\"]}}, \"g\": 0}",
			"<j><a><b><c><item><d>e</d></item><item>f</item></c></b></a><g>0</g></j>" },
		{ "{\"a\": \"1\", \"a\": \"2\", \"item\": []}",
			"<j><a>1</a><a>2</a><item></item></j>" },
		{ "[\"]\", \"}\", \"[{\\\"\", \",:\"]",
			"<j><item>]</item><item>}</item><item>[{\"</item><item>,:</item></j>" },
		{ "[-1, 2.5, 1e10,0]",
			"<j><item>-1</item><item>2.5</item><item>1e10</item><item>0</item></j>" },
	};

	(void)s;
	EXPECT_SAMPLES(samples);
}

static void keys(void **s)
{
	static const struct sample samples[] = {
		{ "{\"\": 1, \"a b\": \"2\", \"1st\": [], \"-\": null}",
			"<j><_x_>1</_x_><a_x0020_b>2</a_x0020_b><_x0031_st></_x0031_st>"
			"<_x002D_" NIL "</j>" },
		{ "{\"_x\": 1, \"a_x\": \"2\", \"a_y\": \"3\", \"_\": \"4\", \"x_\": \"5\"}",
			"<j><_x005F_x>1</_x005F_x><a_x005F_x>2</a_x005F_x><a_y>3</a_y><_>4</_>"
			"<x_>5</x_></j>" },
		{ "{\"xml\": \"1\", \"XmL2\": \"2\", \"xm\": \"3\", \"axml\": \"4\", \"X\": \"5\"}",
			"<j><_x0078_ml>1</_x0078_ml><_x0058_mL2>2</_x0058_mL2><xm>3</xm>"
			"<axml>4</axml><X>5</X></j>" },
		{ "{\"a\\u0062\": \"1\", \"a\\\"b\": \"2\", \"\\u005fx\": \"3\", \"\\n\": \"4\"}",
			"<j><ab>1</ab><a_x0022_b>2</a_x0022_b><_x005F_x>3</_x005F_x>"
			"<_x000A_>4</_x000A_></j>" },
		{ "{\"gr\xc3\xb6\xc3\x9f"
		  "e\": \"1\", \"\xf0\x9f\x8c\x8a\": \"2\", \"\\ud83c\\udf0a\": 3, \"\\ud83c\": 4}",
			"<j><gr\xc3\xb6\xc3\x9f"
			"e>1</gr\xc3\xb6\xc3\x9f"
			"e><_x01F30A_>2</_x01F30A_><_x01F30A_>3</_x01F30A_>"
			"<_xD83C_>4</_xD83C_></j>" },
		{ "{\"a.b-c:d\": \"1\", \"a&<>\": {\"/\": []}}",
			"<j><a.b-c_x003A_d>1</a.b-c_x003A_d><a_x0026__x003C__x003E_><_x002F_>"
			"</_x002F_></a_x0026__x003C__x003E_></j>" },
	};

	(void)s;
	EXPECT_SAMPLES(samples);
}

/* Keys and strings of every length, so that their ends stand everywhere in a block and beside
 * each other. */
static void lengths(void **s)
{
	static const char *const gaps[][2] = { { ": ", ", " }, { ":", "," }, { " : ", " ,\n" } };
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

	(void)s;
	for (int g = 0; g < 3; g++)
		for (int key = 1; key < 60; key++) {
			struct buf expected = { 0 };
			struct batch b;

			batch_init(&b, &json_schema);
			for (int value = 0; value < 60; value++) {
				struct buf json = { 0 };
				const char *colon = gaps[g][0], *comma = gaps[g][1];

				buf_printf(&json, "{\"%.*s\"%s\"%.*s\"%s\"%.*s\"%s%d%s\"n\"%s\"\"}",
					key, letters, colon, value, letters, comma, key,
					letters + 1, colon, value, comma, colon);
				put_text(&b, json.data, json.len);
				buf_printf(&expected,
					"<row><j><%.*s>%.*s</%.*s><%.*s>%d</%.*s><n></n></j></"
					"row>\n",
					key, letters, value, letters, key, letters, key,
					letters + 1, value, key, letters + 1);
				buf_free(&json);
			}
			expect_rows(&json_schema, &b, expected.data, expected.len);
			buf_free(&expected);
			batch_free(&b);
		}
}

/* Arrays of strings of every length, plain but for one character in some. */
static void items(void **s)
{
	static const char *const gaps[] = { ", ", ",", " ,\n" };
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	struct buf expected = { 0 };
	struct batch b;

	(void)s;
	batch_init(&b, &json_schema);
	for (int g = 0; g < 3; g++)
		for (int len = 0; len < 60; len++) {
			struct buf json = { 0 };

			buf_printf(&json, "[\"%.*s\"%s\"\"%s\"%.*s\\n%.*s\"%s\"%.*s\"]", len,
				letters, gaps[g], gaps[g], len, letters, len, letters, gaps[g], len,
				letters);
			put_text(&b, json.data, json.len);
			buf_printf(&expected,
				"<row><j><item>%.*s</item><item></item><item>%.*s\n%.*s</item>"
				"<item>%.*s</item></j></row>\n",
				len, letters, len, letters, len, letters, len, letters);
			buf_free(&json);
		}
	expect_rows(&json_schema, &b, expected.data, expected.len);
	buf_free(&expected);
	batch_free(&b);
}

/* More members and items than the buffer holds, each written from short pieces. */
static void many(void **s)
{
	enum { MANY = 20000 };
	struct buf json = { 0 }, expected = { 0 };
	struct batch b;

	(void)s;
	batch_init(&b, &json_schema);
	buf_puts(&expected, "<row><j>");
	for (int i = 0; i < MANY; i++) {
		buf_printf(&json, "%s\"k%d\": \"v%d\"", i ? ", " : "{", i, i);
		buf_printf(&expected, "<k%d>v%d</k%d>", i, i, i);
	}
	buf_puts(&json, ", \"l\": [\"\"");
	buf_puts(&expected, "<l><item></item>");
	for (int i = 0; i < MANY; i++) {
		buf_printf(&json, ",\"%d\"", i);
		buf_printf(&expected, "<item>%d</item>", i);
	}
	buf_puts(&json, "]}");
	buf_puts(&expected, "</l></j></row>\n");
	put_text(&b, json.data, json.len);
	expect_rows(&json_schema, &b, expected.data, expected.len);
	buf_free(&json);
	buf_free(&expected);
	batch_free(&b);
}

/* Each character that is not copied, at every offset of a string and of a key among short
 * members. */
static void specials_in_members(void **s)
{
	static const struct {
		const char *json, *text, *name;
	} specials[] = { { "&", "&amp;", "_x0026_" }, { "<", "&lt;", "_x003C_" },
		{ ">", "&gt;", "_x003E_" }, { "\\\\", "\\", "_x005C_" },
		{ "\\\"", "\"", "_x0022_" }, { "\\u000d", "&#13;", "_x000D_" },
		{ "\xef\xbf\xbf", "\xef\xbf\xbd", "_xFFFF_" },
		{ "\xef\xbd\x81", "\xef\xbd\x81", "_xFF41_" }, { "@", "@", "_x0040_" },
		{ "[", "[", "_x005B_" }, { "`", "`", "_x0060_" }, { "{", "{", "_x007B_" },
		{ "/", "/", "_x002F_" }, { ":", ":", "_x003A_" }, { "_x", "_x", "_x005F_x" },
		{ "\xc3\xa1", "\xc3\xa1", "\xc3\xa1" } };
	enum { LEN = 20 };

	(void)s;
	for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
		struct buf expected = { 0 };
		struct batch b;

		batch_init(&b, &json_schema);
		for (int at = 1; at <= LEN; at++) {
			struct buf json = { 0 };

			buf_printf(&json,
				"{\"k\": \"%.*s%s%.*s\", \"%.*s%s%.*s\": \"v\", \"e\": \"\"}", at,
				"aaaaaaaaaaaaaaaaaaaa", specials[i].json, LEN - at,
				"bbbbbbbbbbbbbbbbbbbb", at, "aaaaaaaaaaaaaaaaaaaa",
				specials[i].json, LEN - at, "bbbbbbbbbbbbbbbbbbbb");
			put_text(&b, json.data, json.len);
			buf_printf(&expected, "<row><j><k>%.*s%s%.*s</k>", at,
				"aaaaaaaaaaaaaaaaaaaa", specials[i].text, LEN - at,
				"bbbbbbbbbbbbbbbbbbbb");
			for (int close = 0; close < 2; close++)
				buf_printf(&expected, close ? "v</%.*s%s%.*s>" : "<%.*s%s%.*s>", at,
					"aaaaaaaaaaaaaaaaaaaa", specials[i].name, LEN - at,
					"bbbbbbbbbbbbbbbbbbbb");
			buf_puts(&expected, "<e></e></j></row>\n");
			buf_free(&json);
		}
		expect_rows(&json_schema, &b, expected.data, expected.len);
		buf_free(&expected);
		batch_free(&b);
	}
}

/* Names, texts and numbers longer than a span and than the buffer. */
static void long_members(void **s)
{
	enum { LEN = 150 * 1024 };
	struct buf name = { 0 }, json = { 0 }, expected = { 0 };
	struct batch b;

	(void)s;
	batch_init(&b, &json_schema);
	buf_puts(&json, "{\"");
	for (int i = 0; i < LEN; i++) {
		buf_puts(&json, i % 100 ? "k" : "\\u20ac");
		buf_puts(&name, i % 100 ? "k" : "_x20AC_");
	}
	buf_printf(&expected, "<row><j><%s><item>", buf_str(&name));
	buf_puts(&json, "\": [\"");
	for (int i = 0; i < LEN; i++) {
		buf_puts(&json, i % 50 ? "v" : "\\n<");
		buf_puts(&expected, i % 50 ? "v" : "\n&lt;");
	}
	buf_puts(&json, "\", ");
	buf_puts(&expected, "</item><item>");
	for (int i = 0; i < LEN; i++) {
		buf_putc(&json, '7');
		buf_putc(&expected, '7');
	}
	buf_puts(&json, "]}");
	buf_printf(&expected, "</item></%s></j></row>\n", buf_str(&name));
	put_text(&b, json.data, json.len);
	expect_rows(&json_schema, &b, expected.data, expected.len);
	buf_free(&name);
	buf_free(&json);
	buf_free(&expected);
	batch_free(&b);
}

/* Far deeper than any recursion should go; and what is open then does not stay so. */
static void deep(void **s)
{
	enum { DEPTH = 100000 };
	struct buf json = { 0 }, expected = { 0 };
	struct batch b;

	(void)s;
	batch_init(&b, &json_schema);
	for (int i = 0; i < DEPTH; i++)
		buf_puts(&json, i % 2 ? "{\"k\":" : "[");
	buf_puts(&json, "0");
	buf_puts(&expected, "<row><j>");
	for (int i = 0; i + 1 < DEPTH; i++)
		buf_puts(&expected, i % 2 ? "<k>" : "<item>");
	buf_puts(&expected, "<k>0</k>");
	for (int i = DEPTH - 1; i >= 0; i--) {
		buf_putc(&json, i % 2 ? '}' : ']');
		if (i)
			buf_puts(&expected, i % 2 ? "</item>" : "</k>");
	}
	buf_puts(&expected, "</j></row>\n<row><j>1</j></row>\n");
	put_text(&b, json.data, json.len);
	put_text(&b, "1", 1);
	expect_rows(&json_schema, &b, expected.data, expected.len);
	buf_free(&json);
	buf_free(&expected);
	batch_free(&b);
}

/* What is not JSON does not come from a database; the document holds all the same. */
static void not_json(void **s)
{
	static const struct sample samples[] = {
		{ "", "<j></j>" },
		{ "{", "<j></j>" },
		{ "[[", "<j><item></item></j>" },
		{ "]", "<j></j>" },
		{ "\"abc", "<j>abc</j>" },
		{ "\"abc\\", "<j>abc\\</j>" },
		{ "\"\\u12", "<j>\xef\xbf\xbd"
			     "12</j>" },
		{ "\"\\q\\uzzzz\"", "<j>q\xef\xbf\xbdzzzz</j>" },
		{ "nul", "<j>nul</j>" },
		{ "{\"a", "<j><a></a></j>" },
		{ "{\"a\\", "<j><a_x005C_></a_x005C_></j>" },
		{ "{\"a\"", "<j><a></a></j>" },
		{ "{\"a\":", "<j><a></a></j>" },
		{ "{\"a\": \"b", "<j><a>b</a></j>" },
		{ "{\"a\": \"b\"", "<j><a>b</a></j>" },
		{ "{\"a\": \"b\",", "<j><a>b</a></j>" },
		{ "{\"a\": \"b\", ", "<j><a>b</a></j>" },
		{ "{\"a\" \"b\" \"c\"}", "<j><a>b</a><c></c></j>" },
		{ "[1}", "<j><item>1</item></j>" },
		{ "1 2", "<j>1</j>" },
		{ "<x>", "<j>&lt;x&gt;</j>" },
		{ "{\"a\"1\"b\"2}", "<j><a>1</a><b>2</b></j>" },
	};

	(void)s;
	EXPECT_SAMPLES(samples);
}

/* What breaks off, before a value that would go on with it. */
static void broken_off(void **s)
{
	static const struct sample samples[] = {
		{ "{\"a\": \"b\",", "<j><a>b</a></j>" },
		{ " {\"c\": \"d\"}", "<j><c>d</c></j>" },
		{ "{\"a\": \"b", "<j><a>b</a></j>" },
		{ "c\", \"d\": \"e\"}", "<j>c</j>" },
		{ "[\"a\",", "<j><item>a</item></j>" },
		{ " \"b\"", "<j>b</j>" },
		{ "[\"a\", ", "<j><item>a</item></j>" },
		{ "\"b\"", "<j>b</j>" },
		{ "[\"a", "<j><item>a</item></j>" },
		{ "bc\", \"d\"]", "<j>bc</j>" },
		{ "{\"abc", "<j><abc></abc></j>" },
		{ "de\": 1}", "<j>de</j>" },
		{ "\"\\u12", "<j>\xef\xbf\xbd"
			     "12</j>" },
		{ "34\"", "<j>34</j>" },
		{ "\"\\ud83d\\ude", "<j>\xef\xbf\xbd\xef\xbf\xbd"
				    "de</j>" },
		{ "00\"", "<j>00</j>" },
		{ "\"a\\", "<j>a\\</j>" },
		{ "n\"", "<j>n</j>" },
		{ "nu", "<j>nu</j>" },
		{ "ll", "<j>ll</j>" },
		{ "1", "<j>1</j>" },
		{ "2345678901234567890123456789012345678901234567890123456789012345678901",
			"<j>2345678901234567890123456789012345678901234567890123456789012345678901"
			"</j>" },
	};

	(void)s;
	EXPECT_SAMPLES(samples);
}

/* Every beginning of a value, and the value with every byte of it changed, is well-formed for
 * libxml2. */
static void damaged(void **s)
{
	static const char json[] = "{\"a\": [1, null, \"x\\u00e9\\n\"], \"b c\": {\"_x\": \"y\"}, "
				   "\"key\": \"value\", \"e\": true}";
	static const char damage[] = "\"\\{}[],: <&u_x0n";
	struct batch b;

	(void)s;
	batch_init(&b, &json_schema);
	for (size_t n = 0; n < sizeof json - 1; n++)
		put_text(&b, json, n);
	for (size_t at = 0; at < sizeof json - 1; at++)
		for (size_t i = 0; i < sizeof damage; i++) {
			char copy[sizeof json];

			memcpy(copy, json, sizeof json);
			copy[at] = damage[i];
			put_text(&b, copy, sizeof json - 1);
		}
	struct buf whole = written(&json_schema, &b);
	xmlDocPtr doc = judge_parse(&whole);

	assert_non_null(doc);
	assert_int_equal(xmlChildElementCount(xmlDocGetRootElement(doc)), b.rows);
	xmlFreeDoc(doc);
	cut_columns(&b);
	expect_bytes(makers, &json_schema, &b, whole.data, whole.len);
	buf_free(&whole);
	batch_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars),
		cmocka_unit_test(escapes),
		cmocka_unit_test(objects_and_arrays),
		cmocka_unit_test(keys),
		cmocka_unit_test(lengths),
		cmocka_unit_test(items),
		cmocka_unit_test(many),
		cmocka_unit_test(specials_in_members),
		cmocka_unit_test(long_members),
		cmocka_unit_test(deep),
		cmocka_unit_test(not_json),
		cmocka_unit_test(broken_off),
		cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
