/*
 * Arrow: the values that Arrow has no room for, rows and batches at the edges of what is counted, and a stream that
 * breaks off after every number of bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "lib/base/zone.h"
#include "lib/rows/fingerprint.h"
#include "tests/unit/row_formats.h"

#define MUST(x) assert_true(x)
#include "tests/unit/arrow_judge.h"

static struct memory_sink *write_times(
	bool is_file, const struct schema *schema, const struct batch *b, int times)
{
	return run_format(is_file ? arrow_new : arrows_new, schema, b, times, UINT64_MAX);
}

static void expect_same(const struct schema *schema, const struct batch *b, int times)
{
	for (int is_file = 0; is_file < 2; is_file++) {
		struct memory_sink *m = write_times(is_file, schema, b, times);

		judge_arrow(m->bytes.data, m->bytes.len, is_file, schema, b, (size_t)times);
		sink_free(&m->base);
	}
}

/* ---- a column of its own for each type */

enum { COLUMNS = TYPES_N };

static struct field fields[COLUMNS];
static const struct schema schema = { fields, COLUMNS };

static int set_up(void **s)
{
	(void)s;
	for (size_t i = 0; i < COLUMNS; i++)
		fields[i] = (struct field){ .name = type_name((enum type)i),
			.type = (enum type)i,
			.nullable = i % 2,
			.precision = 12,
			.scale = 2,
			.source_type = i % 3 ? "some type" : NULL };
	return 0;
}

static void put_row(struct batch *b, bool is_null)
{
	int32_t row = b->rows++;
	uint8_t bytes[16];

	memset(bytes, 0x51 + row, sizeof bytes);
	for (size_t i = 0; i < b->columns_n; i++) {
		struct column *c = &b->columns[i];

		if (is_null)
			column_put_null(c, row);
		else if (c->offsets)
			assert_true(column_put_bytes(c, row, bytes, (size_t)row % 16));
		else if (!c->width)
			column_put_bool(c, row, row % 3 == 0);
		else
			memcpy(c->data + (size_t)row * c->width, bytes, c->width);
	}
}

/* Every number of rows about the bytes and the 64s of bitmaps; NULLs in none, one, every second and all of them. */
static void numbers_of_rows(void **s)
{
	(void)s;
	for (int32_t rows = 0; rows < 150; rows++)
		for (int nulls = 0; nulls < 4; nulls++) {
			struct batch b;

			batch_init(&b, &schema);
			for (int32_t row = 0; row < rows; row++)
				put_row(&b, nulls == 1   ? row == rows - 1
					    : nulls == 2 ? row % 2
							 : nulls == 3);
			expect_same(&schema, &b, 1);
			batch_free(&b);
		}
}

/* A batch that was larger before: what is left of it behind the last row does not get out. */
static void reused(void **s)
{
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	for (int32_t row = 0; row < 500; row++)
		put_row(&b, row % 5 == 0);
	expect_same(&schema, &b, 1);
	batch_reset(&b);
	for (int32_t row = 0; row < 3; row++)
		put_row(&b, row == 1);
	expect_same(&schema, &b, 2);
	batch_free(&b);
}

