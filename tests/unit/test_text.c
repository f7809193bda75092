/*
 * Every type's text: edges by hand, and calendar and digits against independent ways to get them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/format/text.h"

#define DAY_US INT64_C(86400000000)

static char out[2048];

/* What stands behind the room that a writer was promised must stay. */
static char *guarded(size_t room)
{
	memset(out, '~', sizeof out);
	assert_true(room < sizeof out);
	return out;
}

static void is_text(const char *end, size_t room, const char *expected)
{
	assert_true((size_t)(end - out) <= room);
	for (size_t i = room; i < sizeof out; i++)
		assert_int_equal(out[i], '~');
	out[end - out] = '\0';
	assert_string_equal(out, expected);
}

#define IS(room, call, expected) (guarded(room), is_text(call, room, expected))

static void integers(void **s)
{
	(void)s;
	IS(TEXT_BOOL, text_bool(out, true), "true");
	IS(TEXT_BOOL, text_bool(out, false), "false");
	IS(TEXT_INT16, text_int16(out, 0), "0");
	IS(TEXT_INT16, text_int16(out, INT16_MAX), "32767");
	IS(TEXT_INT16, text_int16(out, INT16_MIN), "-32768");
	IS(TEXT_INT32, text_int32(out, INT32_MAX), "2147483647");
	IS(TEXT_INT32, text_int32(out, INT32_MIN), "-2147483648");
	IS(TEXT_INT64, text_int64(out, INT64_MAX), "9223372036854775807");
	IS(TEXT_INT64, text_int64(out, INT64_MIN), "-9223372036854775808");
}

/* Each power of ten and its neighbours, each power of two, and as many random ones. */
static void integers_as_printf(void **s)
{
	char expected[32];
	uint64_t x = 1;

	(void)s;
	for (int i = 0; i < 20000; i++) {
		int64_t v;

		if (i < 19 * 3) {
			v = i % 3 - 1;
			int64_t power = 1;
			for (int k = 0; k < i / 3; k++)
				power *= 10;
			v += power;
		} else {
			x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
			v = (int64_t)x >> i % 64;
		}
		snprintf(expected, sizeof expected, "%lld", (long long)v);
		IS(TEXT_INT64, text_int64(out, v), expected);
		snprintf(expected, sizeof expected, "%d", (int)(int32_t)v);
		IS(TEXT_INT32, text_int32(out, (int32_t)v), expected);
		snprintf(expected, sizeof expected, "%d", (int)(int16_t)v);
		IS(TEXT_INT16, text_int16(out, (int16_t)v), expected);
	}
}

static __int128 e10(int k)
{
	return k ? 10 * e10(k - 1) : 1;
}

static void decimals(void **s)
{
	const __int128 most = e10(38) - 1;

	(void)s;
#define DECIMAL(v, scale, expected)                                                                \
	IS(text_decimal_room(scale), text_decimal(out, v, scale), expected)
	DECIMAL(0, 0, "0");
	DECIMAL(0, 2, "0.00");
	DECIMAL(0, 10, "0.0000000000");
	DECIMAL(0, -2, "0");
	DECIMAL(50, 2, "0.50");
	DECIMAL(-50, 2, "-0.50");
	DECIMAL(5, 1, "0.5");
	DECIMAL(5, 3, "0.005");
	DECIMAL(123, 2, "1.23");
	DECIMAL(-123, 0, "-123");
	DECIMAL(123, -2, "12300");
	DECIMAL(1, 8, "0.00000001");
	DECIMAL(1, 9, "0.000000001");
	DECIMAL(INT64_MAX, 8, "92233720368.54775807");
	DECIMAL((__int128)UINT64_MAX, 8, "184467440737.09551615");
	DECIMAL((__int128)UINT64_MAX + 1, 8, "184467440737.09551616");
	DECIMAL((__int128)UINT64_MAX, 19, "1.8446744073709551615");
	DECIMAL((__int128)UINT64_MAX, 20, "0.18446744073709551615");
	DECIMAL(most, 0, "99999999999999999999999999999999999999");
	DECIMAL(-most, 0, "-99999999999999999999999999999999999999");
	DECIMAL(-most, 2, "-999999999999999999999999999999999999.99");
	DECIMAL(most, 38, "0.99999999999999999999999999999999999999");
	DECIMAL(-most, 40, "-0.0099999999999999999999999999999999999999");
	DECIMAL(most, -3, "99999999999999999999999999999999999999000");
	DECIMAL(e10(32), 0, "100000000000000000000000000000000");
	DECIMAL(e10(32) + 7, 16, "10000000000000000.0000000000000007");
	DECIMAL(DECIMAL_NAN, 2, "NaN");
	DECIMAL(-1, 44, "-0.00000000000000000000000000000000000000000001");
}

