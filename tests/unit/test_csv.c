/*
 * CSV: RFC 4180's rules at every length and offset, against a writer that looks at one byte at a
 * time.
 */
#include "tests/unit/row_formats.h"

#include <stdlib.h>

static format_maker *const makers[] = { csv_new, csv_new_tiny, csv_new_portable, NULL };

static struct field text_field = { .name = "t", .type = TYPE_UTF8, .nullable = true };
static const struct schema text_schema = { &text_field, 1 };

static void naive_field(struct buf *out, const char *text, size_t len)
{
	bool is_quoted = len == 0 || memchr(text, ',', len) || memchr(text, '"', len) ||
			 memchr(text, '\r', len) || memchr(text, '\n', len);

	if (is_quoted)
		buf_putc(out, '"');
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			buf_putc(out, '"');
		buf_putc(out, text[i]);
	}
	if (is_quoted)
		buf_putc(out, '"');
	buf_puts(out, "\r\n");
}

static void nulls_and_empties(void **s)
{
	struct batch b;

	(void)s;
	batch_init(&b, &text_schema);
	put_null(&b);
	put_text(&b, "", 0);
	put_text(&b, "a b", 3);
	put_text(&b, "\xf0\x9f\x8c\x8a\x7f", 5);
	put_text(&b, " ", 1);
	put_text(&b, "\\.", 2);
	put_text(&b, "a\0b", 3);
	EXPECT(makers, &text_schema, &b,
		"t\r\n\r\n\"\"\r\na b\r\n\xf0\x9f\x8c\x8a\x7f\r\n \r\n\"\\.\"\r\na\0b\r\n");
	batch_free(&b);
}

