/*
 * CSV with options: each alone against literal bytes, and all together, drawn at random, against a writer that looks
 * at one byte at a time; in all three builds.
 */
#include "tests/unit/row_formats.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/format/text.h"

static format_maker *const makers[] = { csv_new, csv_new_tiny, csv_new_portable, NULL };

/* Options as a caller gives them: "name=value&name=value". */
static const char *from_query(const void *from, const char *name)
{
	static char values[16][64];
	static int at;
	size_t len = strlen(name);

	for (const char *p = from; p; p = strchr(p, '&') ? strchr(p, '&') + 1 : NULL)
		if (strncmp(p, name, len) == 0 && p[len] == '=') {
			char *value = values[at++ % 16];

			snprintf(value, sizeof values[0], "%.*s", (int)strcspn(p + len + 1, "&"),
				p + len + 1);
			return value;
		}
	return NULL;
}

static struct arena arena;

static void read_options(struct format_options *o, const char *query)
{
	struct err e;

	format_options_init(o, DIALECT_RFC4180);
	if (format_options_read(o, FAMILY_DELIMITED, from_query, query, &arena, &e) < 0)
		fail_msg("%s: %s", query, e.text);
}

static void expect_with(const struct format_options *o, const struct schema *schema,
	const struct batch *b, const char *expected, size_t len)
{
	for (format_maker *const *make = makers; *make; make++) {
		struct memory_sink *m = memory_sink_new();
		struct format *f = (*make)(&m->base, o);

		format_begin(f, schema);
		format_batch(f, b);
		format_end(f);
		format_free(f);
		if (m->bytes.len != len || (len && memcmp(m->bytes.data, expected, len) != 0))
			fail_msg("build %d got:\n%.*s\nexpected:\n%.*s", (int)(make - makers),
				(int)m->bytes.len, m->bytes.data, (int)len, expected);
		sink_free(&m->base);
	}
}

static void expect_text(const struct format_options *o, const struct schema *schema,
	const struct batch *b, const char *expected)
{
	expect_with(o, schema, b, expected, strlen(expected));
}

/* ---- each alone */

static struct field fields[] = {
	{ .name = "=t", .type = TYPE_UTF8 },
	{ .name = "j", .type = TYPE_JSON },
	{ .name = "f", .type = TYPE_FLOAT64 },
	{ .name = "d", .type = TYPE_DECIMAL128, .scale = 2 },
	{ .name = "n", .type = TYPE_DECIMAL_TEXT },
	{ .name = "b", .type = TYPE_BOOL },
	{ .name = "x", .type = TYPE_BINARY },
	{ .name = "at", .type = TYPE_TIMESTAMPTZ },
	{ .name = "local", .type = TYPE_TIMESTAMP },
	{ .name = "i", .type = TYPE_INT32 },
};
enum { COLUMNS = sizeof fields / sizeof *fields };
static const struct schema schema = { fields, COLUMNS };

static void put_row(struct batch *b, const char *text, const char *json, double f, int cents,
	const char *numeric, int64_t at)
{
	assert_true(column_put_bytes(&b->columns[0], b->rows, text, strlen(text)));
	assert_true(column_put_bytes(&b->columns[1], b->rows, json, strlen(json)));
	COLUMN_PUT(&b->columns[2], double, b->rows, f);
	COLUMN_PUT(&b->columns[3], __int128, b->rows, cents);
	assert_true(column_put_bytes(&b->columns[4], b->rows, numeric, strlen(numeric)));
	column_put_bool(&b->columns[5], b->rows, b->rows % 2);
	assert_true(column_put_bytes(&b->columns[6], b->rows, "\\x", (size_t)b->rows % 3));
	COLUMN_PUT(&b->columns[7], int64_t, b->rows, at);
	COLUMN_PUT(&b->columns[8], int64_t, b->rows, at);
	COLUMN_PUT(&b->columns[9], int32_t, b->rows, -b->rows);
	b->rows++;
}