/* Scales that no digits reach: 0.000…7 and 7000…0. */
static void decimals_of_scale_1000(void **s)
{
	char expected[1100];

	(void)s;
	memset(expected, '0', sizeof expected);
	memcpy(expected, "-0.", 3);
	expected[3 + 999] = '7';
	expected[3 + 1000] = '\0';
	IS(text_decimal_room(1000), text_decimal(out, -7, 1000), expected);
	memset(expected, '0', sizeof expected);
	expected[0] = '7';
	expected[1 + 1000] = '\0';
	IS(text_decimal_room(-1000), text_decimal(out, 7, -1000), expected);
}

static void dates(void **s)
{
	(void)s;
#define DATE(v, expected) IS(TEXT_DATE, text_date(out, v), expected)
	DATE(0, "1970-01-01");
	DATE(-1, "1969-12-31");
	DATE(10957, "2000-01-01");
	DATE(11016, "2000-02-29");
	DATE(11017, "2000-03-01");
	DATE(47540, "2100-02-28");
	DATE(47541, "2100-03-01");
	DATE(2932896, "9999-12-31");
	DATE(2932897, "10000-01-01");
	DATE(106741034 + 10957 - 1, "294247-01-09");
	DATE(2145042905, "5874897-12-31");
	DATE(-719162, "0001-01-01");
	DATE(-719163, "0001-12-31 BC");
	DATE(-719528, "0001-01-01 BC");
	DATE(-719529, "0002-12-31 BC");
	DATE(-735160, "0044-03-15 BC");
	DATE(-2440588, "4714-11-24 BC");
	DATE(-4371222, "9999-01-01 BC");
	DATE(-4371223, "10000-12-31 BC");
	DATE(INT32_MAX, "infinity");
	DATE(INT32_MIN, "-infinity");
	DATE(INT32_MAX - 1, "5881580-07-10");
	DATE(INT32_MIN + 1, "5877642-06-24 BC");
}

/* Day after day as people count them, from 4714 BC to 10100, against the formula. */
static void dates_in_a_row(void **s)
{
	int year = -4713, month = 11, day = 24; /* astronomical: 0 is 1 BC */
	char expected[64];

	(void)s;
	for (int32_t days = -2440588; year < 10100; days++) {
		static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
		bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

		snprintf(expected, sizeof expected, "%04d-%02d-%02d%s", year > 0 ? year : 1 - year,
			month, day, year > 0 ? "" : " BC");
		*text_date(out, days) = '\0';
		if (strcmp(out, expected) != 0)
			fail_msg("day %d: %s, not %s", days, out, expected);
		if (++day > lengths[month - 1] + (month == 2 && is_leap)) {
			day = 1;
			if (++month > 12) {
				month = 1;
				year++;
			}
		}
	}
}

static void times(void **s)
{
	(void)s;
#define TIME(v, expected) IS(TEXT_TIME, text_time(out, v), expected)
	TIME(0, "00:00:00");
	TIME(1, "00:00:00.000001");
	TIME(500000, "00:00:00.5");
	TIME(123456, "00:00:00.123456");
	TIME(100, "00:00:00.0001");
	TIME(DAY_US - 1, "23:59:59.999999");
	TIME(DAY_US, "24:00:00");
	TIME(-1000000, "-00:00:01");
	TIME(INT64_C(838) * 3600000000 + 59 * INT64_C(61000000), "838:59:59");
	TIME(INT64_C(100) * 3600000000, "100:00:00");
	TIME(INT64_C(100) * 3600000000 - 1, "99:59:59.999999");
	TIME(INT64_MAX, "2562047788:00:54.775807");
	TIME(INT64_MIN, "-2562047788:00:54.775808");
}

