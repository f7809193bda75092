/*
 * Parquet: whole files of every type against a reader of its own, bounds of values, and what must not happen: an end after a
 * failure. test_parquet_encodings.c has the parts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>

#include "lib/format/formats.h"
#include "lib/format/parquet/codec.h"
#include "lib/format/parquet/statistics.h"
#include "lib/sink/memory.h"
#include "tests/unit/parquet_judge.h"

static uint64_t state = 88172645463325252;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

/* ---- bounds */

static struct leaf leaf_of(enum type type, int precision)
{
	static struct field field;
	struct leaf l;

	field = (struct field){ .name = "v", .type = type, .precision = (int16_t)precision };
	leaf_init(&l, &field, false);
	return l;
}

static void expect_bytes_bounds(enum type type, const char *const *values, const char *least,
	const char *greatest, bool is_exact)
{
	struct leaf l = leaf_of(type, 38);
	struct buf bytes = { 0 };
	uint32_t lengths[8];
	size_t n = 0;
	struct bounds b;

	for (; values[n]; n++) {
		lengths[n] = (uint32_t)strlen(values[n]);
		buf_puts(&bytes, values[n]);
	}
	bounds_of_bytes(&b, &l, (const uint8_t *)buf_str(&bytes), lengths, n);
	assert_int_equal(b.has, greatest != NULL);
	if (b.has) {
		assert_int_equal(b.least.len, strlen(least));
		assert_memory_equal(b.least.bytes, least, b.least.len);
		assert_int_equal(b.greatest.len, strlen(greatest));
		assert_memory_equal(b.greatest.bytes, greatest, b.greatest.len);
		assert_int_equal(b.greatest.is_exact, is_exact);
	}
	buf_free(&bytes);
}