static const struct {
	const char *query, *expected;
} alone[] = {
	{ "", "=t,j,f,d,n,b,x,at,local,i\r\n"
	      "\"a,\"\"b\\;\t\n\",-5,-1.5,-0.50,-1.25,false,\\x,2000-01-01T00:00:00.5Z,2000-01-"
	      "01T00:00:00.5,0\r\n"
	      "=1,NULL,NaN,0.00,NaN,true,\\x5c,infinity,infinity,-1\r\n"
	      ",,,,,,,,,\r\n" },
	{ "dialect=tsv", "=t\tj\tf\td\tn\tb\tx\tat\tlocal\ti\n"
			 "\"a,\"\"b\\;\t\n\"\t-5\t-1.5\t-0.50\t-1.25\tfalse\t\\x\t2000-01-01T00:00:"
			 "00.5Z\t2000-01-01T00:00:00.5\t0\n"
			 "=1\tNULL\tNaN\t0.00\tNaN\ttrue\t\\x5c\tinfinity\tinfinity\t-1\n"
			 "\t\t\t\t\t\t\t\t\t\n" },
	{ "dialect=excel", "\xef\xbb\xbf'=t,j,f,d,n,b,x,at,local,i\r\n"
			   "\"a,\"\"b\\;\t\n\",'-5,-1.5,-0.50,-1.25,false,\\x,2000-01-01 "
			   "00:00:00.5,2000-01-01 00:00:00.5,0\r\n"
			   "'=1,NULL,NaN,0.00,NaN,true,\\x5c,infinity,infinity,-1\r\n"
			   ",,,,,,,,,\r\n" },
	{ "dialect=excel-eu", "\xef\xbb\xbf'=t;j;f;d;n;b;x;at;local;i\r\n"
			      "\"a,\"\"b\\;\t\n\";'-5;-1,5;-0,50;-1,25;false;\\x;2000-01-01 "
			      "00:00:00.5;2000-01-01 00:00:00.5;0\r\n"
			      "'=1;NULL;NaN;0,00;NaN;true;\\x5c;infinity;infinity;-1\r\n"
			      ";;;;;;;;;\r\n" },
	{ "dialect=postgres", "a,\"b\\\\;\\t\\n\t-5\t-1.5\t-0.50\t-1.25\tfalse\t\\\\x\t2000-01-"
			      "01T00:00:00.5Z\t2000-01-01T00:00:00.5\t0\n"
			      "=1\tNULL\tNaN\t0.00\tNaN\ttrue\t\\\\x5c\tinfinity\tinfinity\t-1\n"
			      "\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n" },
	{ "dialect=mysql&header=true",
		"=t\tj\tf\td\tn\tb\tx\tat\tlocal\ti\n"
		"a,\"b\\\\;\\t\\n\t-5\t-1.5\t-0.50\t-1.25\t0\t\\\\x\t2000-01-01 "
		"00:00:00.5\t2000-01-01 00:00:00.5\t0\n"
		"=1\tNULL\tNaN\t0.00\tNaN\t1\t\\\\x5c\tinfinity\tinfinity\t-1\n"
		"\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n" },
	{ "quote='&escape_formulas=true&null=NULL&header=false&eol=lf",
		"'a,\"b\\;\t\n','''-5',-1.5,-0.50,-1.25,false,\\x,2000-01-01T00:00:00.5Z,2000-01-"
		"01T00:00:00.5,0\n"
		"'''=1','NULL',NaN,0.00,NaN,true,\\x5c,infinity,infinity,-1\n"
		"NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL\n" },
	{ "escape=backslash&null=NaN&header=false",
		"\"a,\\\"b\\\\;\t\n\",-5,-1.5,-0.50,-1.25,false,\"\\\\x\",2000-01-01T00:00:00.5Z,"
		"2000-01-01T00:00:00.5,0\r\n"
		"=1,\"NULL\",\"NaN\",0.00,\"NaN\",true,\"\\\\x5c\",infinity,infinity,-1\r\n"
		"NaN,NaN,NaN,NaN,NaN,NaN,NaN,NaN,NaN,NaN\r\n" },
	{ "quote=none&escape=backslash&null=\\N&delimiter=;&decimal=,&header=false&tz=-03:30",
		"a,\"b\\\\\\;\\t\\n;-5;-1,5;-0,50;-1,25;false;\\\\x;1999-12-31T20:30:00.5-03:30;"
		"2000-01-01T00:00:00.5;0\r\n"
		"=1;NULL;NaN;0,00;NaN;true;\\\\x5c;infinity;infinity;-1\r\n"
		"\\N;\\N;\\N;\\N;\\N;\\N;\\N;\\N;\\N;\\N\r\n" },
	{ "null=\\x&boolean=digits&timestamp=sql&tz=%2b05:30&header=false&bom=true",
		"\xef\xbb\xbf\"a,\"\"b\\;\t\n\",-5,-1.5,-0.50,-1.25,0,\"\\x\",2000-01-01 "
		"05:30:00.5,2000-01-01 00:00:00.5,0\r\n"
		"=1,NULL,NaN,0.00,NaN,1,\"\\x5c\",infinity,infinity,-1\r\n"
		"\\x,\\x,\\x,\\x,\\x,\\x,\\x,\\x,\\x,\\x\r\n" },
	{ "null=-1&header=false&boolean=digits",
		"\"a,\"\"b\\;\t\n\",-5,-1.5,-0.50,-1.25,0,\\x,2000-01-01T00:00:00.5Z,2000-01-01T00:"
		"00:00.5,0\r\n"
		"=1,NULL,NaN,0.00,NaN,1,\\x5c,infinity,infinity,\"-1\"\r\n"
		"-1,-1,-1,-1,-1,-1,-1,-1,-1,-1\r\n" },
};

