/*
 * XML: the document about the rows and the text of every type, with every character that matters at
 * every length and offset, against a writer that looks at one character at a time.
 */
#include "tests/unit/xml_case.h"

#include <math.h>
#include <stdlib.h>

#include "lib/format/text.h"

static struct field text_field = { .name = "t", .type = TYPE_UTF8, .nullable = true };
static const struct schema text_schema = { &text_field, 1 };

/* ---- the naive writer */

static bool begins(const char *text, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

static void naive_text(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '&')
			buf_puts(out, "&amp;");
		else if (c == '<')
			buf_puts(out, "&lt;");
		else if (c == '>')
			buf_puts(out, "&gt;");
		else if (c == '\r')
			buf_puts(out, "&#13;");
		else if (c < 0x20 && c != '\t' && c != '\n')
			buf_puts(out, "\xef\xbf\xbd");
		else if (begins(text + i, len - i, "\xef\xbf\xbe") ||
			 begins(text + i, len - i, "\xef\xbf\xbf"))
			buf_puts(out, "\xef\xbf\xbd"), i += 2;
		else
			buf_putc(out, text[i]);
	}
}

static void naive_row(struct buf *out, const char *text, size_t len)
{
	buf_puts(out, "<row><t>");
	naive_text(out, text, len);
	buf_puts(out, "</t></row>\n");
}

/* ---- the document */

static void nulls_and_empties(void **s)
{
	struct batch b;

	(void)s;
	batch_init(&b, &text_schema);
	put_null(&b);
	put_text(&b, "", 0);
	put_text(&b, "\xf0\x9f\x8c\x8a\x7f\"'", 7);
	put_text(&b, "a\0b", 3);
	put_text(&b, "]]> & <b>\r\n", 11);
	EXPECT(makers, &text_schema, &b,
		HEAD "<row><t" NIL "</row>\n"
		     "<row><t></t></row>\n"
		     "<row><t>\xf0\x9f\x8c\x8a\x7f\"'</t></row>\n"
		     "<row><t>a\xef\xbf\xbd"
		     "b</t></row>\n"
		     "<row><t>]]&gt; &amp; &lt;b&gt;&#13;\n</t></row>\n" TAIL);
	batch_free(&b);
}