static void timestamps(void **s)
{
	(void)s;
#define STAMP(v, expected)   IS(TEXT_TIMESTAMP, text_timestamp(out, v), expected)
#define STAMPTZ(v, expected) IS(TEXT_TIMESTAMP, text_timestamptz(out, v), expected)
	STAMP(0, "2000-01-01T00:00:00");
	STAMPTZ(0, "2000-01-01T00:00:00Z");
	STAMP(-1, "1999-12-31T23:59:59.999999");
	STAMP(-TIMESTAMP_UNIX_SHIFT, "1970-01-01T00:00:00");
	STAMP(250000, "2000-01-01T00:00:00.25");
	STAMPTZ(250000, "2000-01-01T00:00:00.25Z");
	STAMP(8766 * DAY_US, "2024-01-01T00:00:00");
	STAMP(INT64_MAX, "infinity");
	STAMP(INT64_MIN, "-infinity");
	STAMPTZ(INT64_MAX, "infinity");
	STAMPTZ(INT64_MIN, "-infinity");
	STAMP(-746117 * DAY_US, "0044-03-15T00:00:00 BC");
	STAMPTZ(-746117 * DAY_US, "0044-03-15T00:00:00Z BC");
	STAMP(INT64_C(-211813488000000000), "4714-11-24T00:00:00 BC"); /* PostgreSQL's first */
	STAMPTZ(INT64_C(9223371331200000000) - 1, "294276-12-31T23:59:59.999999Z"); /* and last */
	STAMPTZ(INT64_MAX - 1, "294277-01-09T04:00:54.775806Z");
	STAMPTZ(INT64_MIN + 1, "290279-12-22T19:59:05.224193Z BC");
}

/* Fixed offsets, and the clock that a zone shows; zones themselves: test_zone.c. */
static void timestamps_in_zones(void **s)
{
	static const struct {
		const char *zone;
		int64_t v;
		const char *expected;
	} each[] = {
		{ "+00:00", 0, "2000-01-01T00:00:00+00:00" },
		{ "+01:00", 8766 * DAY_US, "2024-01-01T01:00:00+01:00" },
		{ "-03:30", 250000, "1999-12-31T20:30:00.25-03:30" },
		{ "+23:59", -1, "2000-01-01T23:58:59.999999+23:59" },
		{ "-00:01", 60000000, "2000-01-01T00:00:00-00:01" },
		{ "-00:01", 59999999, "1999-12-31T23:59:59.999999-00:01" },
		{ "+00:01", DAY_US - 60000000, "2000-01-02T00:00:00+00:01" },
		{ "+05:45", TIMESTAMP_INFINITY, "infinity" },
		{ "+05:45", TIMESTAMP_NEGATIVE_INFINITY, "-infinity" },
		{ "+05:45", -746117 * DAY_US, "0044-03-15T05:45:00+05:45 BC" },
		{ "-01:00", -730119 * DAY_US, "0001-12-31T23:00:00-01:00 BC" }, /* of AD 1 in UTC */
		{ "+01:00", -730119 * DAY_US - 1, "0001-01-01T00:59:59.999999+01:00" },
		{ "+14:00", INT64_C(9223371331200000000) - 1,
			"294277-01-01T13:59:59.999999+14:00" },
		{ "+23:59", INT64_MAX - 1, "294277-01-10T03:59:54.775806+23:59" },
		{ "-23:59", INT64_MIN + 1, "290279-12-21T20:00:05.224193-23:59 BC" },
		{ "Europe/Berlin", 8766 * DAY_US, "2024-01-01T01:00:00+01:00" },
		{ "Europe/Berlin", 8948 * DAY_US, "2024-07-01T02:00:00+02:00" },
		{ "America/St_Johns", 8766 * DAY_US, "2023-12-31T20:30:00-03:30" },
		/* 53:28 east: the whole minutes are the offset, and the clock agrees with it */
		{ "Europe/Berlin", -INT64_C(4733510400000000), "1850-01-01T00:53:00+00:53" },
		/* 4:56:02 west */
		{ "America/New_York", -INT64_C(4733510400000000), "1849-12-31T19:03:00-04:57" },
	};

	(void)s;
	for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
		struct zone *zone = zone_open(each[i].zone, NULL);

		assert_non_null(zone);
		IS(TEXT_TIMESTAMP, text_timestamptz_in(out, each[i].v, zone), each[i].expected);
		zone_close(zone);
	}
	STAMPTZ(0, "2000-01-01T00:00:00Z");
	IS(TEXT_TIMESTAMP, text_timestamptz_in(out, 0, NULL), "2000-01-01T00:00:00Z");
}