static void each(void **s)
{
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	put_row(&b, "a,\"b\\;\t\n", "-5", -1.5, -50, "-1.25", 500000);
	put_row(&b, "=1", "NULL", NAN, 0, "NaN", TIMESTAMP_INFINITY);
	for (size_t i = 0; i < COLUMNS; i++)
		column_put_null(&b.columns[i], 2);
	b.rows = 3;
	for (size_t i = 0; i < sizeof alone / sizeof *alone; i++) {
		struct format_options o;
		char query[128];

		snprintf(query, sizeof query, "%s", alone[i].query);
		char *plus = strstr(query, "%2b");

		if (plus)
			memmove(plus + 1, plus + 3, strlen(plus + 2)), *plus = '+';
		read_options(&o, query);
		expect_text(&o, &schema, &b, alone[i].expected);
		format_options_free(&o);
	}
	batch_free(&b);
}

/* No rows and no header make an empty file. */
static void nothing(void **s)
{
	struct format_options o;
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	read_options(&o, "header=false");
	expect_text(&o, &schema, &b, "");
	read_options(&o, "header=false&bom=true");
	expect_text(&o, &schema, &b, "\xef\xbb\xbf");
	batch_free(&b);
}

/* ---- all together */

static uint32_t state = 1;

static uint32_t draw(uint32_t n)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % n;
}

static void draw_text(struct buf *text)
{
	static const char *const wholes[] = { "", "\\N", "NULL", "\\.", "NaN", "0", "\\x", "-", "N",
		"\\" };
	static const char bytes[] = "ab,;|\t\"'\\\r\n=+-@ \xef\xbc\x9d\x8b\xa0.N";

	text->len = 0;
	if (draw(4) == 0) {
		buf_puts(text, wholes[draw(10)]);
		return;
	}
	if (draw(8) == 0)
		buf_puts(text, "\xef\xbc");
	for (uint32_t n = draw(draw(8) ? 20 : 70); n > 0; n--)
		buf_putc(text, draw(3) ? 'x' : bytes[draw(sizeof bytes - 1)]);
}

static bool begins_like_formula(const char *text)
{
	static const char *const begins[] = { "=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋",
		"－", "＠" };

	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (strncmp(text, begins[i], strlen(begins[i])) == 0)
			return true;
	return false;
}

static void naive_escape(struct buf *out, char c, const struct format_options *o)
{
	if (o->escape == ESCAPE_QUOTE) {
		if (c == o->quote)
			buf_putc(out, c);
		buf_putc(out, c);
		return;
	}
	if (o->quote) {
		if (c == o->quote || c == '\\')
			buf_putc(out, '\\');
		buf_putc(out, c);
		return;
	}
	if (c == '\\' || c == o->delimiter || c == '\n' || c == '\r' || c == '\t')
		buf_putc(out, '\\');
	buf_putc(out, c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : c);
}

/* is_text: what quotes are for; else a number and the like, in which only decimal points change. */
static void naive_field(
	struct buf *out, const char *text, bool is_text, const struct format_options *o)
{
	bool is_formula = is_text && o->escape_formulas && begins_like_formula(text);
	bool is_quoted = strcmp(text, o->null_text) == 0;

