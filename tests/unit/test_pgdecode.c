/*
 * What PostgreSQL sends as text for booleans and integers: every value of theirs is read, and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/source/pgdecode.h"

enum { OID_BOOL = 16, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_OID = 26 };

/* Whether the text is a value of the type, and which. */
static bool reads(uint32_t oid, const char *text, int64_t *value)
{
	struct field field = { .name = "c" };
	struct schema schema = { &field, 1 };
	struct pgcolumn column;
	struct batch b = { 0 };
	struct err e;

	pgdecode_choose(oid, -1, &field, &column);
	assert_false(pgdecode_is_binary(&column));
	batch_init(&b, &schema);
	/* Of its length exactly, so that a look behind it is seen. */
	size_t len = strlen(text);
	uint8_t *exact = mem_alloc(len, 1);

	memcpy(exact, text, len);
	bool is_good = pgdecode_cell(&column, &b.columns[0], 0, exact, len, &e) == 0;

	switch (field.type) {
	case TYPE_BOOL: *value = column_bool(&b.columns[0], 0); break;
	case TYPE_INT16: *value = COLUMN_VALUE(&b.columns[0], int16_t, 0); break;
	case TYPE_INT32: *value = COLUMN_VALUE(&b.columns[0], int32_t, 0); break;
	default: *value = COLUMN_VALUE(&b.columns[0], int64_t, 0);
	}
	free(exact);
	batch_free(&b);
	return is_good;
}

static void values(void **state)
{
	static const struct {
		uint32_t oid;
		const char *text;
		int64_t value;
	} cases[] = {
		{ OID_BOOL, "t", 1 },
		{ OID_BOOL, "f", 0 },
		{ OID_INT2, "0", 0 },
		{ OID_INT2, "32767", INT16_MAX },
		{ OID_INT2, "-32768", INT16_MIN },
		{ OID_INT4, "-1", -1 },
		{ OID_INT4, "2147483647", INT32_MAX },
		{ OID_INT4, "-2147483648", INT32_MIN },
		{ OID_INT8, "1000000000000000000", INT64_C(1000000000000000000) },
		{ OID_INT8, "9223372036854775807", INT64_MAX },
		{ OID_INT8, "-9223372036854775808", INT64_MIN },
		{ OID_OID, "4294967295", UINT32_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t value;

		if (!reads(cases[i].oid, cases[i].text, &value) || value != cases[i].value)
			fail_msg("%s is not read as what it is", cases[i].text);
	}
}

static void no_values(void **state)
{
	static const struct {
		uint32_t oid;
		const char *text;
	} cases[] = {
		{ OID_BOOL, "" },
		{ OID_BOOL, "true" },
		{ OID_BOOL, "\1" },
		{ OID_INT2, "32768" },
		{ OID_INT2, "-32769" },
		{ OID_INT4, "2147483648" },
		{ OID_INT4, "-2147483649" },
		{ OID_INT8, "9223372036854775808" },
		{ OID_INT8, "-9223372036854775809" },
		{ OID_INT8, "18446744073709551616" },
		{ OID_INT8, "10000000000000000000" },
		{ OID_INT8, "00000000000000000001" },
		{ OID_INT4, "" },
		{ OID_INT4, "-" },
		{ OID_INT4, "--1" },
		{ OID_INT4, "+1" },
		{ OID_INT4, "1 " },
		{ OID_INT4, "1e3" },
		{ OID_INT4, "1/" },
		{ OID_INT4, "1:" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t value;

		if (reads(cases[i].oid, cases[i].text, &value))
			fail_msg("\"%s\" is read as %lld", cases[i].text, (long long)value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(no_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
