/*
 * Increments: cursors as text, and the condition on a row's version. tests/e2e/test_increments.py holds them against a server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/query/increment.h"

static const struct increment_cursor place = {
	.system = UINT64_MAX - 1,
	.timeline = 7,
	.database = UINT32_MAX,
	.table = 16384,
	.rows = 0x0123456789abcdef,
	.from = ((uint64_t)5 << 32) + 3,
	.made_us = 1790000000000000,
	.key = "größe",
};

static void cursors_read_back(void **s)
{
	struct arena a = { 0 };
	struct increment_cursor c;
	struct err e = { 0 };
	const char *text = increment_cursor_write(&a, &place);

	(void)s;
	assert_int_equal(increment_cursor_read(&a, text, &c, &e), 0);
	assert_true(c.system == place.system && c.timeline == place.timeline &&
		    c.database == place.database && c.table == place.table &&
		    c.rows == place.rows && c.from == place.from && c.made_us == place.made_us);
	assert_string_equal(c.key, place.key);
	assert_string_equal(increment_cursor_write(&a, &c), text);
	arena_free(&a);
}

/* Each character matters, and so does each that is missing or more. */
static void damaged_cursors_are_none(void **s)
{
	struct arena a = { 0 };
	struct increment_cursor c;
	struct err e = { 0 };
	const char *text = increment_cursor_write(&a, &place);
	size_t len = strlen(text);

	(void)s;
	for (size_t i = 0; i < len; i++) {
		char *changed = arena_strdup(&a, text);

		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		assert_int_equal(increment_cursor_read(&a, changed, &c, &e), -1);
		assert_int_equal(e.code, ERR_BAD_REQUEST);
		changed[i] = '\0';
		assert_int_equal(increment_cursor_read(&a, changed, &c, &e), -1);
	}
	assert_int_equal(increment_cursor_read(&a, arena_printf(&a, "%sA", text), &c, &e), -1);
	assert_int_equal(increment_cursor_read(&a, INCREMENT_START, &c, &e), -1);
	arena_free(&a);
}

/* The digest is anybody's to make; SQL has the number as a bigint. */
static void numbers_that_no_transaction_has_are_none(void **s)
{
	struct arena a = { 0 };
	struct increment_cursor c = place;
	struct err e = { 0 };

	(void)s;
	c.from = (uint64_t)INT64_MAX;
	assert_int_equal(increment_cursor_read(&a, increment_cursor_write(&a, &c), &c, &e), 0);
	c.from = (uint64_t)INT64_MAX + 1;
	assert_int_equal(increment_cursor_read(&a, increment_cursor_write(&a, &c), &c, &e), -1);
	assert_int_equal(e.code, ERR_BAD_REQUEST);
	arena_free(&a);
}

static void the_condition_is_made_of_numbers(void **s)
{
	struct arena a = { 0 };
	struct increment i = { .from = 100, .to = 150, .next = 160 };
	const char *sql = increment_condition(&a, &i);

	(void)s;
	assert_non_null(strstr(sql, "xmin"));
	assert_non_null(strstr(sql, " BETWEEN 11 AND 60"));
	i.from = 150; /* nothing */
	assert_non_null(strstr(increment_condition(&a, &i), " BETWEEN 11 AND 10"));
	i.is_start = true;
	i.from = 0;
	sql = increment_condition(&a, &i);
	assert_non_null(strstr(sql, " > 10"));
	assert_null(strstr(sql, "BETWEEN"));
	i.next = i.to = UINT64_MAX / 2;
	assert_non_null(strstr(increment_condition(&a, &i), "9223372036854775807::bigint"));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cursors_read_back),
		cmocka_unit_test(damaged_cursors_are_none),
		cmocka_unit_test(numbers_that_no_transaction_has_are_none),
		cmocka_unit_test(the_condition_is_made_of_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
