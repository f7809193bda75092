/*
 * Range, by a table of headers and what RFC 9110 §14.1.2 makes of them, and against a judge that looks at each byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "lib/web/range.h"

#define HUGE_NUMBER "99999999999999999999999999"

enum { WHOLE = RANGE_WHOLE, PART = RANGE_PART, REFUSED = RANGE_UNSATISFIABLE };

static const struct {
	const char *field;
	uint64_t size;
	int kind;
	uint64_t first, len;
	bool is_plain;
} cases[] = {
	/* the examples of §14.1.2, for a representation of 10,000 bytes */
	{ "bytes=0-499", 10000, PART, 0, 500, true },
	{ "bytes=500-999", 10000, PART, 500, 500, true },
	{ "bytes=-500", 10000, PART, 9500, 500, true },
	{ "bytes=9500-", 10000, PART, 9500, 500, true },
	{ "bytes=0-0,-1", 10000, WHOLE, 0, 10000, false },
	{ "bytes= 0-999, 4500-5499, -1000", 10000, WHOLE, 0, 10000, false },
	{ "bytes=500-600,601-999", 10000, WHOLE, 0, 10000, false },
	/* no range */
	{ NULL, 10, WHOLE, 0, 10, true },
	{ "", 10, WHOLE, 0, 10, false },
	{ "bytes", 10, WHOLE, 0, 10, false },
	{ "items=0-1", 10, WHOLE, 0, 10, false },
	{ "byte=0-1", 10, WHOLE, 0, 10, false },
	{ "bytes 0-1", 10, WHOLE, 0, 10, false },
	{ " bytes=0-1", 10, WHOLE, 0, 10, false },
	/* ends */
	{ "bytes=0-", 10, PART, 0, 10, true },
	{ "bytes=0-9", 10, PART, 0, 10, true },
	{ "bytes=0-10", 10, PART, 0, 10, true },
	{ "bytes=9-9", 10, PART, 9, 1, true },
	{ "bytes=9-", 10, PART, 9, 1, true },
	{ "bytes=10-", 10, REFUSED, 0, 0, false },
	{ "bytes=10-20", 10, REFUSED, 0, 0, false },
	{ "bytes=-1", 10, PART, 9, 1, true },
	{ "bytes=-10", 10, PART, 0, 10, true },
	{ "bytes=-11", 10, PART, 0, 10, true },
	{ "bytes=-0", 10, REFUSED, 0, 0, false },
	{ "BYTES=1-2", 10, PART, 1, 2, true },
	{ "bytes=007-008", 10, PART, 7, 2, true },
	/* nothing to take a part of */
	{ "bytes=0-", 0, REFUSED, 0, 0, false },
	{ "bytes=0-0", 0, REFUSED, 0, 0, false },
	{ "bytes=-5", 0, WHOLE, 0, 0, false },
	{ "bytes=-0", 0, REFUSED, 0, 0, false },
	/* large */
	{ "bytes=4294967296-4294967296", 4294967297, PART, 4294967296, 1, true },
	{ "bytes=2147483648-", 4294967296, PART, 2147483648, 2147483648, true },
	{ "bytes=18446744073709551614-", UINT64_MAX, PART, UINT64_MAX - 1, 1, false },
	{ "bytes=18446744073709551615-", UINT64_MAX, REFUSED, 0, 0, false },
	{ "bytes=1-18446744073709551616", 10, PART, 1, 9, false },
	{ "bytes=1-" HUGE_NUMBER, 10, PART, 1, 9, false },
	{ "bytes=-" HUGE_NUMBER, 10, PART, 0, 10, false },
	{ "bytes=" HUGE_NUMBER "-", 10, REFUSED, 0, 0, false },
	{ "bytes=1-999999999999999999", 10, PART, 1, 9, true },
	{ "bytes=1-1000000000000000000", 10, PART, 1, 9, false },
	/* spaces and empty elements */
	{ "bytes= 1-2", 10, PART, 1, 2, false },
	{ "bytes=1-2 ", 10, PART, 1, 2, false },
	{ "bytes=\t1-2", 10, PART, 1, 2, false },
	{ "bytes=,1-2", 10, PART, 1, 2, false },
	{ "bytes=1-2,", 10, PART, 1, 2, false },
	{ "bytes=, ,1-2 , ,", 10, PART, 1, 2, false },
	/* malformed */
	{ "bytes=", 10, REFUSED, 0, 0, false },
	{ "bytes=,", 10, REFUSED, 0, 0, false },
	{ "bytes=-", 10, REFUSED, 0, 0, false },
	{ "bytes=5", 10, REFUSED, 0, 0, false },
	{ "bytes=a-b", 10, REFUSED, 0, 0, false },
	{ "bytes=2-1", 10, REFUSED, 0, 0, false },
	{ "bytes=20-19", 10, REFUSED, 0, 0, false },
	{ "bytes=1-2x", 10, REFUSED, 0, 0, false },
	{ "bytes=1-2 3", 10, REFUSED, 0, 0, false },
	{ "bytes=1 -2", 10, REFUSED, 0, 0, false },
	{ "bytes=1- 2", 10, REFUSED, 0, 0, false },
	{ "bytes=+1-2", 10, REFUSED, 0, 0, false },
	{ "bytes=1--2", 10, REFUSED, 0, 0, false },
	{ "bytes=--2", 10, REFUSED, 0, 0, false },
	{ "bytes=1-2;3-4", 10, REFUSED, 0, 0, false },
	{ "bytes=0-1,x", 10, REFUSED, 0, 0, false },
	{ "bytes=0-1,2-3,3-2", 10, REFUSED, 0, 0, false },
	{ "bytes=0x1-2", 10, REFUSED, 0, 0, false },
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct range r;
		int kind = (int)range_read(cases[i].field, cases[i].size, &r);

		if (kind != cases[i].kind || r.first != cases[i].first || r.len != cases[i].len ||
			r.is_plain != cases[i].is_plain)
			fail_msg("%s of %llu: %d, %llu + %llu, %s",
				cases[i].field ? cases[i].field : "(none)",
				(unsigned long long)cases[i].size, kind,
				(unsigned long long)r.first, (unsigned long long)r.len,
				r.is_plain ? "plain" : "not plain");
	}
}