/* The footer is put some blocks at a time. */
static void numbers_of_batches(void **s)
{
	static const int times[] = { 0, 1, 2, 63, 64, 65, 127, 128, 129, 200 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	for (int32_t row = 0; row < 9; row++)
		put_row(&b, row == 4);
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		expect_same(&schema, &b, times[i]);
	batch_free(&b);
}

static void no_columns(void **s)
{
	const struct schema none = { NULL, 0 };
	struct batch b;

	(void)s;
	batch_init(&b, &none);
	expect_same(&none, &b, 1);
	b.rows = 7;
	expect_same(&none, &b, 3);
	batch_free(&b);
}

static void many_columns(void **s)
{
	enum { MANY = 1600, NAME = 8 };
	static struct field many[MANY];
	static char names[MANY][NAME];
	const struct schema wide = { many, MANY };
	struct batch b;

	(void)s;
	for (size_t i = 0; i < MANY; i++) {
		many[i] = fields[i % COLUMNS];
		snprintf(names[i], NAME, "c%zu", i);
		many[i].name = names[i];
	}
	batch_init(&b, &wide);
	for (int32_t row = 0; row < 8; row++)
		put_row(&b, row == 3);
	expect_same(&wide, &b, 2);
	batch_free(&b);
}

/* ---- values */

static void fill_column(struct batch *b, enum type type, const void *values, size_t n)
{
	fields[0].type = type;
	batch_init(b, &(struct schema){ fields, 1 });
	memcpy(b->columns[0].data, values, n * b->columns[0].width);
	b->rows = (int32_t)n;
}

static void expect_one_column(struct batch *b)
{
	expect_same(&(struct schema){ fields, 1 }, b, 1);
}

static void timestamps(void **s)
{
	const int64_t most = INT64_MAX - TIMESTAMP_UNIX_SHIFT;
	const int64_t values[] = { 0, -1, -TIMESTAMP_UNIX_SHIFT, most - 2, most - 1, most, most + 1,
		INT64_MAX - 1, TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY,
		TIMESTAMP_NEGATIVE_INFINITY + 1, INT64_C(9223371331199999999) };
	struct batch b;

	(void)s;
	for (int zone = 0; zone < 2; zone++) {
		fill_column(&b, zone ? TYPE_TIMESTAMPTZ : TYPE_TIMESTAMP, values,
			sizeof values / sizeof *values);
		expect_one_column(&b);
		column_put_null(&b.columns[0], 3);
		expect_one_column(&b);
		batch_free(&b);
	}
}

/* That no time becomes infinity, in bytes: the judge could share the mistake. */
static void times_beyond(void **s)
{
	const int64_t values[] = { INT64_MAX - TIMESTAMP_UNIX_SHIFT, TIMESTAMP_INFINITY,
		TIMESTAMP_NEGATIVE_INFINITY, 0 };
	static const uint8_t expected[32] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, /* */
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,                               /* */
		0, 0, 0, 0, 0, 0, 0, 0x80,                                                    /* */
		0, 0xe0, 0x37, 0x3b, 0x01, 0x5d, 0x03, 0 };
	struct batch b;

	(void)s;
	fill_column(&b, TYPE_TIMESTAMP, values, 4);
	struct memory_sink *m = write_times(false, &(struct schema){ fields, 1 }, &b, 1);

	/* The body is 64 bytes, and the end 8. */
	assert_memory_equal(m->bytes.data + m->bytes.len - 8 - 64, expected, sizeof expected);
	sink_free(&m->base);
	batch_free(&b);
}

static void intervals(void **s)
{
	const int64_t most = INT64_MAX / 1000;
	const struct interval values[] = { { 0, 0, 0 }, { 1, 2, 3 }, { -1, -2, -3 }, { most, 0, 1 },
		{ most + 1, 0, 2 }, { -most, 0, 3 }, { -most - 1, 1, 0 },
		{ INT64_MAX, INT32_MAX, INT32_MAX }, { INT64_MIN, INT32_MIN, INT32_MIN } };
	struct batch b;

	(void)s;
	fill_column(&b, TYPE_INTERVAL, values, sizeof values / sizeof *values);
	expect_one_column(&b);
	batch_free(&b);
}

/* NaN where other rows are NULL or are not, in a column that may hold NULL or may not. */
static void nans(void **s)
{
	const __int128 values[] = { DECIMAL_NAN, 1, -1, DECIMAL_NAN, 0, DECIMAL_NAN + 1, 7, 8, 9,
		DECIMAL_NAN };
	struct batch b;

	(void)s;
	fill_column(&b, TYPE_DECIMAL128, values, sizeof values / sizeof *values);
	expect_one_column(&b);
	column_put_null(&b.columns[0], 2);
	column_put_null(&b.columns[0], 3);
	expect_one_column(&b);
	batch_free(&b);
}

/* numeric(3,5) is wider for readers, numeric(3,-2) and numeric(38,40) are as they were declared. */
static void scales(void **s)
{
	static const int16_t declared[][2] = { { 3, 5 }, { 5, 5 }, { 38, 38 }, { 1, 38 },
		{ 38, 40 }, { 3, 39 }, { 3, -2 }, { 38, 0 } };
	const __int128 value = 12;
	struct batch b;

	(void)s;
	for (size_t i = 0; i < sizeof declared / sizeof *declared; i++) {
		fields[0].precision = declared[i][0];
		fields[0].scale = declared[i][1];
		fill_column(&b, TYPE_DECIMAL128, &value, 1);
		expect_one_column(&b);
		batch_free(&b);
	}
}