static void names(void **s)
{
	struct field fields[] = { { .name = "plain" }, { .name = "with,comma" },
		{ .name = "with \"quotes\"" }, { .name = "" }, { .name = "l\r\nf" },
		{ .name = "größe" } };
	struct schema schema = { fields, 6 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	EXPECT(makers, &schema, &b,
		"plain,\"with,comma\",\"with \"\"quotes\"\"\",\"\",\"l\r\nf\",größe\r\n");
	batch_free(&b);
}

static void no_columns(void **s)
{
	struct schema schema = { NULL, 0 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	b.rows = 2;
	EXPECT(makers, &schema, &b, "\r\n\r\n\r\n");
	batch_free(&b);
}

static void nulls_between_values(void **s)
{
	struct field fields[] = { { .name = "a", .type = TYPE_INT32 },
		{ .name = "b", .type = TYPE_UTF8 }, { .name = "c", .type = TYPE_BOOL } };
	struct schema schema = { fields, 3 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	for (b.rows = 0; b.rows < 4; b.rows++) {
		COLUMN_PUT(&b.columns[0], int32_t, b.rows, -b.rows);
		assert_true(column_put_bytes(&b.columns[1], b.rows, ",", 1));
		column_put_bool(&b.columns[2], b.rows, b.rows % 2);
		if (b.rows == 3)
			for (int i = 0; i < 3; i++)
				column_put_null(&b.columns[i], b.rows);
	}
	EXPECT(makers, &schema, &b,
		"a,b,c\r\n0,\",\",false\r\n-1,\",\",true\r\n-2,\",\",false\r\n,,\r\n");
	batch_free(&b);
}

/* Every byte there is that matters, at every offset of strings of every length. */
static void specials(void **s)
{
	static const char special[] = { ',', '"', '\r', '\n', 0, 0x1f, '!', '#', '+', '-', 0x0b,
		0x0c, 0x0e, (char)0xac, (char)0xa2, (char)0x8a, (char)0x8d, (char)0x80,
		(char)0xff };
	struct batch b;

	(void)s;
	for (size_t len = 0; len <= 48; len++) {
		struct buf expected = { 0 };

		batch_init(&b, &text_schema);
		buf_puts(&expected, "t\r\n");
		for (size_t at = 0; at <= 40 && at < len; at++)
			for (size_t i = 0; i < sizeof special; i++) {
				char text[48];

				memset(text, 'x', sizeof text);
				text[at] = special[i];
				put_text(&b, text, len);
				naive_field(&expected, text, len);
			}
		cut_columns(&b);
		expect_bytes(makers, &text_schema, &b, expected.data, expected.len);
		buf_free(&expected);
		batch_free(&b);
	}
}

/* Any number of quotes anywhere, up to nothing but quotes. */
static void many_quotes(void **s)
{
	uint32_t x = 1;
	struct batch b;

	(void)s;
	for (unsigned share = 1; share <= 16; share++) {
		struct buf expected = { 0 };

		batch_init(&b, &text_schema);
		buf_puts(&expected, "t\r\n");
		for (int i = 0; i < 500; i++) {
			char text[100];
			size_t len = (x >> 8) % sizeof text;

			for (size_t k = 0; k < len; k++) {
				x = x * 1664525 + 1013904223;
				text[k] = (x >> 16) % 16 < share ? '"' : 'x';
			}
			x = x * 1664525 + 1013904223;
			put_text(&b, text, len);
			naive_field(&expected, text, len);
		}
		expect_bytes(makers, &text_schema, &b, expected.data, expected.len);
		cut_columns(&b);
		expect_bytes(makers, &text_schema, &b, expected.data, expected.len);
		buf_free(&expected);
		batch_free(&b);
	}
}

/* Values longer than a span and than the buffer, plain but for a byte near the end of a span. */
static void long_values(void **s)
{
	static const size_t spans[] = { 12, 24, 12 * 1024, 24 * 1024, 200 * 1024 };
	char *text = mem_alloc(201 * 1024, 1);
	struct batch b;

	(void)s;
	for (size_t i = 0; i < 5; i++)
		for (size_t len = spans[i] - 1; len <= spans[i] + 2; len++)
			for (int k = 0; k < 6; k++) {
				struct buf expected = { 0 };

				batch_init(&b, &text_schema);
				memset(text, 'y', len);
				if (k < 5)
					text[len - 1 - (size_t)k] = k % 2 ? '"' : ',';
				put_text(&b, text, len);
				cut_columns(&b);
				buf_puts(&expected, "t\r\n");
				naive_field(&expected, text, len);
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
	char quotes[12000];
	struct batch b;

	(void)s;
	for (size_t i = 0; i < WIDE; i++)
		fields[i] = (struct field){ .name = "q", .type = TYPE_UTF8 };
	memset(quotes, '"', sizeof quotes);
	batch_init(&b, &schema);
	for (size_t i = 0; i < WIDE; i++)
		buf_puts(&expected, i + 1 < WIDE ? "q," : "q\r\n");
	for (b.rows = 0; b.rows < 12; b.rows++)
		for (size_t i = 0; i < WIDE; i++) {
			size_t len = b.rows < 10 ? 12 : i * (size_t)b.rows * 541 % sizeof quotes;

			assert_true(column_put_bytes(&b.columns[i], b.rows, quotes, len));
			naive_field(&expected, quotes, len);
			if (i + 1 < WIDE) {
				expected.len -= 2;
				buf_putc(&expected, ',');
			}
		}
	expect_bytes(makers, &schema, &b, expected.data, expected.len);
	buf_free(&expected);
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
	put_text(&b, "\0\"\xff,", 4);
	put_text(&b, "0123456789abcdef", 16);
	put_null(&b);
	EXPECT(makers, &schema, &b,
		"b\r\n\\x\r\n\\x0022ff2c\r\n\\x30313233343536373839616263646566\r\n\r\n");
	batch_free(&b);
}

/* Texts that take the other variable types' way are quoted by the same rules. */
static void json_and_decimal_text(void **s)
{
	struct field fields[] = { { .name = "j", .type = TYPE_JSON },
		{ .name = "d", .type = TYPE_DECIMAL_TEXT } };
	struct schema schema = { fields, 2 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	assert_true(column_put_bytes(&b.columns[0], 0, "{\"a\":\n1}", 8));
	assert_true(column_put_bytes(&b.columns[1], 0, "-12345678901234567890.10", 24));
	b.rows = 1;
	EXPECT(makers, &schema, &b, "j,d\r\n\"{\"\"a\"\":\n1}\",-12345678901234567890.10\r\n");
	batch_free(&b);
}

static void failures(void **s)
{
	struct batch b;

	(void)s;
	batch_init(&b, &text_schema);
	for (int i = 0; i < 30; i++) {
		put_text(&b, "a \"long\" value, longer than a span", (size_t)i);
		put_null(&b);
	}
	expect_failures(makers, &text_schema, &b);
	batch_free(&b);
}

/* What a batch holds is with the sink when the call returns: first rows travel early. */
static void nothing_is_kept(void **s)
{
	struct memory_sink *m = memory_sink_new();
	struct format *f = csv_new(&m->base, NULL);
	struct batch b;

	(void)s;
	batch_init(&b, &text_schema);
	format_begin(f, &text_schema);
	assert_int_equal(m->bytes.len, 3);
	put_text(&b, "x", 1);
	format_batch(f, &b);
	assert_int_equal(m->bytes.len, 6);
	format_end(f);
	assert_int_equal(m->bytes.len, 6);
	format_free(f);
	format_free(csv_new(&m->base, NULL)); /* at any time, also before begin */
	sink_free(&m->base);
	batch_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nulls_and_empties),
		cmocka_unit_test(names),
		cmocka_unit_test(no_columns),
		cmocka_unit_test(nulls_between_values),
		cmocka_unit_test(specials),
		cmocka_unit_test(many_quotes),
		cmocka_unit_test(long_values),
		cmocka_unit_test(wide_rows),
		cmocka_unit_test(binary),
		cmocka_unit_test(json_and_decimal_text),
		cmocka_unit_test(failures),
		cmocka_unit_test(nothing_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