/* Without an offset beside it the clock is told as it was, seconds and all. */
static void local_clocks(void **s)
{
	/* 1970-01-01 and -0.5 s */
	const int64_t before = -TIMESTAMP_UNIX_SHIFT - 500000;
	struct zone *zone = zone_open("Africa/Monrovia", NULL);

	(void)s;
	assert_non_null(zone);
	IS(TEXT_TIMESTAMP, text_local_time(out, before, zone), "1969-12-31T23:15:29.5");
	IS(TEXT_TIMESTAMP, text_timestamptz_in(out, before, zone), "1969-12-31T23:14:59.5-00:45");
	IS(TEXT_TIMESTAMP, text_local_time(out, 0, zone), "2000-01-01T00:00:00");
	IS(TEXT_TIMESTAMP, text_local_time(out, TIMESTAMP_INFINITY, zone), "infinity");
	zone_close(zone);
	zone = zone_open("+05:30", NULL);
	IS(TEXT_TIMESTAMP, text_local_time(out, 0, zone), "2000-01-01T05:30:00");
	IS(TEXT_TIMESTAMP, text_local_time(out, INT64_C(-63113904000000000) - 1000000, zone),
		"0001-01-01T05:29:59 BC");
	zone_close(zone);
	IS(TEXT_TIMESTAMP, text_local_time(out, 0, NULL), "2000-01-01T00:00:00");
}

static void intervals(void **s)
{
	(void)s;
#define INTERVAL(expected, months, days, us)                                                       \
	IS(TEXT_INTERVAL, text_interval(out, &(struct interval){ us, days, months }), expected)
	INTERVAL("PT0S", 0, 0, 0);
	INTERVAL("P1Y2M-3DT4H5M6.7S", 14, -3, INT64_C(14706700000));
	INTERVAL("P1Y", 12, 0, 0);
	INTERVAL("P-1Y-1M", -13, 0, 0);
	INTERVAL("P11M", 11, 0, 0);
	INTERVAL("P1D", 0, 1, 0);
	INTERVAL("PT-1S", 0, 0, -1000000);
	INTERVAL("PT-0.5S", 0, 0, -500000);
	INTERVAL("PT0.000001S", 0, 0, 1);
	INTERVAL("PT1H", 0, 0, INT64_C(3600000000));
	INTERVAL("PT1M", 0, 0, 60000000);
	INTERVAL("PT-1M-0.25S", 0, 0, -60250000);
	INTERVAL("P-178956970Y-8M-2147483648DT-2562047788H-54.775808S", INT32_MIN, INT32_MIN,
		INT64_MIN);
	INTERVAL("P178956970Y7M2147483647DT2562047788H54.775807S", INT32_MAX, INT32_MAX, INT64_MAX);
	/* the longest there is */
	INTERVAL("P-178956969Y-11M-2147483648DT-2562047787H-59M-59.999999S", -178956969 * 12 - 11,
		INT32_MIN, -(INT64_C(2562047788) * 3600000000 - 1));
}