enum { SIZES = 7, OPEN = SIZES + 1 };

/* Whether byte `at` is one of FIRST-LAST; either may be OPEN. */
static bool is_asked(int first, int last, int at, int size)
{
	if (first == OPEN)
		return at >= size - last;
	return at >= first && (last == OPEN || at <= last);
}

static void check_pair(int first, int last, int size)
{
	char field[32], a[12] = "", b[12] = "";
	struct range r;
	int n = 0;

	if (first != OPEN)
		snprintf(a, sizeof a, "%d", first);
	if (last != OPEN)
		snprintf(b, sizeof b, "%d", last);
	snprintf(field, sizeof field, "bytes=%s-%s", a, b);
	enum range_kind kind = range_read(field, (uint64_t)size, &r);

	for (int at = 0; at < size; at++) {
		bool is_in = (uint64_t)at >= r.first && (uint64_t)at - r.first < r.len;

		n += is_asked(first, last, at, size);
		if (kind == RANGE_PART)
			assert_int_equal(is_in, is_asked(first, last, at, size));
	}
	bool is_wrong =
		(first == OPEN && last == OPEN) || (first != OPEN && last != OPEN && first > last);
	bool is_suffix_of_nothing = size == 0 && first == OPEN && last > 0;

	if (is_wrong || (n == 0 && !is_suffix_of_nothing))
		assert_int_equal(kind, RANGE_UNSATISFIABLE);
	else
		assert_int_equal(kind, n > 0 ? RANGE_PART : RANGE_WHOLE);
}

static void test_every_small_range(void **state)
{
	(void)state;
	for (int size = 0; size < SIZES; size++)
		for (int first = 0; first <= OPEN; first++)
			for (int last = 0; last <= OPEN; last++)
				check_pair(first, last, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_every_small_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