#define X61       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X62       X61 "x"
#define X63       X62 "x"
#define E31       "éééééééééééééééééééééééééééééééé"
#define FF8       "\xff\xff\xff\xff\xff\xff\xff\xff"
#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void bounds_bytes(void **s)
{
	(void)s;
	expect_bytes_bounds(TYPE_UTF8, LIST("b", "", "bb", "a"), "", "bb", true);
	expect_bytes_bounds(
		TYPE_UTF8, LIST("same", "prefixes 1", "prefixes 2"), "prefixes 1", "same", true);
	expect_bytes_bounds(TYPE_UTF8, LIST("z\x7f", "é"), "z\x7f", "é", true);
	expect_bytes_bounds(TYPE_UTF8, LIST(X62 "ÿ!"), X62 "ÿ", X61 "y", false);
	expect_bytes_bounds(TYPE_UTF8, LIST(X63 "yz"), X63 "y", X63 "z", false);
	expect_bytes_bounds(TYPE_UTF8, LIST(X63 "\x7f!"), X63 "\x7f",
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy", false);
	expect_bytes_bounds(TYPE_UTF8, LIST(X63 "é"), X63,
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy", false);
	expect_bytes_bounds(
		TYPE_UTF8, LIST(E31 "!"), E31, "éééééééééééééééééééééééééééééééê", false);
	expect_bytes_bounds(TYPE_BINARY, LIST(X63 "\xff\x01"), X63 "\xff",
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy", false);
	expect_bytes_bounds(
		TYPE_BINARY, LIST(FF8 FF8 FF8 FF8 FF8 FF8 FF8 FF8 "!"), "", NULL, false);
}

static void bounds_decimals(void **s)
{
	struct leaf l = leaf_of(TYPE_DECIMAL128, 38);
	uint8_t v[3][16] = { { 0 }, { 0 }, { 0, 5 } };
	uint32_t lengths[] = { 16, 16, 16 };
	struct bounds b;

	(void)s;
	memset(v[1], 0xff, 16); /* -1 */
	bounds_of_bytes(&b, &l, v[0], lengths, 3);
	assert_true(b.has);
	assert_memory_equal(b.least.bytes, v[1], 16);
	assert_memory_equal(b.greatest.bytes, v[2], 16);
}

static int64_t bits_of(double v)
{
	int64_t bits;

	memcpy(&bits, &v, sizeof bits);
	return bits;
}

static void bounds_numbers(void **s)
{
	struct leaf l = leaf_of(TYPE_FLOAT64, 0);
	int64_t v[] = { bits_of(0.0), bits_of(-0.0), bits_of(NAN) }, zero;
	struct bounds b, other;

	(void)s;
	bounds_of_numbers(&b, &l, v, 2);
	assert_true(b.has);
	memcpy(&zero, b.least.bytes, 8);
	assert_true(zero == bits_of(-0.0));
	memcpy(&zero, b.greatest.bytes, 8);
	assert_true(zero == bits_of(0.0));
	bounds_of_numbers(&b, &l, v, 3);
	assert_false(b.has);
	l = leaf_of(TYPE_INT32, 0);
	bounds_of_numbers(&b, &l, (int64_t[]){ -5, 7, 0 }, 3);
	bounds_of_numbers(&other, &l, (int64_t[]){ -6, 6 }, 2);
	bounds_merge(&b, &l, &other);
	bounds_of_numbers(&other, &l, (int64_t[]){ 0, 8 }, 2);
	bounds_merge(&b, &l, &other);
	assert_memory_equal(b.least.bytes, "\xfa\xff\xff\xff", 4);
	assert_memory_equal(b.greatest.bytes, "\x08\0\0\0", 4);
	assert_int_equal(b.least.len, 4);
}

/* ---- files */

static const struct field fields[] = {
	{ .name = "bool", .type = TYPE_BOOL, .nullable = true },
	{ .name = "int16", .type = TYPE_INT16, .nullable = true },
	{ .name = "int32", .type = TYPE_INT32 },
	{ .name = "int64", .type = TYPE_INT64, .nullable = true },
	{ .name = "float32", .type = TYPE_FLOAT32, .nullable = true },
	{ .name = "float64", .type = TYPE_FLOAT64 },
	{ .name = "decimal 9", .type = TYPE_DECIMAL128, .precision = 9, .scale = 2 },
	{ .name = "decimal 18", .type = TYPE_DECIMAL128, .precision = 18, .nullable = true },
	{ .name = "decimal 38", .type = TYPE_DECIMAL128, .precision = 38, .scale = 38 },
	{ .name = "numeric", .type = TYPE_DECIMAL_TEXT, .nullable = true },
	{ .name = "date", .type = TYPE_DATE32, .nullable = true },
	{ .name = "time", .type = TYPE_TIME64 },
	{ .name = "timestamp", .type = TYPE_TIMESTAMP, .nullable = true },
	{ .name = "timestamptz", .type = TYPE_TIMESTAMPTZ },
	{ .name = "interval", .type = TYPE_INTERVAL, .nullable = true },
	{ .name = "text", .type = TYPE_UTF8, .nullable = true },
	{ .name = "json", .type = TYPE_JSON },
	{ .name = "uuid", .type = TYPE_UUID, .nullable = true },
	{ .name = "binary", .type = TYPE_BINARY },
};
enum { FIELDS = sizeof fields / sizeof *fields };

static const struct schema schema = { (struct field *)fields, FIELDS };

/* How a column's values come: all the same, a few, ever more, all different. */
static uint64_t choose(size_t column, int32_t row)
{
	switch ((column + state % 7) % 4) {
	case 0: return 7;
	case 1: return next() % 5 * UINT64_C(0x123456789abcdf);
	case 2: return next() % (uint64_t)(row + 1);
	default: return next();
	}
}

static void fill_cell(struct column *c, const struct field *f, size_t i, int32_t row)
{
	uint64_t v = choose(i, row), two[2] = { v, 0 };
	char text[600];

	if (f->nullable && next() % 8 == 0) {
		column_put_null(c, row);
	} else if (c->offsets) {
		size_t len = (size_t)snprintf(text, sizeof text, "%llx%.*s", (unsigned long long)v,
			(int)(v % 70),
			"cdefghijklmnopqrstuvwxyzcdefghijklmnopqrstuvwxyzcdefghijklmnopqrstuvwxyz");

		assert_true(column_put_bytes(c, row, text, v % 11 ? len : 0));
	} else if (c->type == TYPE_BOOL) {
		column_put_bool(c, row, v & 1);
	} else {
		if (c->type == TYPE_DECIMAL128)
			two[0] %= f->precision == 9 ? 999999999 : 99999999999999999;
		if (v % 31 == 0)
			memset(two, 0x80, sizeof two); /* for decimals, near nothing */
		if (v % 31 == 1 &&
			c->width < sizeof two) /* the least: infinity of dates and times */
			two[0] = UINT64_C(1) << (8 * c->width - 1);
		if (v % 31 == 2 && c->width < sizeof two)
			two[0] = (UINT64_C(1) << (8 * c->width - 1)) - 1 - v % 3;
		if (c->type == TYPE_DECIMAL128 && v % 31 == 0)
			memcpy(two, &(__int128){ DECIMAL_NAN }, sizeof two);
		memcpy(c->data + c->width * (size_t)row, two, c->width);
	}
}

static void fill(struct batch *b, int32_t rows)
{
	batch_init(b, &schema);
	for (; b->rows < rows && b->rows < b->rows_cap; b->rows++)
		for (size_t i = 0; i < FIELDS; i++)
			fill_cell(&b->columns[i], &fields[i], i, b->rows);
}

static struct memory_sink *write_file(
	const struct format_options *o, const struct schema *its, const struct batch *b, int times)
{
	struct memory_sink *m = memory_sink_new();
	struct format *f = parquet_new(&m->base, o);

	format_begin(f, its);
	for (int i = 0; i < times; i++)
		format_batch(f, b);
	format_end(f);
	format_free(f);
	return m;
}

/* Returns the encodings that its pages have, as bits. */
static int expect_file(
	const struct format_options *o, const struct schema *its, const struct batch *b, int times)
{
	struct memory_sink *m = write_file(o, its, b, times);
	struct judge j;

	assert_false(sink_failed(&m->base, NULL));
	judge_file(&j, m->bytes.data, m->bytes.len);
	judge_same(&j, its, b, (size_t)times);
	int encodings = j.encodings;

	judge_free(&j);
	sink_free(&m->base);
	return encodings;
}

static void files(void **s)
{
	static const int64_t group_rows[] = { 1, 7, 1000, 122880 };
	struct format_options o;
	struct batch b;

	(void)s;
	for (int i = 0; i < 64; i++) {
		format_options_init(&o, DIALECT_RFC4180);
		o.codec = (uint8_t)(i % 4);
		o.codec = codec_is_built(o.codec) ? o.codec : CODEC_NONE;
		o.page_version = i / 4 % 2 ? PAGE_VERSION_2 : PAGE_VERSION_1;
		o.row_group_rows = group_rows[i / 8 % 4];
		o.dictionary = i / 32 == 0;
		o.bloom = i % 3 ? NULL : "text,int64,bool";
		fill(&b, i % 5 ? 2000 : i);
		expect_file(&o, &schema, &b, o.row_group_rows < 1000 ? 1 : 1 + i % 3);
		batch_free(&b);
	}
}

/* A file of nothing, and one of no columns. */
static void nothing(void **s)
{
	struct schema none = { NULL, 0 };
	struct batch b;

	(void)s;
	fill(&b, 0);
	expect_file(NULL, &schema, &b, 0);
	expect_file(NULL, &schema, &b, 2);
	batch_free(&b);
	batch_init(&b, &none);
	b.rows = 5;
	expect_file(NULL, &none, &b, 3);
	batch_free(&b);
}

enum { PLAIN = 1 << 0, DELTA = 1 << 5, LENGTHS = 1 << 6, DICTIONARY = 1 << 8 };

static size_t spell(char text[64], uint64_t v)
{
	return (size_t)snprintf(text, 64, "value %llx", (unsigned long long)v);
}

/* The encodings of a column of numbers, row i of which is of(i), or of text that spells them. */
static int encodings_of(enum type type, uint64_t (*of)(uint64_t i), int rows)
{
	struct field field = { .name = "v", .type = type };
	struct schema one = { &field, 1 };
	struct memory_sink *m = memory_sink_new();
	struct format *f = parquet_new(&m->base, NULL);
	struct batch b;
	struct judge j;

	batch_init(&b, &one);
	format_begin(f, &one);
	for (int row = 0; row < rows; row++) {
		uint64_t v = of((uint64_t)row);
		char text[64];
		size_t len = spell(text, v);

		if (type == TYPE_UTF8)
			assert_true(column_put_bytes(&b.columns[0], b.rows, text, len));
		else
			memcpy(b.columns[0].data + b.columns[0].width * (size_t)b.rows, &v,
				b.columns[0].width);
		if (++b.rows == b.rows_cap || row == rows - 1) {
			format_batch(f, &b);
			batch_reset(&b);
		}
	}
	format_end(f);
	format_free(f);
	batch_free(&b);
	judge_file(&j, m->bytes.data, m->bytes.len);
	int encodings = j.encodings;

	for (int row = 0; row < rows; row++) {
		const struct judge_cell *cell = &j.columns[0].cells[row];
		uint64_t v = of((uint64_t)row);
		char text[64];
		size_t len = spell(text, v);

		assert_int_equal(cell->len, type == TYPE_UTF8 ? len : type_width(type));
		assert_memory_equal(cell->bytes, type == TYPE_UTF8 ? text : (char *)&v, cell->len);
	}
	judge_free(&j);
	sink_free(&m->base);
	return encodings;
}

static uint64_t few(uint64_t i)
{
	return i % 100 * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t in_order(uint64_t i)
{
	return i;
}

static uint64_t thrown(uint64_t i)
{
	i = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
	return (i ^ i >> 32) * UINT64_C(0xd6e8feb86659fd93);
}

/* Half of the first values differ, then every one does: a dictionary that is full in the end. */
static uint64_t ever_more(uint64_t i)
{
	return i < 30000 ? thrown(i / 4) : thrown(i);
}

static void encodings(void **s)
{
	(void)s;
	assert_int_equal(encodings_of(TYPE_INT64, few, 50000), DICTIONARY);
	assert_int_equal(encodings_of(TYPE_UTF8, few, 50000), DICTIONARY);
	assert_int_equal(encodings_of(TYPE_INT64, in_order, 50000), DELTA);
	assert_int_equal(encodings_of(TYPE_INT32, in_order, 50000), DELTA);
	assert_int_equal(encodings_of(TYPE_INT64, thrown, 50000), PLAIN);
	assert_int_equal(encodings_of(TYPE_FLOAT64, thrown, 50000), PLAIN);
	assert_int_equal(encodings_of(TYPE_UTF8, thrown, 50000), LENGTHS);
	assert_int_equal(encodings_of(TYPE_UTF8, ever_more, 122000), DICTIONARY | LENGTHS);
	assert_int_equal(encodings_of(TYPE_FLOAT64, ever_more, 122000), DICTIONARY | PLAIN);
	assert_int_equal(encodings_of(TYPE_UTF8, thrown, 1), PLAIN);
}

/* ---- failures */

static bool ends(const struct memory_sink *m)
{
	return m->bytes.len >= 12 && !memcmp(m->bytes.data + m->bytes.len - 4, "PAR1", 4);
}

/* A sink that fails gets no end; neither does one whose format is freed without end(). */
static void cut(void **s)
{
	struct memory_sink *whole, *m;
	struct batch b;

	(void)s;
	fill(&b, 300);
	whole = write_file(NULL, &schema, &b, 2);
	assert_true(ends(whole));
	for (uint64_t most = 0; most < whole->bytes.len; most += 1 + most / 50) {
		m = memory_sink_new();
		m->fail_after = most;
		struct format *f = parquet_new(&m->base, NULL);

		format_begin(f, &schema);
		format_batch(f, &b);
		format_batch(f, &b);
		format_end(f);
		format_free(f);
		assert_true(sink_failed(&m->base, NULL));
		assert_true(m->bytes.len <= most && !ends(m));
		sink_free(&m->base);
	}
	m = memory_sink_new();
	struct format *f = parquet_new(&m->base, NULL);

	format_begin(f, &schema);
	format_batch(f, &b);
	format_free(f);
	assert_false(ends(m));
	sink_free(&m->base);
	sink_free(&whole->base);
	batch_free(&b);
}

/* A required column has no way to tell a NULL. */
static void null_in_required(void **s)
{
	struct field field = { .name = "v", .type = TYPE_INT32 };
	struct schema one = { &field, 1 };
	struct batch b;

	(void)s;
	batch_init(&b, &one);
	COLUMN_PUT(&b.columns[0], int32_t, 0, 5);
	column_put_null(&b.columns[0], 1);
	b.rows = 2;
	struct memory_sink *m = write_file(NULL, &one, &b, 1);
	struct err e;

	assert_true(sink_failed(&m->base, &e));
	assert_int_equal(e.code, ERR_DATABASE);
	assert_false(ends(m));
	sink_free(&m->base);
	batch_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_bytes),
		cmocka_unit_test(bounds_decimals),
		cmocka_unit_test(bounds_numbers),
		cmocka_unit_test(files),
		cmocka_unit_test(nothing),
		cmocka_unit_test(encodings),
		cmocka_unit_test(cut),
		cmocka_unit_test(null_in_required),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
