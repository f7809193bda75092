/*
 * Golden files: one table with every type, its edges and NULLs, and for each format of the table
 * in format.c the bytes that it must become, in GOLDEN_DIR/<name>/types.<suffix>.
 *
 * SLUICE_GOLDEN_WRITE=1 in the environment writes the files instead: read the difference before
 * committing it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/format/formats.h"
#include "lib/format/xml.h"
#include "lib/format/xml_schema.h"
#include "lib/sink/memory.h"
#include "tests/unit/xml_judge.h"

enum { ROWS = 8 };

static struct field fields[] = {
	{ .name = "bool", .type = TYPE_BOOL },
	{ .name = "int16", .type = TYPE_INT16 },
	{ .name = "int32", .type = TYPE_INT32 },
	{ .name = "int64", .type = TYPE_INT64 },
	{ .name = "float32", .type = TYPE_FLOAT32 },
	{ .name = "float64", .type = TYPE_FLOAT64 },
	{ .name = "numeric(12,2)", .type = TYPE_DECIMAL128, .precision = 12, .scale = 2 },
	{ .name = "numeric(38,40)", .type = TYPE_DECIMAL128, .precision = 38, .scale = 40 },
	{ .name = "numeric", .type = TYPE_DECIMAL_TEXT },
	{ .name = "date", .type = TYPE_DATE32 },
	{ .name = "time", .type = TYPE_TIME64 },
	{ .name = "timestamp", .type = TYPE_TIMESTAMP },
	{ .name = "timestamp, zone", .type = TYPE_TIMESTAMPTZ },
	{ .name = "interval", .type = TYPE_INTERVAL },
	{ .name = "text", .type = TYPE_UTF8 },
	{ .name = "json", .type = TYPE_JSON },
	{ .name = "uuid", .type = TYPE_UUID },
	{ .name = "binary", .type = TYPE_BINARY },
};

enum { COLUMNS = sizeof fields / sizeof *fields };

static const struct schema schema = { fields, COLUMNS };

/* Row by row; the last row is NULL throughout. */
static const int64_t int_values[ROWS] = { 0, 1, -1, 12345, INT64_MAX, INT64_MIN,
	INT64_C(9007199254740993) };
static const double float_values[ROWS] = { 0, -0.0, 0.1, 1e15, 1.5e-7, NAN, -INFINITY };
static const int64_t cents[ROWS] = { 0, 5, -50, 123456789012, 999999999999, -999999999999, 100 };
static const char *const numerics[ROWS] = { "0", "0.50", "-0.000001",
	"123456789012345678901234567890123456789012345678901234567890.5", "NaN", "Infinity",
	"-Infinity" };
static const int32_t dates[ROWS] = { 0, 19723, -735160, -2440588, 2145042905, DATE_INFINITY,
	DATE_NEGATIVE_INFINITY };
static const int64_t times[ROWS] = { 0, 1, 500000, 45296123456, 86399999999, 86400000000,
	3600000000 };
static const int64_t stamps[ROWS] = { 0, 757382400250000, -INT64_C(746117) * 86400000000,
	INT64_C(-211813488000000000), INT64_C(9223371331199999999), TIMESTAMP_INFINITY,
	TIMESTAMP_NEGATIVE_INFINITY };
static const struct interval intervals[ROWS] = { { 0, 0, 0 }, { 14706700000, -3, 14 },
	{ -500000, 0, 0 }, { 0, 1, 0 }, { INT64_MAX, INT32_MAX, INT32_MAX },
	{ INT64_MIN, INT32_MIN, INT32_MIN }, { 0, 0, -1 } };
static const char *const texts[ROWS] = { "", "plain", "comma, and \"quotes\"", "two\r\nlines",
	"\x01\x02\t\x1f\x7f", "größe €", "\xf0\x9f\x8c\x8a back\\slash" };
static const char *const jsons[ROWS] = { "null", "{\"a\": [1, 2.50, null], \"b\": \"c\"}",
	"[\n  1,\n  2\n]", "\"text with \\\"quotes\\\"\"", "12345678901234567890.1", "{}", "true" };
static const char *const binaries[ROWS] = { "", "f", "fo", "foo", "\xff\xfe\xfd\xfc",
	"0123456789abcdef", "\"\n" };

static void put_bytes(struct column *c, int32_t row, const char *text)
{
	assert_true(column_put_bytes(c, row, text, strlen(text)));
}

