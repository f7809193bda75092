/*
 * Float text: its spelling by hand (PostgreSQL 15's float8out and float4out), its digits against
 * the C library: the least number of digits that reads back, rounded as printf rounds, and is not
 * half-way to a neighbour.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/format/float.h"
#include "lib/format/text.h"

static char out[256];

static void is_text(const char *end, size_t room, const char *expected)
{
	assert_true((size_t)(end - out) <= room);
	for (size_t i = room; i < sizeof out; i++)
		assert_int_equal(out[i], '~');
	out[end - out] = '\0';
	assert_string_equal(out, expected);
}

#define IS_64(v, expected)                                                                         \
	(memset(out, '~', sizeof out), is_text(text_float64(out, v), TEXT_FLOAT64, expected))
#define IS_32(v, expected)                                                                         \
	(memset(out, '~', sizeof out), is_text(text_float32(out, v), TEXT_FLOAT32, expected))

static void spelling_64(void **s)
{
	(void)s;
	IS_64(0.0, "0");
	IS_64(-0.0, "-0");
	IS_64(1.0, "1");
	IS_64(-1.5, "-1.5");
	IS_64(0.1, "0.1");
	IS_64(0.3, "0.3");
	IS_64(0.1 + 0.2, "0.30000000000000004");
	IS_64(100.0, "100");
	IS_64(0.0001, "0.0001");
	IS_64(0.00012345678901234567, "0.00012345678901234567");
	IS_64(0.00001, "1e-05");
	IS_64(1.25e-7, "1.25e-07");
	IS_64(999999999999999.0, "999999999999999");
	IS_64(-999999999999999.0, "-999999999999999");
	IS_64(99999999999999.98, "99999999999999.98");
	IS_64(1e15, "1e+15");
	IS_64(1234567890123456.0, "1.234567890123456e+15");
	IS_64(9007199254740993.0, "9.007199254740992e+15");
	IS_64(1e20, "1e+20");
	IS_64(1e22, "1e+22");
	IS_64(1e23, "9.999999999999999e+22"); /* 1e23 is half-way between two doubles */
	IS_64(1e100, "1e+100");
	IS_64(1e-100, "1e-100");
	IS_64(DBL_MAX, "1.7976931348623157e+308");
	IS_64(-DBL_MAX, "-1.7976931348623157e+308");
	IS_64(DBL_MIN, "2.2250738585072014e-308");
	IS_64(4.9e-324, "5e-324");
	IS_64(-2.2250738585072009e-308, "-2.225073858507201e-308");
	IS_64(NAN, "NaN");
	IS_64(-NAN, "NaN");
	IS_64(INFINITY, "Infinity");
	IS_64(-INFINITY, "-Infinity");
}

static void spelling_32(void **s)
{
	(void)s;
	IS_32(0.0f, "0");
	IS_32(-0.0f, "-0");
	IS_32(0.1f, "0.1");
	IS_32(-1.5f, "-1.5");
	IS_32(3.1415927f, "3.1415927");
	IS_32(999999.0f, "999999");
	IS_32(999999.94f, "999999.94");
	IS_32(1000000.0f, "1e+06");
	IS_32(16777216.0f, "1.6777216e+07");
	IS_32(0.0001f, "0.0001");
	IS_32(0.00001f, "1e-05");
	IS_32(FLT_MAX, "3.4028235e+38");
	IS_32(-FLT_MAX, "-3.4028235e+38");
	IS_32(FLT_MIN, "1.1754944e-38");
	IS_32(1e-45f, "1e-45");
	IS_32(NAN, "NaN");
	IS_32(-INFINITY, "-Infinity");
}

