/*
 * JSON: NDJSON's lines as an array; and what the options change in both formats.
 */
#include "tests/unit/row_formats.h"

#include <math.h>

/* The same with the options that a test sets in `given`, which expect_given clears. */
static struct format_options given;

#define GIVEN(maker)                                                                               \
	static struct format *maker##_given(                                                       \
		struct sink *out, const struct format_options *options)                            \
	{                                                                                          \
		assert_null(options);                                                              \
		return maker(out, &given);                                                         \
	}
GIVEN(ndjson_new)
GIVEN(ndjson_new_tiny)
GIVEN(ndjson_new_portable)
GIVEN(json_new)
GIVEN(json_new_tiny)
GIVEN(json_new_portable)

static format_maker *const lines[] = { ndjson_new_given, ndjson_new_tiny_given,
	ndjson_new_portable_given, NULL };
static format_maker *const arrays[] = { json_new_given, json_new_tiny_given,
	json_new_portable_given, NULL };

/* As NDJSON these lines, and as JSON the array of them. */
static void expect_given(const struct schema *schema, const struct batch *b, const char *expected)
{
	struct buf array = { 0 };

	expect_bytes(lines, schema, b, expected, strlen(expected));
	buf_putc(&array, '[');
	for (const char *p = expected; *p; p++)
		buf_puts(&array, *p != '\n' ? (char[]){ *p, '\0' } : p[1] ? ",\n" : "");
	buf_puts(&array, "]\n");
	expect_bytes(arrays, schema, b, array.data, array.len);
	buf_free(&array);
	format_options_free(&given);
	given = (struct format_options){ 0 };
}

static struct field text_field = { .name = "t", .type = TYPE_UTF8, .nullable = true };
static const struct schema text_schema = { &text_field, 1 };

/* ---- arrays */

static void arrays_of_rows(void **s)
{
	struct batch b;

	(void)s;
	batch_init(&b, &text_schema);
	EXPECT(arrays, &text_schema, &b, "[]\n");
	put_text(&b, "one", 3);
	EXPECT(arrays, &text_schema, &b, "[{\"t\":\"one\"}]\n");
	put_null(&b);
	put_text(&b, "\n", 1);
	EXPECT(arrays, &text_schema, &b, "[{\"t\":\"one\"},\n{\"t\":null},\n{\"t\":\"\\n\"}]\n");
	batch_free(&b);
}