	if (is_text) {
		char special[] = { o->delimiter, o->quote ? o->quote : '\n', '\r', '\n',
			o->escape == ESCAPE_BACKSLASH ? '\\' : '\n', 0 };

		is_quoted = is_quoted || !*text || strpbrk(text, special) ||
			    strcmp(text, o->escape == ESCAPE_BACKSLASH ? "NULL" : "\\.") == 0 ||
			    (is_formula && o->quote == '\'');
	}
	if (is_quoted && o->quote)
		buf_putc(out, o->quote);
	if (is_formula && o->quote == '\'')
		naive_escape(out, '\'', o);
	else if (is_formula)
		buf_putc(out, '\'');
	for (; *text; text++)
		if (is_quoted || !o->quote)
			naive_escape(out, *text, o);
		else
			buf_putc(out, *text);
	if (is_quoted && o->quote)
		buf_putc(out, o->quote);
}

static void draw_options(struct format_options *o)
{
	static const char *const nulls[] = { "", "\\N", "NULL", "NaN", "-", "N", "\\x", "0" };

	format_options_init(o, DIALECT_RFC4180);
	do {
		o->delimiter = ",;|\t"[draw(4)];
		o->quote = "\"'|"[draw(4)];
		o->escape = (uint8_t)draw(2);
		o->null_text = nulls[draw(8)];
		o->eol = (uint8_t)draw(2);
		o->header = (uint8_t)draw(2);
		o->bom = (uint8_t)draw(2);
		o->decimal = ".,"[draw(2)];
		o->escape_formulas = (uint8_t)draw(2);
	} while (o->quote == o->delimiter || o->decimal == o->delimiter ||
		 (!o->quote && (o->escape == ESCAPE_QUOTE || strcmp(o->null_text, "\\N") != 0)));
}

enum { DRAWN = 5, ROWS = 12 };

static struct field drawn_fields[DRAWN] = {
	{ .name = "-a,b;\"", .type = TYPE_UTF8 },
	{ .name = "'f\\|\t", .type = TYPE_FLOAT64 },
	{ .name = "NULL", .type = TYPE_DECIMAL_TEXT },
	{ .name = "\\.", .type = TYPE_JSON },
	{ .name = "NaN", .type = TYPE_UTF8 },
};
static const struct schema drawn_schema = { drawn_fields, DRAWN };

/* A drawn cell into the batch and what it is to become. */
static void draw_cell(struct batch *b, size_t i, struct buf *out, const struct format_options *o)
{
	static const char *const numbers[] = { "-1.5", "0", "NaN", "-0.25", "12" };
	static const double floats[] = { -1.5, 0, NAN, -0.25, 12 };
	struct column *c = &b->columns[i];
	uint32_t pick = draw(5);
	struct buf text = { 0 };

	if (draw(6) == 0) {
		column_put_null(c, b->rows);
		buf_puts(out, o->null_text);
		return;
	}
	if (i == 1 || i == 2)
		buf_puts(&text, numbers[pick]);
	else
		draw_text(&text);
	if (i == 1)
		COLUMN_PUT(c, double, b->rows, floats[pick]);
	else
		assert_true(column_put_bytes(c, b->rows, buf_str(&text), text.len));
	for (size_t k = 0; (i == 1 || i == 2) && k < text.len; k++)
		if (text.data[k] == '.')
			text.data[k] = o->decimal;
	naive_field(out, buf_str(&text), i != 1 && i != 2, o);
	buf_free(&text);
}

static void end_naive(struct buf *out, size_t i, const struct format_options *o)
{
	if (i + 1 < DRAWN)
		buf_putc(out, o->delimiter);
	else
		buf_puts(out, o->eol == EOL_CRLF ? "\r\n" : "\n");
}

static void together(void **s)
{
	(void)s;
	for (int round = 0; round < 4000; round++) {
		struct buf expected = { 0 };
		struct format_options o;
		struct batch b;

		draw_options(&o);
		batch_init(&b, &drawn_schema);
		if (o.bom)
			buf_puts(&expected, "\xef\xbb\xbf");
		for (size_t i = 0; o.header && i < DRAWN; i++) {
			naive_field(&expected, drawn_fields[i].name, true, &o);
			end_naive(&expected, i, &o);
		}
		for (; b.rows < ROWS; b.rows++)
			for (size_t i = 0; i < DRAWN; i++) {
				draw_cell(&b, i, &expected, &o);
				end_naive(&expected, i, &o);
			}
		if (round % 2)
			cut_columns(&b);
		expect_with(&o, &drawn_schema, &b, expected.data, expected.len);
		buf_free(&expected);
		batch_free(&b);
	}
}