/* "-12.5e-07" to its digits, 125, and the power of ten of the first one, -6. */
static int digits_of(const char *text, char *digits)
{
	int n = 0, point = -1, exponent = 0;
	const char *p = text + (*text == '-');

	for (; *p && *p != 'e'; p++)
		if (*p == '.')
			point = n;
		else
			digits[n++] = *p;
	if (*p == 'e')
		exponent = (int)strtol(p + 1, NULL, 10);
	if (point < 0)
		point = n;
	int zeros = (int)strspn(digits, "0");

	while (n > 1 && digits[n - 1] == '0')
		n--;
	digits[n] = '\0';
	memmove(digits, digits + zeros, (size_t)(n - zeros + 1));
	return exponent + point - zeros - 1;
}

static void same_digits(const char *got, const char *expected)
{
	char a[128], b[128];
	int ea = digits_of(got, a), eb = digits_of(expected, b);

	if (ea != eb || strcmp(a, b) != 0)
		fail_msg("%s has not the digits of %s", got, expected);
}

/* Is the text exactly a + b over 2? Two neighbours have an exact sum in a long double. */
static bool is_half_way(const char *text, double a, double b)
{
	char half[128], x[128], y[128];

	snprintf(half, sizeof half, "%.60Le", ((long double)a + b) / 2);
	return digits_of(text, x) == digits_of(half, y) && strcmp(x, y) == 0;
}

static void judge_64(uint64_t bits)
{
	char expected[64];
	double v;

	memcpy(&v, &bits, 8);
	if (!isfinite(v) || v == 0)
		return;
	*text_float64(out, v) = '\0';
	assert_true(strtod(out, NULL) == v);
	if (bits << 12 == 0)
		return; /* a power of two: the nearest text may lie outside its lopsided interval */
	for (int n = 1; n <= 17; n++) {
		snprintf(expected, sizeof expected, "%.*e", n - 1, v);
		if (strtod(expected, NULL) == v &&
			!is_half_way(expected, v, nextafter(v, INFINITY)) &&
			!is_half_way(expected, v, nextafter(v, -INFINITY)))
			break;
	}
	same_digits(out, expected);
}

static void judge_32(uint32_t bits)
{
	char expected[64];
	float v;

	memcpy(&v, &bits, 4);
	if (!isfinite(v) || v == 0)
		return;
	*text_float32(out, v) = '\0';
	assert_true(strtof(out, NULL) == v);
	if (bits << 9 == 0)
		return;
	for (int n = 1; n <= 9; n++) {
		snprintf(expected, sizeof expected, "%.*e", n - 1, (double)v);
		if (strtof(expected, NULL) == v &&
			!is_half_way(expected, v, nextafterf(v, INFINITY)) &&
			!is_half_way(expected, v, nextafterf(v, -INFINITY)))
			break;
	}
	same_digits(out, expected);
}

static void digits_64(void **s)
{
	uint64_t x = 1;

	(void)s;
	for (int i = 0; i < 60000; i++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		judge_64(x ^ x >> 29);
	}
	for (uint64_t exponent = 0; exponent < 2047; exponent++)
		for (int step = -2; step <= 2; step++)
			judge_64((exponent << 52) + (uint64_t)(int64_t)step);
}

static void digits_32(void **s)
{
	(void)s;
	for (uint64_t bits = 0; bits < UINT32_MAX; bits += 60013)
		judge_32((uint32_t)bits);
	for (uint32_t exponent = 0; exponent < 255; exponent++)
		for (int step = -2; step <= 2; step++)
			judge_32((exponent << 23) + (uint32_t)step);
}

/* Numbers as people write them come back as they were written. */
static void few_digits(void **s)
{
	char expected[64];

	(void)s;
	for (int cents = -2000000; cents <= 2000000; cents += 37) {
		snprintf(expected, sizeof expected, "%.2f", cents / 100.0);
		*text_float64(out, strtod(expected, NULL)) = '\0';
		assert_true(strtod(out, NULL) == strtod(expected, NULL));
		same_digits(out, expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spelling_64),
		cmocka_unit_test(spelling_32),
		cmocka_unit_test(digits_64),
		cmocka_unit_test(digits_32),
		cmocka_unit_test(few_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
