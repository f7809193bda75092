/*
 * Conditional requests (RFC 9110 §13) and the dates that they are made with (§5.6.7).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "lib/web/http_date.h"
#include "lib/web/precondition.h"

/* ---- dates */

#define EXAMPLE INT64_C(784111777) /* of §5.6.7 */

static const struct {
	const char *text;
	int64_t seconds; /* -1: no date */
} dates[] = {
	{ "Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE },
	{ "Sunday, 06-Nov-94 08:49:37 GMT", EXAMPLE },
	{ "Sun Nov  6 08:49:37 1994", EXAMPLE },
	{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
	{ "Thu, 29 Feb 2024 23:59:59 GMT", 1709251199 },
	{ "Thu Feb 29 23:59:59 2024", 1709251199 },
	{ "Thursday, 29-Feb-24 23:59:59 GMT", 1709251199 },
	{ "Sat, 31 Dec 2016 23:59:60 GMT", 1483228799 }, /* a leap second */
	{ "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
	{ "Tue, 19 Jan 2038 03:14:08 GMT", 2147483648 },
	{ NULL, -1 },
	{ "", -1 },
	{ "now", -1 },
	{ "784111777", -1 },
	{ "sun, 06 Nov 1994 08:49:37 GMT", -1 },
	{ "Sun, 6 Nov 1994 08:49:37 GMT", -1 },
	{ "Sun, 06 Nov 1994 08:49:37 UTC", -1 },
	{ "Sun, 06 Nov 1994 08:49:37 +0000", -1 },
	{ "Sun, 06 Nov 1994 08:49:37", -1 },
	{ "Sun, 06 Nov 1994 08:49:37 GMT ", -1 },
	{ "Sun, 06 Nov 1994 08:49 GMT", -1 },
	{ "Sun, 06 Nov 94 08:49:37 GMT", -1 },
	{ "Fri, 30 Feb 2024 00:00:00 GMT", -1 },
	{ "Wed, 29 Feb 2023 00:00:00 GMT", -1 },
	{ "Sun, 00 Nov 1994 08:49:37 GMT", -1 },
	{ "Sun, 32 Dec 1994 08:49:37 GMT", -1 },
	{ "Sun, 06 Nov 1994 24:00:00 GMT", -1 },
	{ "Sun, 06 Nov 1994 08:60:00 GMT", -1 },
	{ "Sun, 06 Nov 1994 08:49:61 GMT", -1 },
	{ "Sun, 06 Foo 1994 08:49:37 GMT", -1 },
	{ "Sun Nov 06 08:49:37 1994", EXAMPLE },
	{ "Sun Nov 6 08:49:37 1994", -1 },
};

static void test_dates_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
		int64_t seconds = -1;
		bool is_date = http_date_read(dates[i].text, &seconds);

		if (is_date != (dates[i].seconds >= 0) || (is_date && seconds != dates[i].seconds))
			fail_msg("%s: %d, %lld", dates[i].text ? dates[i].text : "(none)", is_date,
				(long long)seconds);
	}
}

/* Two digits stand for the year that is at most fifty ahead. */
static void test_short_years(void **state)
{
	int64_t old, soon;

	(void)state;
	assert_true(http_date_read("Friday, 31-Dec-99 23:59:59 GMT", &old));
	assert_int_equal(old, 946684799);
	assert_true(http_date_read("Saturday, 01-Jan-50 00:00:00 GMT", &soon));
	assert_int_equal(soon, 2524608000);
}

static void test_dates_written(void **state)
{
	char text[HTTP_DATE_TEXT];

	(void)state;
	http_date_write(EXAMPLE, text);
	assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
	for (int64_t at = 0; at < 253402300800; at += 86400 * 29 + 3607) {
		int64_t back;

		http_date_write(at, text);
		assert_true(http_date_read(text, &back));
		assert_int_equal(back, at);
	}
}

/* ---- conditions */

#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define SAME   "Sun, 06 Nov 1994 08:49:37 GMT"
#define AFTER  "Sun, 06 Nov 1994 08:49:38 GMT"

enum {
	GO = PRECONDITION_HOLDS,
	SAME_304 = PRECONDITION_NOT_MODIFIED,
	NO_412 = PRECONDITION_FAILED
};

static const struct validators strong = { "\"xyzzy\"", EXAMPLE };
static const struct validators weak = { "W/\"xyzzy\"", EXAMPLE };

static const struct {
	struct conditions sent;
	int of_strong, of_weak;
} cases[] = {
	{ { 0 }, GO, GO },
	/* the examples of §13.1.1 and §13.1.2 */
	{ { .if_match = "\"xyzzy\"" }, GO, NO_412 },
	{ { .if_match = "\"xyzzy\", \"r2d2xxxx\", \"c3piozzzz\"" }, GO, NO_412 },
	{ { .if_match = "*" }, GO, GO },
	{ { .if_none_match = "\"xyzzy\"" }, SAME_304, SAME_304 },
	{ { .if_none_match = "W/\"xyzzy\"" }, SAME_304, SAME_304 },
	{ { .if_none_match = "\"xyzzy\", \"r2d2xxxx\", \"c3piozzzz\"" }, SAME_304, SAME_304 },
	{ { .if_none_match = "W/\"r2d2xxxx\", W/\"c3piozzzz\", W/\"xyzzy\"" }, SAME_304, SAME_304 },
	{ { .if_none_match = "*" }, SAME_304, SAME_304 },
	/* tags */
	{ { .if_match = "W/\"xyzzy\"" }, NO_412, NO_412 },
	{ { .if_match = "\"other\"" }, NO_412, NO_412 },
	{ { .if_match = "" }, NO_412, NO_412 },
	{ { .if_match = "xyzzy" }, NO_412, NO_412 },
	{ { .if_match = "\"xyzz\"" }, NO_412, NO_412 },
	{ { .if_match = "\"xyzzyy\"" }, NO_412, NO_412 },
	{ { .if_match = "\"XYZZY\"" }, NO_412, NO_412 },
	{ { .if_match = "\"a,b\",\"xyzzy\"" }, GO, NO_412 },
	{ { .if_match = "\"a, \"xyzzy\"" }, NO_412, NO_412 },
	{ { .if_match = "\"a\\\" , \"xyzzy\"" }, GO, NO_412 }, /* a backslash escapes nothing */
	{ { .if_match = ", ,\"xyzzy\" ," }, GO, NO_412 },
	{ { .if_match = "\"a\" \"xyzzy\"" }, NO_412, NO_412 },
	{ { .if_match = "\"xyzzy" }, NO_412, NO_412 },
	{ { .if_match = "w/\"xyzzy\"" }, NO_412, NO_412 },
	{ { .if_match = "*, \"a\"" }, NO_412, NO_412 },
	{ { .if_match = " * " }, GO, GO },
	{ { .if_none_match = "\"other\"" }, GO, GO },
	{ { .if_none_match = "" }, GO, GO },
	{ { .if_none_match = "xyzzy" }, GO, GO },
	{ { .if_none_match = "\"" }, GO, GO },
	{ { .if_none_match = "W/" }, GO, GO },
	{ { .if_none_match = "W" }, GO, GO },
	{ { .if_none_match = "W/xyzzy" }, GO, GO },
	/* dates */
	{ { .if_modified_since = BEFORE }, GO, GO },
	{ { .if_modified_since = SAME }, SAME_304, SAME_304 },
	{ { .if_modified_since = AFTER }, SAME_304, SAME_304 },
	{ { .if_modified_since = "yesterday" }, GO, GO },
	{ { .if_modified_since = "Sunday, 06-Nov-94 08:49:37 GMT" }, SAME_304, SAME_304 },
	{ { .if_unmodified_since = BEFORE }, NO_412, NO_412 },
	{ { .if_unmodified_since = SAME }, GO, GO },
	{ { .if_unmodified_since = AFTER }, GO, GO },
	{ { .if_unmodified_since = "yesterday" }, GO, GO },
	/* the order of §13.2.2: tags before dates, If-Match before If-None-Match */
	{ { .if_match = "\"xyzzy\"", .if_unmodified_since = BEFORE }, GO, NO_412 },
	{ { .if_match = "\"other\"", .if_unmodified_since = AFTER }, NO_412, NO_412 },
	{ { .if_none_match = "\"other\"", .if_modified_since = AFTER }, GO, GO },
	{ { .if_none_match = "\"xyzzy\"", .if_modified_since = BEFORE }, SAME_304, SAME_304 },
	{ { .if_match = "\"other\"", .if_none_match = "\"xyzzy\"" }, NO_412, NO_412 },
	{ { .if_match = "*", .if_none_match = "\"xyzzy\"" }, SAME_304, SAME_304 },
	{ { .if_unmodified_since = BEFORE, .if_modified_since = AFTER }, NO_412, NO_412 },
	{ { .if_unmodified_since = SAME, .if_modified_since = SAME }, SAME_304, SAME_304 },
};

static void test_conditions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int of_strong = (int)precondition_check(&cases[i].sent, &strong);
		int of_weak = (int)precondition_check(&cases[i].sent, &weak);

		if (of_strong != cases[i].of_strong || of_weak != cases[i].of_weak)
			fail_msg("case %zu: %d of the strong tag, %d of the weak one", i, of_strong,
				of_weak);
	}
}

static const struct {
	const char *if_range;
	bool of_strong, of_weak;
} ranges[] = {
	{ NULL, true, true },
	{ "\"xyzzy\"", true, false },
	{ "W/\"xyzzy\"", false, false },
	{ "\"other\"", false, false },
	{ "\"other\", \"xyzzy\"", false, false },
	{ "*", false, false },
	{ "", false, false },
	{ SAME, true, true },
	{ "Sun Nov  6 08:49:37 1994", true, true },
	{ BEFORE, false, false },
	{ AFTER, false, false }, /* a date counts when it is the same (§13.1.5) */
	{ "yesterday", false, false },
};

static void test_if_range(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
		struct conditions c = { .if_range = ranges[i].if_range };

		if (precondition_range(&c, &strong) != ranges[i].of_strong ||
			precondition_range(&c, &weak) != ranges[i].of_weak)
			fail_msg("If-Range: %s", c.if_range ? c.if_range : "(none)");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates_read),
		cmocka_unit_test(test_short_years),
		cmocka_unit_test(test_dates_written),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_if_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
