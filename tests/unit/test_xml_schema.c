/*
 * The schema of the XML format, with libxml2 as the judge: what the format writes is valid against
 * it, type by type, and what no value of a type looks like is not.
 */
#include "tests/unit/xml_case.h"

#include <math.h>

#include "lib/format/formats.h"
#include "lib/format/xml_schema.h"

/* The batch is valid against its schema. */
static void expect_valid(struct schema *schema, const struct batch *b)
{
	struct buf text = written(schema, b), schema_text = { 0 };

	for (size_t i = 0; i < schema->n; i++)
		schema->fields[i].nullable = b->columns[i].nulls_n > 0;
	xml_schema(&schema_text, schema, NULL, NULL);
	if (judge_document(&text, &schema_text, false) != 1)
		fail_msg("%s%s", buf_str(&text), buf_str(&schema_text));
	buf_free(&text);
	buf_free(&schema_text);
}

/* Whether a document whose rows' one element is that text is valid against the schema of a
 * column of the type. */
static int judge_text(struct field f, const char *element)
{
	struct schema schema = { &f, 1 };
	struct buf text = { 0 }, schema_text = { 0 };

	f.name = "v";
	xml_schema(&schema_text, &schema, NULL, NULL);
	buf_printf(&text, HEAD "<row>%s</row>\n" TAIL, element);
	int result = judge_document(&text, &schema_text, true);

	buf_free(&text);
	buf_free(&schema_text);
	return result;
}

#define BAD(type_, text)                                                                           \
	assert_int_equal(judge_text((struct field){ .type = type_ }, "<v>" text "</v>"), 0)
#define GOOD(type_, text)                                                                          \
	assert_int_equal(judge_text((struct field){ .type = type_ }, "<v>" text "</v>"), 1)

static void numbers_judged(void **s)
{
	(void)s;
	GOOD(TYPE_BOOL, "true");
	BAD(TYPE_BOOL, "yes");
	BAD(TYPE_BOOL, "");
	GOOD(TYPE_INT16, "-32768");
	BAD(TYPE_INT16, "32768");
	GOOD(TYPE_INT32, "-2147483648");
	BAD(TYPE_INT32, "2147483648");
	GOOD(TYPE_INT64, "-9223372036854775808");
	BAD(TYPE_INT64, "9223372036854775808");
	BAD(TYPE_INT64, "1.0");
	GOOD(TYPE_FLOAT32, "1e+15");
	GOOD(TYPE_FLOAT32, "NaN");
	GOOD(TYPE_FLOAT64, "-INF");
	GOOD(TYPE_FLOAT64, "1.5e-07");
	BAD(TYPE_FLOAT64, "Infinity");
	BAD(TYPE_FLOAT64, "1,5");
	GOOD(TYPE_DECIMAL_TEXT, "-123456789012345678901234567890123456789012345678901234567890.5");
	GOOD(TYPE_DECIMAL_TEXT, "NaN");
	GOOD(TYPE_DECIMAL_TEXT, "INF");
	BAD(TYPE_DECIMAL_TEXT, "Infinity");
	BAD(TYPE_DECIMAL_TEXT, "1e5");
	BAD(TYPE_DECIMAL_TEXT, "");
}

static void decimals_judged(void **s)
{
	static const struct {
		int16_t precision, scale;
		const char *good[4], *bad[4];
	} cases[] = {
		{ 12, 2, { "0.00", "-9999999999.99", "NaN", "1" },
			{ "10000000000.01", "0.001", "INF", "" } },
		{ 5, 0, { "99999", "-1" }, { "100000", "0.5" } },
		{ 3, 5, { "0.00999", "-0.00001" }, { "0.000001", "100000" } },
		{ 5, -2, { "9999900", "0" }, { "100000000", "0.1" } },
		{ 38, 10,
			{ "-1234567890123456789012345678.0123456789", "0.0000000001", "NaN", "7" },
			{ "12345678901234567890123456789.0123456789",
				"1234567890123456789012345678.012345678", "1e5", "INF" } },
		{ 38, 0, { "12345678901234567890123456789012345678" },
			{ "123456789012345678901234567890123456789", "nan" } },
		{ 38, 40, { "-0.0012345678901234567890123456789012345678" },
			{ "10.0012345678901234567890123456789012345678" } },
		{ 38, -3, { "12345678901234567890123456789012345678000" },
			{ "123456789012345678901234567890123456789000" } },
		{ 0, 0, { "123456789012345678901234567890.5", "NaN", "0" }, { "x" } },
	};

	(void)s;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int k = 0; k < 4; k++) {
			struct field f = { .type = TYPE_DECIMAL128,
				.precision = cases[i].precision,
				.scale = cases[i].scale };

			for (int is_good = 0; is_good < 2; is_good++) {
				const char *v = is_good ? cases[i].good[k] : cases[i].bad[k];
				char element[100];

				if (!v)
					continue;
				snprintf(element, sizeof element, "<v>%s</v>", v);
				if (judge_text(f, element) != is_good)
					fail_msg("%s of numeric(%d,%d)", v, f.precision, f.scale);
			}
		}
}