/* Times before Christ keep the era when the offset goes. */
static void timestamps(void **s)
{
	struct field field = { .name = "t", .type = TYPE_TIMESTAMPTZ };
	struct schema one = { &field, 1 };
	struct format_options o;
	struct batch b;

	(void)s;
	batch_init(&b, &one);
	for (b.rows = 0; b.rows < 4; b.rows++)
		COLUMN_PUT(&b.columns[0], int64_t, b.rows,
			((int64_t[]){ 0, -INT64_C(746117) * 86400000000, 1,
				TIMESTAMP_NEGATIVE_INFINITY })[b.rows]);
	read_options(&o, "timestamp=sql&header=false&eol=lf");
	expect_text(&o, &one, &b,
		"2000-01-01 00:00:00\n0044-03-15 00:00:00 BC\n2000-01-01 "
		"00:00:00.000001\n-infinity\n");
	read_options(&o, "tz=Europe/Berlin&header=false&eol=lf");
	expect_text(&o, &one, &b,
		"2000-01-01T01:00:00+01:00\n0044-03-15T00:53:00+00:53 BC\n"
		"2000-01-01T01:00:00.000001+01:00\n-infinity\n");
	format_options_free(&o);
	read_options(&o, "tz=-03:30&header=false&eol=lf&timestamp=sql");
	expect_text(&o, &one, &b,
		"1999-12-31 20:30:00\n0044-03-14 20:30:00 BC\n1999-12-31 "
		"20:30:00.000001\n-infinity\n");
	format_options_free(&o);
	read_options(&o, "tz=-03:30&header=false&eol=lf&timestamp=sql");
	expect_text(&o, &one, &b,
		"1999-12-31 20:30:00\n0044-03-14 20:30:00 BC\n1999-12-31 "
		"20:30:00.000001\n-infinity\n");
	format_options_free(&o);
	read_options(&o, "tz=Europe/Berlin&header=false&eol=lf&timestamp=sql");
	expect_text(&o, &one, &b,
		"2000-01-01 01:00:00\n0044-03-15 00:53:28 BC\n2000-01-01 "
		"01:00:00.000001\n-infinity\n");
	format_options_free(&o);
	batch_free(&b);
}

/* What is named lossy is what the options cut or add, and nothing else. */
static void written(void **s)
{
	struct format_options o;

	(void)s;
	for (int type = 0; type < TYPES_N; type++) {
		struct field field = { .name = "a", .type = (enum type)type };

		read_options(&o, "");
		assert_null(csv_written(&field, &o).lossy);
		assert_null(csv_written(&field, NULL).lossy);
		read_options(&o, "timestamp=sql");
		assert_int_equal(!!csv_written(&field, &o).lossy, type == TYPE_TIMESTAMPTZ);
		read_options(&o, "escape_formulas=true");
		assert_int_equal(
			!!csv_written(&field, &o).lossy, type == TYPE_UTF8 || type == TYPE_JSON);
	}
}

static bool is_lossy(enum type type, enum json_kind kind, bool is_inert, const char *options)
{
	struct field field = {
		.name = "a", .type = type, .json = (uint8_t)kind, .is_inert = is_inert
	};
	struct format_options o;

	read_options(&o, options);
	return csv_written(&field, &o).lossy != NULL;
}

/* What the source says of a field counts too. */
static void written_of_kinds(void **s)
{
	static const char formulas[] = "escape_formulas=true&nested=server";

	(void)s;
	assert_false(is_lossy(TYPE_UTF8, JSON_TEXT, true, formulas));
	assert_true(is_lossy(TYPE_JSON, JSON_LIST, false, ""));
	assert_false(is_lossy(TYPE_JSON, JSON_LIST, false, formulas));
	assert_false(is_lossy(TYPE_JSON, JSON_RECORD, false, formulas));
	assert_true(is_lossy(TYPE_JSON, JSON_VECTOR, false, formulas));
	assert_false(is_lossy(TYPE_JSON, JSON_VECTOR, false, "escape_formulas=true"));
	assert_true(is_lossy(TYPE_JSON, JSON_BINARY, false, formulas));
}

static int free_arena(void **s)
{
	(void)s;
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each),
		cmocka_unit_test(nothing),
		cmocka_unit_test(together),
		cmocka_unit_test(timestamps),
		cmocka_unit_test(written),
		cmocka_unit_test(written_of_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, free_arena);
}