static void bytes(void **s)
{
	static const uint8_t uuid[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
		0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
	uint8_t in[256];
	char expected[600];

	(void)s;
	IS(TEXT_UUID, text_uuid(out, uuid), "00112233-4455-6677-8899-aabbccddeeff");
	for (int i = 0; i < 256; i++)
		in[i] = (uint8_t)(i * 7 + 3);
	for (size_t len = 0; len <= 256; len++) {
		for (size_t i = 0; i < len; i++)
			snprintf(expected + 2 * i, 3, "%02x", in[i]);
		expected[2 * len] = '\0';
		IS(2 * len, text_hex(out, in, len), expected);
	}
}

/* Decoded by the library, and in pieces the same as at once. */
static void base64(void **s)
{
	static const char *const vectors[] = { "", "", "f", "Zg==", "fo", "Zm8=", "foo", "Zm9v",
		"foob", "Zm9vYg==", "fooba", "Zm9vYmE=", "foobar",
		"Zm9vYmFy" }; /* RFC 4648 section 10 */
	uint8_t in[256], back[400];
	char whole[400];

	(void)s;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i += 2) {
		size_t len = strlen(vectors[i]);

		IS(text_base64_room(len), text_base64(out, (const uint8_t *)vectors[i], len),
			vectors[i + 1]);
	}
	for (int i = 0; i < 256; i++)
		in[i] = (uint8_t)(i * 89);
	for (size_t len = 1; len <= 256; len++) {
		size_t n = (size_t)(text_base64(whole, in, len) - whole), cut = len / 6 * 3;

		assert_int_equal(EVP_DecodeBlock(back, (const uint8_t *)whole, (int)n), n / 4 * 3);
		assert_memory_equal(back, in, len);
		char *end = text_base64(text_base64(out, in, cut), in + cut, len - cut);

		assert_int_equal(end - out, n);
		assert_memory_equal(out, whole, n);
	}
}

/* text_value and text_room agree with the writers for each fixed-width type. */
static void values(void **s)
{
	static const struct {
		enum type type;
		const char *expected;
	} each[] = { { TYPE_BOOL, "true" }, { TYPE_INT16, "-7" }, { TYPE_INT32, "-7" },
		{ TYPE_INT64, "-7" }, { TYPE_FLOAT32, "0.1" }, { TYPE_FLOAT64, "0.1" },
		{ TYPE_DECIMAL128, "-0.7" }, { TYPE_DATE32, "1969-12-25" },
		{ TYPE_TIME64, "-00:00:00.000007" },
		{ TYPE_TIMESTAMP, "1999-12-31T23:59:59.999993" },
		{ TYPE_TIMESTAMPTZ, "1999-12-31T23:59:59.999993Z" },
		{ TYPE_INTERVAL, "P-8M-8DT-0.000008S" },
		{ TYPE_UUID, "f9ffffff-ffff-ffff-ffff-ffffffffffff" } };

	(void)s;
	for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
		__int128 seven = -7;
		struct interval v = { -8, -8, -8 };
		struct field field = { .name = "x", .type = each[i].type, .scale = 1 };
		struct schema schema = { &field, 1 };
		struct batch b;

		batch_init(&b, &schema);
		struct column *c = &b.columns[0];

		switch (field.type) {
		case TYPE_BOOL: column_put_bool(c, 1, true); break;
		case TYPE_FLOAT32: COLUMN_PUT(c, float, 1, 0.1f); break;
		case TYPE_FLOAT64: COLUMN_PUT(c, double, 1, 0.1); break;
		case TYPE_INTERVAL: COLUMN_PUT(c, struct interval, 1, v); break;
		default: memcpy(c->data + c->width, &seven, c->width); break;
		}
		IS(text_room(&field), text_value(out, c, 1, 1), each[i].expected);
		batch_free(&b);
	}
	for (enum type t = 0; t < TYPES_N; t++)
		assert_int_equal(text_room(&(struct field){ .type = t }) == 0, type_is_variable(t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers),
		cmocka_unit_test(integers_as_printf),
		cmocka_unit_test(decimals),
		cmocka_unit_test(decimals_of_scale_1000),
		cmocka_unit_test(dates),
		cmocka_unit_test(dates_in_a_row),
		cmocka_unit_test(times),
		cmocka_unit_test(timestamps),
		cmocka_unit_test(timestamps_in_zones),
		cmocka_unit_test(local_clocks),
		cmocka_unit_test(intervals),
		cmocka_unit_test(bytes),
		cmocka_unit_test(base64),
		cmocka_unit_test(values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