static void times_judged(void **s)
{
	(void)s;
	GOOD(TYPE_DATE32, "2024-02-29");
	GOOD(TYPE_DATE32, "5874897-12-31");
	GOOD(TYPE_DATE32, "0044-03-15 BC");
	GOOD(TYPE_DATE32, "-infinity");
	BAD(TYPE_DATE32, "2023-02-29");
	BAD(TYPE_DATE32, "2024-2-9");
	BAD(TYPE_DATE32, "now");
	GOOD(TYPE_TIME64, "24:00:00");
	GOOD(TYPE_TIME64, "00:00:00.000001");
	GOOD(TYPE_TIME64, "-838:59:59");
	BAD(TYPE_TIME64, "0:00:00");
	GOOD(TYPE_TIMESTAMP, "2024-01-01T00:00:00.25");
	GOOD(TYPE_TIMESTAMP, "294276-12-31T23:59:59.999999");
	GOOD(TYPE_TIMESTAMP, "4714-11-24T00:00:00 BC");
	GOOD(TYPE_TIMESTAMP, "infinity");
	BAD(TYPE_TIMESTAMP, "2024-01-01 00:00:00");
	GOOD(TYPE_TIMESTAMPTZ, "2024-01-01T00:00:00Z");
	GOOD(TYPE_TIMESTAMPTZ, "0044-03-15T00:00:00.5Z BC");
	GOOD(TYPE_TIMESTAMPTZ, "2024-01-01T05:30:00.25+05:30");
	GOOD(TYPE_TIMESTAMPTZ, "0044-03-15T05:30:00-15:56 BC");
	GOOD(TYPE_TIMESTAMPTZ, "2024-01-01T00:00:00+14:00");
	GOOD(TYPE_TIMESTAMPTZ, "1844-12-31T00:00:00-15:56");
	GOOD(TYPE_TIMESTAMPTZ, "294277-01-01T23:58:59.999999+23:59");
	BAD(TYPE_TIMESTAMPTZ, "2024-01-01T25:00:00Z");
	BAD(TYPE_TIMESTAMPTZ, "2024-13-01T00:00:00+05:30");
	BAD(TYPE_TIMESTAMPTZ, "2024-01-01T00:00:00+24:00");
	BAD(TYPE_TIMESTAMPTZ, "2024-01-01T00:00:00+5:30");
	BAD(TYPE_TIMESTAMPTZ, "0044-03-15T00:00:00 BC");
	BAD(TYPE_TIMESTAMP, "0044-03-15T00:00:00Z BC");
	GOOD(TYPE_INTERVAL, "PT0S");
	GOOD(TYPE_INTERVAL, "P1Y-2M3DT-4H5M-6.7S");
	BAD(TYPE_INTERVAL, "1 day");
	BAD(TYPE_INTERVAL, "P1H");
}

