/*
 * NDJSON: each line is the object that RFC 8259 describes, against a writer that looks at one
 * byte at a time. The array: test_json_options.c.
 */
#include "tests/unit/row_formats.h"

#include <math.h>
#include <stdlib.h>

static format_maker *const makers[] = { ndjson_new, ndjson_new_tiny, ndjson_new_portable, NULL };

static struct field text_field = { .name = "t", .type = TYPE_UTF8, .nullable = true };
static const struct schema text_schema = { &text_field, 1 };

static void naive_string(struct buf *out, const char *text, size_t len)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < len; i++)
		switch (text[i]) {
		case '"': buf_puts(out, "\\\""); break;
		case '\\': buf_puts(out, "\\\\"); break;
		case '\b': buf_puts(out, "\\b"); break;
		case '\f': buf_puts(out, "\\f"); break;
		case '\n': buf_puts(out, "\\n"); break;
		case '\r': buf_puts(out, "\\r"); break;
		case '\t': buf_puts(out, "\\t"); break;
		default:
			if ((unsigned char)text[i] < 0x20)
				buf_printf(out, "\\u%04x", (unsigned char)text[i]);
			else
				buf_putc(out, text[i]);
		}
	buf_putc(out, '"');
}

static void naive_row(struct buf *out, const char *text, size_t len)
{
	buf_puts(out, "{\"t\":");
	naive_string(out, text, len);
	buf_puts(out, "}\n");
}

static void strings(void **s)
{
	struct batch b;

	(void)s;
	batch_init(&b, &text_schema);
	put_null(&b);
	put_text(&b, "", 0);
	put_text(&b, "\xf0\x9f\x8c\x8a\x7f/'<", 8);
	put_text(&b, "a\0b", 3);
	put_text(&b, "\"\\\b\f\n\r\t\x01\x1f", 9);
	EXPECT(makers, &text_schema, &b,
		"{\"t\":null}\n{\"t\":\"\"}\n{\"t\":\"\xf0\x9f\x8c\x8a\x7f/"
		"'<\"}\n{\"t\":\"a\\u0000b\"}\n"
		"{\"t\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\"}\n");
	batch_free(&b);
}