static void put_value(struct column *c, int32_t row, int scale)
{
	switch (c->type) {
	case TYPE_BOOL: column_put_bool(c, row, row % 2); break;
	case TYPE_INT16:
		COLUMN_PUT(c, int16_t, row, (int16_t)(int_values[row] >> (row < 4 ? 0 : 48)));
		break;
	case TYPE_INT32:
		COLUMN_PUT(c, int32_t, row, (int32_t)(int_values[row] >> (row < 4 ? 0 : 32)));
		break;
	case TYPE_INT64: COLUMN_PUT(c, int64_t, row, int_values[row]); break;
	case TYPE_FLOAT32: COLUMN_PUT(c, float, row, (float)float_values[row]); break;
	case TYPE_FLOAT64: COLUMN_PUT(c, double, row, float_values[row]); break;
	case TYPE_DECIMAL128:
		COLUMN_PUT(c, __int128, row,
			row == 6     ? DECIMAL_NAN
			: scale == 2 ? cents[row]
				     : (__int128)cents[row] * INT64_C(100000000000000000));
		break;
	case TYPE_DECIMAL_TEXT: put_bytes(c, row, numerics[row]); break;
	case TYPE_DATE32: COLUMN_PUT(c, int32_t, row, dates[row]); break;
	case TYPE_TIME64: COLUMN_PUT(c, int64_t, row, times[row]); break;
	case TYPE_TIMESTAMP:
	case TYPE_TIMESTAMPTZ: COLUMN_PUT(c, int64_t, row, stamps[row]); break;
	case TYPE_INTERVAL: COLUMN_PUT(c, struct interval, row, intervals[row]); break;
	case TYPE_UTF8: put_bytes(c, row, texts[row]); break;
	case TYPE_JSON: put_bytes(c, row, jsons[row]); break;
	case TYPE_UUID: memset(c->data + 16 * row, 17 * row, 15); break;
	case TYPE_BINARY: put_bytes(c, row, binaries[row]); break;
	case TYPES_N: fail();
	}
}

static void fill(struct batch *b)
{
	batch_init(b, &schema);
	for (; b->rows < ROWS; b->rows++)
		for (size_t i = 0; i < COLUMNS; i++)
			if (b->rows == ROWS - 1)
				column_put_null(&b->columns[i], b->rows);
			else
				put_value(&b->columns[i], b->rows, fields[i].scale);
}

static void write_file(const char *path, const struct buf *bytes)
{
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(bytes->data, 1, bytes->len, f) != bytes->len || fclose(f) != 0)
		fail_msg("cannot write %s", path);
}

static void compare(const char *path, const struct buf *bytes)
{
	FILE *f = fopen(path, "rb");
	struct buf expected = { 0 };

	if (!f)
		fail_msg("cannot read %s", path);
	expected.len = fread(buf_reserve(&expected, 1 << 20), 1, 1 << 20, f);
	assert_int_equal(fclose(f), 0);
	if (bytes->len != expected.len || memcmp(bytes->data, expected.data, expected.len) != 0)
		fail_msg("%s is not what was written:\n%.*s", path, (int)bytes->len, bytes->data);
	buf_free(&expected);
}

/* The bytes that GOLDEN_DIR/<folder>/types.<suffix> is to hold. */
static void check(const char *folder, const char *suffix, const struct buf *bytes)
{
	char path[1024];

	snprintf(path, sizeof path, "%s/%s/types.%s", GOLDEN_DIR, folder, suffix);
	if (getenv("SLUICE_GOLDEN_WRITE"))
		write_file(path, bytes);
	else
		compare(path, bytes);
}

static void format_all(struct format *f)
{
	struct batch b;

	fill(&b);
	format_begin(f, &schema);
	format_batch(f, &b);
	format_end(f);
	format_free(f);
	batch_free(&b);
}

static const char *dialect_is(const void *from, const char *name)
{
	return strcmp(name, "dialect") == 0 ? from : NULL;
}

static void golden(void **s)
{
	(void)s;
	for (const struct format_type *const *t = format_types; *t; t++) {
		if ((*t)->families & FAMILY_PARQUET)
			continue; /* what it is compressed to is its libraries' */
		struct memory_sink *m = memory_sink_new();

		format_all((*t)->new (&m->base, NULL));
		check((*t)->name, (*t)->suffix, &m->bytes);
		sink_free(&m->base);
	}
}

/* What each dialect of CSV makes of it, in csv/types.<dialect>. */
static void dialects(void **s)
{
	static const char *const names[] = { "excel", "excel-eu", "postgres", "mysql" };

	(void)s;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct memory_sink *m = memory_sink_new();
		struct format_options o;
		struct arena a = { 0 };
		struct err e;

		format_options_init(&o, DIALECT_RFC4180);
		assert_int_equal(
			format_options_read(&o, FAMILY_DELIMITED, dialect_is, names[i], &a, &e), 0);
		format_all(csv_new(&m->base, &o));
		check("csv", names[i], &m->bytes);
		sink_free(&m->base);
		arena_free(&a);
	}
}

/* The XML document's schema, and that the one is valid against the other. */
static void xml(void **s)
{
	struct memory_sink *m = memory_sink_new();
	struct buf xsd = { 0 };

	(void)s;
	for (size_t i = 0; i < COLUMNS; i++)
		fields[i].nullable = true;
	format_all(xml_new(&m->base, NULL));
	xml_schema(&xsd, &schema, NULL, NULL);
	check("xml", "xsd", &xsd);
	assert_int_equal(judge_document(&m->bytes, &xsd, false), 1);
	buf_free(&xsd);
	sink_free(&m->base);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(golden), cmocka_unit_test(dialects),
		cmocka_unit_test(xml) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