static void other_types_judged(void **s)
{
	(void)s;
	GOOD(TYPE_UTF8, "");
	GOOD(TYPE_UTF8, " two\n\tlines&#13; ");
	BAD(TYPE_UTF8, "<b/>");
	GOOD(TYPE_UUID, "00112233-4455-6677-8899-aabbccddeeff");
	BAD(TYPE_UUID, "00112233445566778899aabbccddeeff");
	GOOD(TYPE_BINARY, "");
	GOOD(TYPE_BINARY, "//79");
	BAD(TYPE_BINARY, "\\xff");
	GOOD(TYPE_JSON, "text and <item>1</item><row/><table x='y'/>");
	assert_int_equal(judge_text((struct field){ .type = TYPE_JSON }, "<v" NIL), 1);
	assert_int_equal(judge_text((struct field){ .type = TYPE_INT32 }, "<v" NIL), 0);
	assert_int_equal(
		judge_text((struct field){ .type = TYPE_INT32, .nullable = true }, "<v" NIL), 1);
	BAD(TYPE_INT32, "1</v><v>2");
	assert_int_equal(judge_text((struct field){ .type = TYPE_INT32 }, ""), 0);
	assert_int_equal(judge_text((struct field){ .type = TYPE_INT32 }, "<w>1</w>"), 0);
}

/* The edges of every fixed-width type, and each value of it beside a NULL. */
static void every_type(void **s)
{
	static const int64_t edges[] = { 0, 1, -1, 500000, -500000, INT64_MAX, INT64_MIN,
		INT64_MAX - 1, INT64_MIN + 1, INT32_MAX, INT32_MIN, INT32_MAX - 1, INT32_MIN + 1,
		86400000000, -INT64_C(211813488000000000), INT64_C(9223371331199999999), -735160,
		719162 };
	enum { EDGES = sizeof edges / sizeof *edges };
	struct field fields[TYPES_N + 1];
	struct schema schema = { fields, TYPES_N + 1 };
	struct batch b;

	(void)s;
	for (size_t i = 0; i <= TYPES_N; i++)
		fields[i] = (struct field){ .name = i < TYPES_N ? type_name((enum type)i) : "tiny",
			.type = i < TYPES_N ? (enum type)i : TYPE_DECIMAL128,
			.precision = 38,
			.scale = i < TYPES_N ? 3 : 50 };
	batch_init(&b, &schema);
	for (; b.rows <= EDGES; b.rows++)
		for (size_t i = 0; i <= TYPES_N; i++) {
			struct column *c = &b.columns[i];
			struct interval v = { edges[b.rows % EDGES], (int32_t)edges[b.rows / 2],
				(int32_t)edges[b.rows / 3] };
			__int128 wide = edges[b.rows % EDGES];

			if (b.rows == EDGES && i % 2)
				column_put_null(c, b.rows);
			else if (c->type == TYPE_INTERVAL)
				COLUMN_PUT(c, struct interval, b.rows, v);
			else if (c->offsets)
				assert_true(column_put_bytes(
					c, b.rows, c->type == TYPE_BINARY ? "\0\xff" : "12", 2));
			else if (c->type == TYPE_BOOL)
				column_put_bool(c, b.rows, b.rows % 2);
			else
				memcpy(c->data + c->width * (size_t)b.rows, &wide, c->width);
		}
	expect_valid(&schema, &b);
	batch_free(&b);
}