/* ---- the schema's metadata */

static void fingerprint_and_zone(void **s)
{
	static const char *const names[][2] = { { "Europe/Berlin", "Europe/Berlin" },
		{ "+0530", "+05:30" }, { "-08", "-08:00" }, { "-00:30", "-00:30" } };
	char text[FINGERPRINT_TEXT];
	struct err e;

	(void)s;
	assert_int_equal(fingerprint(&schema, text, &e), 0);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct format_options o = { .zone = zone_open(names[i][0], &e) };
		struct memory_sink *m = memory_sink_new();
		struct format *f = arrows_new(&m->base, &o);

		format_begin(f, &schema);
		format_end(f);
		format_free(f);
		struct judge j = { (const uint8_t *)m->bytes.data, m->bytes.len, 0, &schema };
		struct message message = judge_message(&j, 1);
		uint64_t n;
		size_t at = flat_vector(&message.flat, message.header, 1, 4, &n);
		size_t field = flat_follow(&message.flat, at + 4 * TYPE_TIMESTAMPTZ);

		flat_is_pair(&message.flat, message.header, 2, "sluice:fingerprint", text);
		flat_is_text(&message.flat, flat_table(&message.flat, field, 3), 1, names[i][1]);
		sink_free(&m->base);
		format_options_free(&o);
	}
}

/* ---- failure */

static void failures(void **s)
{
	format_maker *const file[] = { arrow_new, NULL }, *const stream[] = { arrows_new, NULL };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	put_row(&b, false);
	put_row(&b, true);
	expect_failures(file, &schema, &b);
	expect_failures(stream, &schema, &b);
	batch_free(&b);
}

/* Nothing but end writes what a whole one ends with. */
static void without_an_end(void **s)
{
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	put_row(&b, false);
	for (int is_file = 0; is_file < 2; is_file++) {
		struct memory_sink *m = memory_sink_new();
		struct format *f = (is_file ? arrow_new : arrows_new)(&m->base, NULL);

		format_begin(f, &schema);
		format_batch(f, &b);
		format_free(f);
		assert_true(is_zero((uint8_t *)m->bytes.data + m->bytes.len - 8, 8));
		assert_null(memmem(m->bytes.data + 8, m->bytes.len - 8, "ARROW1", 6));
		sink_free(&m->base);
	}
	batch_free(&b);
}

/* Metadata of every length about a multiple of 64. */
static void numbers_of_columns(void **s)
{
	struct field ints[33];
	struct batch b;

	(void)s;
	for (size_t n = 1; n <= sizeof ints / sizeof *ints; n++) {
		const struct schema some = { ints, n };

		ints[n - 1] = (struct field){ .name = "int", .type = TYPE_INT32 };
		batch_init(&b, &some);
		put_row(&b, false);
		expect_same(&some, &b, 1);
		batch_free(&b);
	}
}

/* A body whose own last bytes are those of the end. */
static void a_body_like_the_end(void **s)
{
	struct batch b;

	(void)s;
	fill_column(&b, TYPE_INT32, (const int32_t[16]){ [14] = -1 }, 16);
	expect_one_column(&b);
	batch_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(numbers_of_rows, set_up),
		cmocka_unit_test_setup(reused, set_up),
		cmocka_unit_test_setup(numbers_of_batches, set_up),
		cmocka_unit_test_setup(no_columns, set_up),
		cmocka_unit_test_setup(many_columns, set_up),
		cmocka_unit_test_setup(timestamps, set_up),
		cmocka_unit_test_setup(times_beyond, set_up),
		cmocka_unit_test_setup(intervals, set_up),
		cmocka_unit_test_setup(nans, set_up),
		cmocka_unit_test_setup(scales, set_up),
		cmocka_unit_test_setup(fingerprint_and_zone, set_up),
		cmocka_unit_test_setup(failures, set_up),
		cmocka_unit_test_setup(without_an_end, set_up),
		cmocka_unit_test_setup(numbers_of_columns, set_up),
		cmocka_unit_test_setup(a_body_like_the_end, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