static void names(void **s)
{
	struct field fields[] = { { .name = "plain", .type = TYPE_INT16 },
		{ .name = "a \"b\"\n", .type = TYPE_INT16 }, { .name = "", .type = TYPE_INT16 },
		{ .name = "a name that is longer than what is copied at once", .type = TYPE_INT16 },
		{ .name = "größe", .type = TYPE_INT16 } };
	struct schema schema = { fields, 5 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	EXPECT(makers, &schema, &b, "");
	for (size_t i = 0; i < 5; i++)
		COLUMN_PUT(&b.columns[i], int16_t, 0, (int16_t)i);
	b.rows = 1;
	EXPECT(makers, &schema, &b,
		"{\"plain\":0,\"a \\\"b\\\"\\n\":1,\"\":2,"
		"\"a name that is longer than what is copied at once\":3,\"größe\":4}\n");
	batch_free(&b);
}

/* Names of every length around what is copied at once. */
static void name_lengths(void **s)
{
	(void)s;
	for (size_t len = 0; len < 80; len++) {
		char name[81];
		struct field fields[] = { { .name = name, .type = TYPE_BOOL },
			{ .name = name + 1, .type = TYPE_BOOL } };
		struct schema schema = { fields, 1 + (len > 0) };
		struct buf expected = { 0 };
		struct batch b;

		memset(name, 'n', len);
		name[len] = '\0';
		batch_init(&b, &schema);
		b.rows = 1;
		buf_printf(&expected, "{\"%s\":false", name);
		if (len)
			buf_printf(&expected, ",\"%s\":false", name + 1);
		buf_puts(&expected, "}\n");
		expect_bytes(makers, &schema, &b, expected.data, expected.len);
		buf_free(&expected);
		batch_free(&b);
	}
}

static void no_columns(void **s)
{
	struct schema schema = { NULL, 0 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	b.rows = 2;
	EXPECT(makers, &schema, &b, "{}\n{}\n");
	batch_free(&b);
}

/* JSON has no NaN and no Infinity; its -0 and 1e+20 are numbers. */
static void floats(void **s)
{
	static const double v[] = { 1, -0.0, 0.1, 1e20, NAN, INFINITY, -INFINITY };
	struct field fields[] = { { .name = "d", .type = TYPE_FLOAT64 },
		{ .name = "f", .type = TYPE_FLOAT32 } };
	struct schema schema = { fields, 2 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	for (; b.rows < 7; b.rows++) {
		COLUMN_PUT(&b.columns[0], double, b.rows, v[b.rows]);
		COLUMN_PUT(&b.columns[1], float, b.rows, (float)v[b.rows]);
	}
	EXPECT(makers, &schema, &b,
		"{\"d\":1,\"f\":1}\n{\"d\":-0,\"f\":-0}\n{\"d\":0.1,\"f\":0.1}\n{\"d\":1e+20,\"f\":"
		"1e+20}\n"
		"{\"d\":null,\"f\":null}\n{\"d\":null,\"f\":null}\n{\"d\":null,\"f\":null}\n");
	batch_free(&b);
}

static void decimals(void **s)
{
	static const char *const texts[] = { "0", "-12345678901234567890.10", "NaN", "Infinity",
		"-Infinity" };
	struct field fields[] = { { .name = "t", .type = TYPE_DECIMAL_TEXT },
		{ .name = "d", .type = TYPE_DECIMAL128, .precision = 38, .scale = 2 } };
	struct schema schema = { fields, 2 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	for (; b.rows < 5; b.rows++) {
		assert_true(column_put_bytes(
			&b.columns[0], b.rows, texts[b.rows], strlen(texts[b.rows])));
		COLUMN_PUT(
			&b.columns[1], __int128, b.rows, b.rows == 2 ? DECIMAL_NAN : -5 * b.rows);
	}
	EXPECT(makers, &schema, &b,
		"{\"t\":0,\"d\":0.00}\n{\"t\":-12345678901234567890.10,\"d\":-0.05}\n"
		"{\"t\":null,\"d\":null}\n{\"t\":null,\"d\":-0.15}\n{\"t\":null,\"d\":-0.20}\n");
	batch_free(&b);
}

/* A nested value keeps its bytes, but stays on its line. */
static void json(void **s)
{
	struct field field = { .name = "j", .type = TYPE_JSON, .nullable = true };
	struct schema schema = { &field, 1 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	put_text(&b, "{\"a\": [1, \"x\\n\"]}", 17);
	put_text(&b, "{\r\n  \"a\" :\t1.50\n}", 17);
	put_text(&b, "null", 4);
	put_text(&b, "\"\xe2\x82\xac\"", 5);
	put_null(&b);
	EXPECT(makers, &schema, &b,
		"{\"j\":{\"a\": [1, \"x\\n\"]}}\n{\"j\":{    \"a\" :\t1.50 }}\n{\"j\":null}\n"
		"{\"j\":\"\xe2\x82\xac\"}\n{\"j\":null}\n");
	cut_columns(&b);
	EXPECT(makers, &schema, &b,
		"{\"j\":{\"a\": [1, \"x\\n\"]}}\n{\"j\":{    \"a\" :\t1.50 }}\n{\"j\":null}\n"
		"{\"j\":\"\xe2\x82\xac\"}\n{\"j\":null}\n");
	batch_free(&b);
}

/* An escape that is half of a surrogate pair is no character; jsonb has none, and is not looked through. */
static void surrogates(void **s)
{
	static const char *const cases[][2] = {
		{ "\"\\ud800\"", "\"\\ufffd\"" },
		{ "\"\\uDBFF\\u0041\"", "\"\\ufffd\\u0041\"" },
		{ "\"\\udc00\\udbff\\ud83d\\uDE00\"", "\"\\ufffd\\ufffd\\ud83d\\uDE00\"" },
		{ "\"\\\\ud800\\\\\\ud800\"", "\"\\\\ud800\\\\\\ufffd\"" },
		{ "{\"\\udfffa\":\n\"\\\"\\uD800\\n\"}", "{\"\\ufffda\": \"\\\"\\ufffd\\n\"}" },
		{ "\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\"" },
		{ "\"\\ue000\\ud7ff\"", "\"\\ue000\\ud7ff\"" },
	};
	struct field field = { .name = "j", .type = TYPE_JSON, .nullable = true };
	struct schema schema = { &field, 1 };

	(void)s;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (int json = JSON_TEXT; json <= JSON_LIST; json++) {
			struct buf expected = { 0 };
			struct batch b;

			field.json = (uint8_t)json;
			batch_init(&b, &schema);
			put_text(&b, cases[i][0], strlen(cases[i][0]));
			buf_printf(&expected, "{\"j\":%s}\n", cases[i][json != JSON_BINARY]);
			for (char *p = expected.data; (p = strchr(p, '\n')) && p[1];)
				*p = ' ';
			expect_bytes(makers, &schema, &b, expected.data, expected.len);
			cut_columns(&b);
			expect_bytes(makers, &schema, &b, expected.data, expected.len);
			batch_free(&b);
			buf_free(&expected);
		}
}

/* Line ends of every kind at every offset of texts of every length. */
static void json_lines(void **s)
{
	static const char special[] = { '\n', '\r', '\t', 0x0b, (char)0x8a, (char)0x8d };
	struct field field = { .name = "j", .type = TYPE_JSON };
	struct schema schema = { &field, 1 };

	(void)s;
	for (size_t len = 0; len <= 48; len++) {
		struct buf expected = { 0 };
		struct batch b;

		batch_init(&b, &schema);
		for (size_t at = 0; at < len; at++)
			for (size_t i = 0; i < sizeof special; i++) {
				char text[48];

				memset(text, '1', sizeof text);
				text[at] = special[i];
				put_text(&b, text, len);
				if (i < 2)
					text[at] = ' ';
				buf_puts(&expected, "{\"j\":");
				buf_put(&expected, text, len);
				buf_puts(&expected, "}\n");
			}
		cut_columns(&b);
		expect_bytes(makers, &schema, &b, expected.data, expected.len);
		buf_free(&expected);
		batch_free(&b);
	}
}

static void strings_of_types(void **s)
{
	struct field fields[] = { { .name = "u", .type = TYPE_UUID },
		{ .name = "d", .type = TYPE_DATE32 }, { .name = "t", .type = TYPE_TIME64 },
		{ .name = "z", .type = TYPE_TIMESTAMPTZ }, { .name = "i", .type = TYPE_INTERVAL } };
	struct schema schema = { fields, 5 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	memset(b.columns[0].data, 0xab, 16);
	COLUMN_PUT(&b.columns[1], int32_t, 0, DATE_INFINITY);
	COLUMN_PUT(&b.columns[2], int64_t, 0, 1);
	COLUMN_PUT(&b.columns[3], int64_t, 0, -INT64_C(746117) * 86400000000);
	COLUMN_PUT(&b.columns[4], struct interval, 0, ((struct interval){ 0 }));
	b.rows = 1;
	EXPECT(makers, &schema, &b,
		"{\"u\":\"abababab-abab-abab-abab-abababababab\",\"d\":\"infinity\",\"t\":\"00:00:"
		"00.000001\","
		"\"z\":\"0044-03-15T00:00:00Z BC\",\"i\":\"PT0S\"}\n");
	batch_free(&b);
}

static void binary(void **s)
{
	struct field field = { .name = "b", .type = TYPE_BINARY, .nullable = true };
	struct schema schema = { &field, 1 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	put_text(&b, "", 0);
	put_text(&b, "f", 1);
	put_text(&b, "fo", 2);
	put_text(&b, "\xff\xfe\xfd", 3);
	put_text(&b, "twelve bytes and some more", 26);
	put_null(&b);
	EXPECT(makers, &schema, &b,
		"{\"b\":\"\"}\n{\"b\":\"Zg==\"}\n{\"b\":\"Zm8=\"}\n{\"b\":\"//79\"}\n"
		"{\"b\":\"dHdlbHZlIGJ5dGVzIGFuZCBzb21lIG1vcmU=\"}\n{\"b\":null}\n");
	batch_free(&b);
}

/* Every byte value at every offset of strings of every length. */
static void specials(void **s)
{
	(void)s;
	for (size_t len = 1; len <= 48; len++)
		for (size_t at = 0; at <= 40 && at < len; at++) {
			struct buf expected = { 0 };
			struct batch b;

			batch_init(&b, &text_schema);
			for (int c = 0; c < 256; c++) {
				char text[48];

				memset(text, 'x', sizeof text);
				text[at] = (char)c;
				put_text(&b, text, len);
				naive_row(&expected, text, len);
			}
			cut_columns(&b);
			expect_bytes(makers, &text_schema, &b, expected.data, expected.len);
			buf_free(&expected);
			batch_free(&b);
		}
}

/* Any number of escapes anywhere, up to nothing else. */
static void many_specials(void **s)
{
	static const char special[] = "\"\\\"\\\"\n\"\x01\"\\\r\"\\\"\"\"";
	uint32_t x = 1;

	(void)s;
	for (unsigned share = 1; share <= 16; share++) {
		struct buf expected = { 0 };
		struct batch b;

		batch_init(&b, &text_schema);
		for (int i = 0; i < 500; i++) {
			char text[100];
			size_t len = (x >> 8) % sizeof text;

			for (size_t k = 0; k < len; k++) {
				x = x * 1664525 + 1013904223;
				text[k] = (x >> 16) % 16 < share
						  ? special[(x >> 20) % (i % 2 ? 5 : 16)]
						  : 'x';
			}
			x = x * 1664525 + 1013904223;
			put_text(&b, text, len);
			naive_row(&expected, text, len);
		}
		expect_bytes(makers, &text_schema, &b, expected.data, expected.len);
		cut_columns(&b);
		expect_bytes(makers, &text_schema, &b, expected.data, expected.len);
		buf_free(&expected);
		batch_free(&b);
	}
}

/* Longer than a span and than the buffer, the worst case of six bytes for one included. */
static void long_values(void **s)
{
	static const size_t spans[] = { 12, 24, 12 * 1024, 24 * 1024, 200 * 1024 };
	char *text = mem_alloc(201 * 1024, 1);

	(void)s;
	for (size_t i = 0; i < 5; i++)
		for (size_t len = spans[i] - 1; len <= spans[i] + 2; len++)
			for (int k = 0; k < 3; k++) {
				struct buf expected = { 0 };
				struct batch b;

				batch_init(&b, &text_schema);
				memset(text, k == 2 ? 1 : 'y', len);
				text[len - 1 - (size_t)k] = '\\';
				put_text(&b, text, len);
				cut_columns(&b);
				naive_row(&expected, text, len);
				expect_bytes(makers, &text_schema, &b, expected.data, expected.len);
				buf_free(&expected);
				batch_free(&b);
			}
	free(text);
}

/* Many variable columns, all of the worst kind: a row is longer than any buffer. */
static void wide_rows(void **s)
{
	enum { WIDE = 60 };
	struct field fields[WIDE];
	struct schema schema = { fields, WIDE };
	struct buf expected = { 0 };
	char ones[12000];
	struct batch b;

	(void)s;
	for (size_t i = 0; i < WIDE; i++)
		fields[i] = (struct field){ .name = "w", .type = TYPE_UTF8 };
	memset(ones, 1, sizeof ones);
	batch_init(&b, &schema);
	for (b.rows = 0; b.rows < 12; b.rows++) {
		for (size_t i = 0; i < WIDE; i++) {
			size_t len = b.rows < 10 ? 12 : i * (size_t)b.rows * 541 % sizeof ones;

			assert_true(column_put_bytes(&b.columns[i], b.rows, ones, len));
			buf_puts(&expected, i ? ",\"w\":" : "{\"w\":");
			naive_string(&expected, ones, len);
		}
		buf_puts(&expected, "}\n");
	}
	expect_bytes(makers, &schema, &b, expected.data, expected.len);
	buf_free(&expected);
	batch_free(&b);
}

static void failures(void **s)
{
	struct batch b;

	(void)s;
	batch_init(&b, &text_schema);
	for (int i = 0; i < 30; i++) {
		put_text(&b, "a \"long\"\nvalue, longer than a span", (size_t)i);
		put_null(&b);
	}
	expect_failures(makers, &text_schema, &b);
	batch_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings),
		cmocka_unit_test(names),
		cmocka_unit_test(name_lengths),
		cmocka_unit_test(no_columns),
		cmocka_unit_test(floats),
		cmocka_unit_test(decimals),
		cmocka_unit_test(json),
		cmocka_unit_test(surrogates),
		cmocka_unit_test(json_lines),
		cmocka_unit_test(strings_of_types),
		cmocka_unit_test(binary),
		cmocka_unit_test(specials),
		cmocka_unit_test(many_specials),
		cmocka_unit_test(long_values),
		cmocka_unit_test(wide_rows),
		cmocka_unit_test(failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