static void floats(void **s)
{
	static const double v[] = { 0, -0.0, 0.1, 1e15, 1.5e-7, 1e300, 5e-324, NAN, INFINITY,
		-INFINITY };
	struct field fields[] = { { .name = "d", .type = TYPE_FLOAT64 },
		{ .name = "f", .type = TYPE_FLOAT32 } };
	struct schema schema = { fields, 2 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	for (; b.rows < 10; b.rows++) {
		COLUMN_PUT(&b.columns[0], double, b.rows, v[b.rows]);
		COLUMN_PUT(&b.columns[1], float, b.rows, (float)v[b.rows]);
	}
	expect_valid(&schema, &b);
	batch_free(&b);
}

/* Texts, names and JSON with all that has a meaning in XML. */
static void nasty(void **s)
{
	static const char *const texts[] = { "", "<a>&amp;</a>", "]]>", "<!--", "<?xml?>",
		"\x01\x1f\x7f", "\r\n\t ", "\xef\xbf\xbe\xef\xbf\xbf", "\xf0\x9f\x8c\x8a", "&#0;" };
	static const char *const jsons[] = { "null", "\"]]>\"", "{\"row\": {\"table\": null}}",
		"{\"xsi:nil\": true, \"xmlns\": \"urn:x\"}", "[{}, [], \"\\u0000\"]",
		"{\"\": 1, \"\xf0\x9f\x8c\x8a\": 2, \"</j>\": 3}", "1", "\"\"", "{}",
		"[[[null]]]" };
	struct field fields[] = { { .name = "row", .type = TYPE_UTF8 },
		{ .name = "xmlns:xsi", .type = TYPE_JSON }, { .name = "a b", .type = TYPE_UTF8 },
		{ .name = "a_x0020_b", .type = TYPE_JSON }, { .name = "", .type = TYPE_UTF8 },
		{ .name = "größe 🌊", .type = TYPE_JSON },
		{ .name = "\xff<\"&", .type = TYPE_UTF8 } };
	struct schema schema = { fields, 7 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	for (; b.rows < 10; b.rows++)
		for (size_t i = 0; i < 7; i++) {
			const char *text = (i % 2 ? jsons : texts)[b.rows];

			assert_true(column_put_bytes(&b.columns[i], b.rows, text, strlen(text)));
		}
	expect_valid(&schema, &b);
	batch_free(&b);
}

static void no_columns_and_no_rows(void **s)
{
	struct field field = { .name = "a", .type = TYPE_INT32 };
	struct schema schema = { NULL, 0 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	b.rows = 3;
	expect_valid(&schema, &b);
	batch_free(&b);
	schema = (struct schema){ &field, 1 };
	batch_init(&b, &schema);
	expect_valid(&schema, &b);
	batch_free(&b);
}

/* What is said of a field: the type that its element has in the schema, and a loss for text and JSON alone. */
static void written_types(void **s)
{
	(void)s;
	for (int type = 0; type < TYPES_N; type++) {
		struct field f = { .name = "v", .type = (enum type)type };
		struct format_written w = xml_written(&f, NULL);
		struct schema schema = { &f, 1 };
		struct buf text = { 0 }, declared = { 0 };

		xml_schema(&text, &schema, NULL, NULL);
		buf_printf(&declared, "<xs:element name=\"v\"%s type=\"%s\"/>",
			type == TYPE_JSON ? " nillable=\"true\"" : "", w.type);
		if (!strstr(buf_str(&text), buf_str(&declared)))
			fail_msg("%s is not in\n%s", buf_str(&declared), buf_str(&text));
		assert_int_equal(w.lossy != NULL, type == TYPE_UTF8 || type == TYPE_JSON);
		f.is_plain = true;
		assert_int_equal(xml_written(&f, NULL).lossy != NULL, type == TYPE_JSON);
		buf_free(&text);
		buf_free(&declared);
	}
}

/* Root, row and the table's name are what the caller of both says. */
static void names_of_the_document(void **s)
{
	struct memory_sink *m = memory_sink_new();
	static const struct format_options names = {
		.root = "ex port", .row = "xml", .table = "<\"a\">\r\n"
	};
	struct format *f = xml_new(&m->base, &names);
	struct buf schema_text = { 0 };
	struct schema schema = { NULL, 0 };
	struct batch b;

	(void)s;
	batch_init(&b, &schema);
	b.rows = 1;
	format_begin(f, &schema);
	format_batch(f, &b);
	format_end(f);
	xml_schema(&schema_text, &schema, "ex port", "xml");
	assert_int_equal(judge_document(&m->bytes, &schema_text, false), 1);

	xmlDocPtr doc = judge_parse(&m->bytes);
	xmlChar *name = xmlGetProp(xmlDocGetRootElement(doc), BAD_CAST "name");

	assert_string_equal((char *)name, "<\"a\">\r\n");
	xmlFree(name);
	xmlFreeDoc(doc);
	format_free(f);
	sink_free(&m->base);
	buf_free(&schema_text);
	batch_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_judged),
		cmocka_unit_test(decimals_judged),
		cmocka_unit_test(times_judged),
		cmocka_unit_test(other_types_judged),
		cmocka_unit_test(every_type),
		cmocka_unit_test(floats),
		cmocka_unit_test(nasty),
		cmocka_unit_test(no_columns_and_no_rows),
		cmocka_unit_test(written_types),
		cmocka_unit_test(names_of_the_document),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	xmlSchemaCleanupTypes();
	xmlCleanupParser();
	return failed;
}