/* The names of the root, of rows and of the table are the caller's. */
static void names_of_the_document(void **s)
{
	struct memory_sink *m = memory_sink_new();
	static const struct format_options names = {
		.root = "my export", .row = "1", .table = "a&\"<\t\n\xc3\xb6"
	};
	struct format *f = xml_new(&m->base, &names);
	static const char expected[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
				       "<my_x0020_export name=\"a&amp;&#34;&lt;&#9;&#10;\xc3\xb6\" "
				       "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n"
				       "<_x0031_><t>x</t></_x0031_>\n"
				       "</my_x0020_export>\n";
	struct batch b;

	(void)s;
	batch_init(&b, &text_schema);
	put_text(&b, "x", 1);
	format_begin(f, &text_schema);
	format_batch(f, &b);
	format_end(f);
	format_free(f);
	assert_int_equal(m->bytes.len, sizeof expected - 1);
	assert_memory_equal(m->bytes.data, expected, m->bytes.len);
	sink_free(&m->base);
	batch_free(&b);
}

static void no_columns(void **s)
{
	struct schema schema = { NULL, 0 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	EXPECT(makers, &schema, &b, HEAD TAIL);
	b.rows = 2;
	EXPECT(makers, &schema, &b, HEAD "<row></row>\n<row></row>\n" TAIL);
	batch_free(&b);
}

static void nulls_between_values(void **s)
{
	struct field fields[] = { { .name = "a", .type = TYPE_INT32 },
		{ .name = "b c", .type = TYPE_UTF8 }, { .name = "d", .type = TYPE_BOOL } };
	struct schema schema = { fields, 3 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	for (b.rows = 0; b.rows < 3; b.rows++) {
		COLUMN_PUT(&b.columns[0], int32_t, b.rows, -b.rows);
		assert_true(column_put_bytes(&b.columns[1], b.rows, "&", 1));
		column_put_bool(&b.columns[2], b.rows, b.rows % 2);
		if (b.rows == 2)
			for (int i = 0; i < 3; i++)
				column_put_null(&b.columns[i], b.rows);
	}
	EXPECT(makers, &schema, &b,
		HEAD "<row><a>0</a><b_x0020_c>&amp;</b_x0020_c><d>false</d></row>\n"
		     "<row><a>-1</a><b_x0020_c>&amp;</b_x0020_c><d>true</d></row>\n"
		     "<row><a" NIL "<b_x0020_c" NIL "<d" NIL "</row>\n" TAIL);
	batch_free(&b);
}

/* Tags of every length around what is copied at once. */
static void name_lengths(void **s)
{
	(void)s;
	for (size_t len = 1; len < 80; len++) {
		char name[81];
		struct field fields[] = { { .name = name, .type = TYPE_BOOL },
			{ .name = name + 1, .type = TYPE_BOOL } };
		struct schema schema = { fields, 1 + (len > 1) };
		struct buf expected = { 0 };
		struct batch b;

		memset(name, 'n', len);
		name[len] = '\0';
		batch_init(&b, &schema);
		b.rows = 2;
		column_put_null(&b.columns[0], 1);
		for (int row = 0; row < 2; row++) {
			buf_printf(&expected, row ? "<row><%s" NIL : "<row><%s>false</%s>", name,
				name);
			if (len > 1)
				buf_printf(&expected, "<%s>false</%s>", name + 1, name + 1);
			buf_puts(&expected, "</row>\n");
		}
		expect_rows(&schema, &b, expected.data, expected.len);
		buf_free(&expected);
		batch_free(&b);
	}
}

/* ---- types */

static void numbers(void **s)
{
	static const double v[] = { 1, -0.0, 0.1, 1e20, NAN, INFINITY, -INFINITY };
	static const char *const texts[] = { "0", "-12345678901234567890.10", "0.5", "7", "NaN",
		"Infinity", "-Infinity" };
	static const char *const expected[] = {
		"<row><d>1</d><f>1</f><n>0</n><m>0.00</m></row>\n",
		"<row><d>-0</d><f>-0</f><n>-12345678901234567890.10</n><m>-0.05</m></row>\n",
		"<row><d>0.1</d><f>0.1</f><n>0.5</n><m>-0.10</m></row>\n",
		"<row><d>1e+20</d><f>1e+20</f><n>7</n><m>-0.15</m></row>\n",
		"<row><d>NaN</d><f>NaN</f><n>NaN</n><m>NaN</m></row>\n",
		"<row><d>INF</d><f>INF</f><n>INF</n><m>-0.25</m></row>\n",
		"<row><d>-INF</d><f>-INF</f><n>-INF</n><m>-0.30</m></row>\n",
	};
	struct field fields[] = { { .name = "d", .type = TYPE_FLOAT64 },
		{ .name = "f", .type = TYPE_FLOAT32 }, { .name = "n", .type = TYPE_DECIMAL_TEXT },
		{ .name = "m", .type = TYPE_DECIMAL128, .precision = 38, .scale = 2 } };
	struct schema schema = { fields, 4 };
	struct buf all = { 0 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	for (; b.rows < 7; b.rows++) {
		COLUMN_PUT(&b.columns[0], double, b.rows, v[b.rows]);
		COLUMN_PUT(&b.columns[1], float, b.rows, (float)v[b.rows]);
		assert_true(column_put_bytes(
			&b.columns[2], b.rows, texts[b.rows], strlen(texts[b.rows])));
		COLUMN_PUT(
			&b.columns[3], __int128, b.rows, b.rows == 4 ? DECIMAL_NAN : -5 * b.rows);
		buf_puts(&all, expected[b.rows]);
	}
	expect_rows(&schema, &b, all.data, all.len);
	buf_free(&all);
	batch_free(&b);
}

/* Rows of no variable value, many times more than the buffer holds. */
static void many_rows(void **s)
{
	struct field fields[] = { { .name = "i", .type = TYPE_INT32 },
		{ .name = "n", .type = TYPE_DECIMAL_TEXT } };
	struct schema schema = { fields, 2 };
	struct buf expected = { 0 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	for (; b.rows < b.rows_cap; b.rows++) {
		COLUMN_PUT(&b.columns[0], int32_t, b.rows, INT32_MIN + b.rows);
		if (b.rows % 2)
			column_put_null(&b.columns[1], b.rows);
		else
			assert_true(column_put_bytes(&b.columns[1], b.rows, "-Infinity", 9));
		buf_printf(&expected, "<row><i>%d</i>%s</row>\n", INT32_MIN + b.rows,
			b.rows % 2 ? "<n" NIL : "<n>-INF</n>");
	}
	expect_rows(&schema, &b, expected.data, expected.len);
	buf_free(&expected);
	batch_free(&b);
}

static void times_and_uuid(void **s)
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
		HEAD
		"<row><u>abababab-abab-abab-abab-abababababab</u><d>infinity</d>"
		"<t>00:00:00.000001</t><z>0044-03-15T00:00:00Z BC</z><i>PT0S</i></row>\n" TAIL);
	batch_free(&b);
}

/* The zone moves timestamptz alone; what is infinite stays so. */
static void zoned(void **s)
{
	static const int64_t v[] = { 0, TIMESTAMP_INFINITY, -INT64_C(746117) * 86400000000 };
	struct field fields[] = { { .name = "z", .type = TYPE_TIMESTAMPTZ },
		{ .name = "t", .type = TYPE_TIMESTAMP } };
	struct schema schema = { fields, 2 };
	struct format_options o = { 0 };
	struct err e = { 0 };
	struct batch b;

	(void)s;
	o.zone = zone_open("-05:30", &e);
	assert_non_null(o.zone);
	batch_init(&b, &schema);
	for (; b.rows < 3; b.rows++)
		for (int i = 0; i < 2; i++)
			COLUMN_PUT(&b.columns[i], int64_t, b.rows, v[b.rows]);
	for (int i = 0; makers[i]; i++) {
		struct memory_sink *m = memory_sink_new();
		struct format *f = makers[i](&m->base, &o);

		format_begin(f, &schema);
		format_batch(f, &b);
		format_end(f);
		format_free(f);
		assert_string_equal(buf_str(&m->bytes), HEAD
			"<row><z>1999-12-31T18:30:00-05:30</z><t>2000-01-01T00:00:00</t></row>\n"
			"<row><z>infinity</z><t>infinity</t></row>\n"
			"<row><z>0044-03-14T18:30:00-05:30 BC</z>"
			"<t>0044-03-15T00:00:00 BC</t></row>\n" TAIL);
		sink_free(&m->base);
	}
	zone_close(o.zone);
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
	put_text(&b, "\xff\xfe\xfd", 3);
	put_text(&b, "twelve bytes and some more", 26);
	put_null(&b);
	EXPECT(makers, &schema, &b,
		HEAD "<row><b></b></row>\n<row><b>Zg==</b></row>\n<row><b>//79</b></row>\n"
		     "<row><b>dHdlbHZlIGJ5dGVzIGFuZCBzb21lIG1vcmU=</b></row>\n"
		     "<row><b" NIL "</row>\n" TAIL);
	batch_free(&b);
}

/* Longer than a span and than the buffer. */
static void long_binary(void **s)
{
	static const size_t lengths[] = { 11, 12, 13, 24, 1000, 12 * 1024, 12 * 1024 + 1,
		400 * 1024 };
	struct field field = { .name = "b", .type = TYPE_BINARY };
	struct schema schema = { &field, 1 };

	(void)s;
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct buf bytes = { 0 }, expected = { 0 };
		struct batch b;

		while (bytes.len < lengths[i])
			buf_putc(&bytes, (char)(bytes.len * 7 + bytes.len / 256));
		buf_puts(&expected, "<row><b>");
		char *p = buf_reserve(&expected, text_base64_room(bytes.len));

		expected.len += (size_t)(text_base64(p, (uint8_t *)bytes.data, bytes.len) - p);
		buf_puts(&expected, "</b></row>\n");
		batch_init(&b, &schema);
		put_text(&b, bytes.data, bytes.len);
		expect_rows(&schema, &b, expected.data, expected.len);
		batch_free(&b);
		buf_free(&bytes);
		buf_free(&expected);
	}
}

/* ---- characters */

/* Characters that are replaced, and their neighbours that are not. */
static const char *const specials[] = { "&", "<", ">", "\r", "\n", "\t", "\x01", "\x08", "\x0b",
	"\x0c", "\x0e", "\x1f", " ", "%", "'", ";", "=", "?", "\x7f", "\"", "\xc2\x80", "\xc3\xaf",
	"\xe2\x80\xa8", "\xee\xbf\xbf", "\xef\x80\x80", "\xef\xbc\x8c", "\xef\xbe\xbe",
	"\xef\xbf\xbd", "\xef\xbf\xbe", "\xef\xbf\xbf", "\xf0\x9f\xbf\xbe", "\xf4\x8f\xbf\xbf" };

enum { SPECIALS = sizeof specials / sizeof *specials };

/* Each at every offset of texts of every length. */
static void specials_anywhere(void **s)
{
	(void)s;
	for (size_t len = 1; len <= 48; len++)
		for (size_t at = 0; at < len && at <= 40; at++) {
			struct buf expected = { 0 };
			struct batch b;

			batch_init(&b, &text_schema);
			for (size_t i = 0; i < SPECIALS; i++) {
				char text[48];
				size_t n = strlen(specials[i]);

				if (at + n > len)
					continue;
				memset(text, 'x', sizeof text);
				memcpy(text + at, specials[i], n);
				put_text(&b, text, len);
				naive_row(&expected, text, len);
			}
			expect_rows(&text_schema, &b, expected.data, expected.len);
			buf_free(&expected);
			batch_free(&b);
		}
}

/* Any number of them anywhere, up to nothing else; NUL too. */
static void many_specials(void **s)
{
	uint32_t x = 1;

	(void)s;
	for (unsigned share = 1; share <= 16; share++) {
		struct buf expected = { 0 };
		struct batch b;

		batch_init(&b, &text_schema);
		for (int i = 0; i < 500; i++) {
			struct buf text = { 0 };

			for (size_t n = (x >> 8) % 60; n > 0; n--) {
				x = x * 1664525 + 1013904223;
				if ((x >> 12) % 16 >= share)
					buf_putc(&text, 'x');
				else
					buf_puts(&text, specials[(x >> 20) % SPECIALS]);
				if ((x >> 16) % 64 == 0)
					buf_putc(&text, '\0');
			}
			x = x * 1664525 + 1013904223;
			put_text(&b, buf_str(&text), text.len);
			naive_row(&expected, text.data, text.len);
			buf_free(&text);
		}
		expect_rows(&text_schema, &b, expected.data, expected.len);
		buf_free(&expected);
		batch_free(&b);
	}
}

/* Longer than a span and than the buffer: the worst case, and a character of many bytes across
 * each edge. */
static void long_values(void **s)
{
	static const char *const fillings[] = { "y", "&", "\x01", "\xef\xbf\xbe", "\xef\xbc\x8c",
		"\xf0\x9f\x8c\x8a" };
	static const size_t spans[] = { 12, 24, 12 * 1024, 24 * 1024, 200 * 1024 };

	(void)s;
	for (size_t i = 0; i < 5; i++)
		for (size_t len = spans[i] - 3; len <= spans[i] + 3; len++)
			for (size_t k = 0; k < 6; k++) {
				struct buf text = { 0 }, expected = { 0 };
				struct batch b;

				batch_init(&b, &text_schema);
				for (size_t shift = len % 4; shift > 0; shift--)
					buf_putc(&text, 'x');
				while (text.len < len)
					buf_puts(&text, fillings[k]);
				put_text(&b, text.data, text.len);
				naive_row(&expected, text.data, text.len);
				expect_rows(&text_schema, &b, expected.data, expected.len);
				buf_free(&text);
				buf_free(&expected);
				batch_free(&b);
			}
}

/* ---- the sink */

static void failures(void **s)
{
	struct field fields[] = { { .name = "t", .type = TYPE_UTF8 },
		{ .name = "j", .type = TYPE_JSON } };
	struct schema schema = { fields, 2 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	for (; b.rows < 20; b.rows++) {
		static const char text[] = "a <long>\r value, longer than a span";
		static const char json[] = "[{\"a key\": [1, null]}, \"\\u20ac\"]";

		assert_true(column_put_bytes(&b.columns[0], b.rows, text, (size_t)b.rows));
		assert_true(column_put_bytes(&b.columns[1], b.rows, json, sizeof json - 1));
	}
	expect_failures(makers, &schema, &b);
	batch_free(&b);
}

/* What a batch holds is with the sink when the call returns, and the end alone closes the root. */
static void nothing_is_kept(void **s)
{
	struct memory_sink *m = memory_sink_new();
	struct format *f = xml_new(&m->base, NULL);
	struct batch b;

	(void)s;
	batch_init(&b, &text_schema);
	format_begin(f, &text_schema);
	assert_int_equal(m->bytes.len, strlen(HEAD));
	put_text(&b, "x", 1);
	format_batch(f, &b);
	assert_int_equal(m->bytes.len, strlen(HEAD "<row><t>x</t></row>\n"));
	format_end(f);
	assert_int_equal(m->bytes.len, strlen(HEAD "<row><t>x</t></row>\n" TAIL));
	format_free(f);
	format_free(xml_new(&m->base, NULL)); /* at any time, also before begin */
	sink_free(&m->base);
	batch_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nulls_and_empties),
		cmocka_unit_test(names_of_the_document),
		cmocka_unit_test(no_columns),
		cmocka_unit_test(nulls_between_values),
		cmocka_unit_test(name_lengths),
		cmocka_unit_test(numbers),
		cmocka_unit_test(many_rows),
		cmocka_unit_test(times_and_uuid),
		cmocka_unit_test(zoned),
		cmocka_unit_test(binary),
		cmocka_unit_test(long_binary),
		cmocka_unit_test(specials_anywhere),
		cmocka_unit_test(many_specials),
		cmocka_unit_test(long_values),
		cmocka_unit_test(failures),
		cmocka_unit_test(nothing_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