static void array_without_columns(void **s)
{
	struct schema schema = { NULL, 0 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	b.rows = 3;
	expect_given(&schema, &b, "{}\n{}\n{}\n");
	batch_free(&b);
}

/* The comma between the last row of a batch and the first of the next; nothing for an empty one. */
static void array_of_batches(void **s)
{
	struct batch b, none;

	(void)s;
	batch_init(&b, &text_schema);
	batch_init(&none, &text_schema);
	put_text(&b, "x", 1);
	for (format_maker *const *make = arrays; *make; make++) {
		struct memory_sink *m = memory_sink_new();
		struct format *f = (*make)(&m->base, NULL);

		format_begin(f, &text_schema);
		assert_string_equal(buf_str(&m->bytes), "[");
		format_batch(f, &none);
		format_batch(f, &b);
		format_batch(f, &none);
		format_batch(f, &b);
		assert_string_equal(buf_str(&m->bytes), "[{\"t\":\"x\"},\n{\"t\":\"x\"}");
		format_end(f);
		assert_string_equal(buf_str(&m->bytes), "[{\"t\":\"x\"},\n{\"t\":\"x\"}]\n");
		format_free(f);
		sink_free(&m->base);
	}
	batch_free(&none);
	batch_free(&b);
}

/* Freed instead of ended: nothing that looks like an end. */
static void array_cut(void **s)
{
	struct batch b;

	(void)s;
	batch_init(&b, &text_schema);
	put_text(&b, "x", 1);
	for (format_maker *const *make = arrays; *make; make++) {
		struct memory_sink *m = memory_sink_new();
		struct format *f = (*make)(&m->base, NULL);

		format_begin(f, &text_schema);
		format_batch(f, &b);
		format_free(f);
		assert_string_equal(buf_str(&m->bytes), "[{\"t\":\"x\"}");
		sink_free(&m->base);
	}
	expect_failures(arrays, &text_schema, &b);
	batch_free(&b);
}

/* ---- options */

static void bigint(void **s)
{
	static const int64_t v[] = { 0, -1, 9007199254740991, 9007199254740992, -9007199254740991,
		-9007199254740992, INT64_MAX, INT64_MIN };
	struct field fields[] = { { .name = "l", .type = TYPE_INT64, .nullable = true },
		{ .name = "i", .type = TYPE_INT32 } };
	struct schema schema = { fields, 2 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	for (; b.rows < 8; b.rows++) {
		COLUMN_PUT(&b.columns[0], int64_t, b.rows, v[b.rows]);
		COLUMN_PUT(&b.columns[1], int32_t, b.rows, INT32_MAX);
	}
	given.bigint = BIGINT_AUTO;
	expect_given(&schema, &b,
		"{\"l\":0,\"i\":2147483647}\n{\"l\":-1,\"i\":2147483647}\n"
		"{\"l\":9007199254740991,\"i\":2147483647}\n"
		"{\"l\":\"9007199254740992\",\"i\":2147483647}\n"
		"{\"l\":-9007199254740991,\"i\":2147483647}\n"
		"{\"l\":\"-9007199254740992\",\"i\":2147483647}\n"
		"{\"l\":\"9223372036854775807\",\"i\":2147483647}\n"
		"{\"l\":\"-9223372036854775808\",\"i\":2147483647}\n");
	b.rows = 2;
	column_put_null(&b.columns[0], 1);
	given.bigint = BIGINT_STRING;
	expect_given(
		&schema, &b, "{\"l\":\"0\",\"i\":2147483647}\n{\"l\":null,\"i\":2147483647}\n");
	batch_free(&b);
}

static void fill_numbers(struct batch *b)
{
	static const double v[] = { 0.5, NAN, INFINITY, -INFINITY };
	static const char *const texts[] = { "-1.50", "NaN", "Infinity", "-Infinity" };

	for (; b->rows < 4; b->rows++) {
		COLUMN_PUT(&b->columns[0], double, b->rows, v[b->rows]);
		COLUMN_PUT(&b->columns[1], __int128, b->rows, b->rows ? DECIMAL_NAN : 150);
		assert_true(column_put_bytes(
			&b->columns[2], b->rows, texts[b->rows], strlen(texts[b->rows])));
	}
}

static void decimal_and_nan(void **s)
{
	struct field fields[] = { { .name = "f", .type = TYPE_FLOAT64 },
		{ .name = "d", .type = TYPE_DECIMAL128, .precision = 38, .scale = 2 },
		{ .name = "t", .type = TYPE_DECIMAL_TEXT } };
	struct schema schema = { fields, 3 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	fill_numbers(&b);
	cut_columns(&b);
	given.nan = NAN_STRING;
	expect_given(&schema, &b,
		"{\"f\":0.5,\"d\":1.50,\"t\":-1.50}\n"
		"{\"f\":\"NaN\",\"d\":\"NaN\",\"t\":\"NaN\"}\n"
		"{\"f\":\"Infinity\",\"d\":\"NaN\",\"t\":\"Infinity\"}\n"
		"{\"f\":\"-Infinity\",\"d\":\"NaN\",\"t\":\"-Infinity\"}\n");
	given.numeric = DECIMAL_STRING;
	expect_given(&schema, &b,
		"{\"f\":0.5,\"d\":\"1.50\",\"t\":\"-1.50\"}\n{\"f\":null,\"d\":null,\"t\":null}\n"
		"{\"f\":null,\"d\":null,\"t\":null}\n{\"f\":null,\"d\":null,\"t\":null}\n");
	given.numeric = DECIMAL_STRING;
	given.nan = NAN_STRING;
	expect_given(&schema, &b,
		"{\"f\":0.5,\"d\":\"1.50\",\"t\":\"-1.50\"}\n"
		"{\"f\":\"NaN\",\"d\":\"NaN\",\"t\":\"NaN\"}\n"
		"{\"f\":\"Infinity\",\"d\":\"NaN\",\"t\":\"Infinity\"}\n"
		"{\"f\":\"-Infinity\",\"d\":\"NaN\",\"t\":\"-Infinity\"}\n");
	batch_free(&b);
}

/* Every set of three columns that are NULL, a name longer than what is copied at once among them. */
static void nulls_omitted(void **s)
{
	static const char *const names[] = { "a",
		"a name that is longer than what is copied at once", "c" };
	struct field fields[3];
	struct schema schema = { fields, 3 };
	struct buf expected = { 0 };
	struct batch b;

	(void)s;
	for (int i = 0; i < 3; i++)
		fields[i] =
			(struct field){ .name = names[i], .type = TYPE_INT16, .nullable = true };
	batch_init(&b, &schema);
	for (; b.rows < 8; b.rows++) {
		bool is_first = true;

		buf_putc(&expected, '{');
		for (int i = 0; i < 3; i++) {
			if (b.rows >> i & 1) {
				column_put_null(&b.columns[i], b.rows);
				continue;
			}
			COLUMN_PUT(&b.columns[i], int16_t, b.rows, 7);
			buf_printf(&expected, "%s\"%s\":7", is_first ? "" : ",", names[i]);
			is_first = false;
		}
		buf_puts(&expected, "}\n");
	}
	given.nulls = NULLS_OMIT;
	expect_given(&schema, &b, buf_str(&expected));
	buf_free(&expected);
	batch_free(&b);
}

/* What is null as JSON has it is a value; NaN is one that was written so. */
static void nulls_that_are_values(void **s)
{
	struct field fields[] = { { .name = "j", .type = TYPE_JSON },
		{ .name = "f", .type = TYPE_FLOAT64 } };
	struct schema schema = { fields, 2 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	assert_true(column_put_bytes(&b.columns[0], 0, "null", 4));
	COLUMN_PUT(&b.columns[1], double, 0, NAN);
	b.rows = 1;
	given.nulls = NULLS_OMIT;
	expect_given(&schema, &b, "{\"j\":null,\"f\":null}\n");
	batch_free(&b);
}

static void binary_as_hex(void **s)
{
	struct field field = { .name = "b", .type = TYPE_BINARY, .nullable = true };
	struct schema schema = { &field, 1 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	put_text(&b, "", 0);
	put_text(&b, "\x00\xff", 2);
	put_text(&b, "thirteen bytes", 13);
	put_null(&b);
	given.binary = BINARY_HEX;
	expect_given(&schema, &b,
		"{\"b\":\"\\\\x\"}\n{\"b\":\"\\\\x00ff\"}\n"
		"{\"b\":\"\\\\x746869727465656e2062797465\"}\n{\"b\":null}\n");
	batch_free(&b);
}

static void local_time(void **s)
{
	struct field fields[] = { { .name = "z", .type = TYPE_TIMESTAMPTZ, .nullable = true },
		{ .name = "t", .type = TYPE_TIMESTAMP } };
	struct schema schema = { fields, 2 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	COLUMN_PUT(&b.columns[0], int64_t, 0, 0);
	COLUMN_PUT(&b.columns[1], int64_t, 0, 0);
	column_put_null(&b.columns[0], 1);
	COLUMN_PUT(&b.columns[1], int64_t, 1, TIMESTAMP_INFINITY);
	b.rows = 2;
	given.zone = zone_open("Asia/Kolkata", NULL);
	assert_non_null(given.zone);
	expect_given(&schema, &b,
		"{\"z\":\"2000-01-01T05:30:00+05:30\",\"t\":\"2000-01-01T00:00:00\"}\n"
		"{\"z\":null,\"t\":\"infinity\"}\n");
	batch_free(&b);
}

static void is_written(
	enum type type, const struct format_options *o, const char *written, const char *lossy)
{
	struct format_written w = json_written(&(struct field){ .type = type }, o);

	assert_string_equal(w.type, written);
	if (!lossy)
		assert_null(w.lossy);
	else if (!w.lossy || strncmp(w.lossy, lossy, strlen(lossy)) != 0)
		fail_msg("%s: %s", type_name(type), w.lossy ? w.lossy : "(nothing)");
}

static void said_of_columns(void **s)
{
	const struct format_options strings = {
		.bigint = BIGINT_STRING, .numeric = DECIMAL_STRING, .nan = NAN_STRING
	};
	const struct format_options mixed = { .bigint = BIGINT_AUTO, .nan = NAN_STRING };

	(void)s;
	is_written(TYPE_BOOL, NULL, "boolean", NULL);
	is_written(TYPE_INT32, &strings, "number", NULL);
	is_written(TYPE_INT64, NULL, "number", NULL);
	is_written(TYPE_INT64, &strings, "string", NULL);
	is_written(TYPE_INT64, &mixed, "number or string", NULL);
	is_written(TYPE_FLOAT32, NULL, "number", "NaN, Infinity and -Infinity");
	is_written(TYPE_FLOAT64, &strings, "number or string", NULL);
	is_written(TYPE_DECIMAL128, NULL, "number", "NaN, which");
	is_written(TYPE_DECIMAL128, &strings, "string", NULL);
	is_written(TYPE_DECIMAL128, &mixed, "number or string", NULL);
	is_written(TYPE_DECIMAL_TEXT, NULL, "number", "NaN, Infinity and -Infinity");
	is_written(TYPE_DECIMAL_TEXT, &(struct format_options){ .numeric = DECIMAL_STRING },
		"string", "NaN, Infinity and -Infinity");
	is_written(TYPE_JSON, NULL, "any", "line breaks within, white");
	is_written(TYPE_JSON, &(struct format_options){ .nulls = NULLS_OMIT }, "any",
		"line breaks within, white space around it, and");
	is_written(TYPE_BINARY, NULL, "string", NULL);
	is_written(TYPE_TIMESTAMPTZ, NULL, "string", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arrays_of_rows),
		cmocka_unit_test(array_without_columns),
		cmocka_unit_test(array_of_batches),
		cmocka_unit_test(array_cut),
		cmocka_unit_test(bigint),
		cmocka_unit_test(decimal_and_nan),
		cmocka_unit_test(nulls_omitted),
		cmocka_unit_test(nulls_that_are_values),
		cmocka_unit_test(binary_as_hex),
		cmocka_unit_test(local_time),
		cmocka_unit_test(said_of_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
