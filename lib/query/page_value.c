/*
 * The calendar is the proleptic Gregorian one; years are counted with a year 0 (1 BC), as ISO 8601
 * does. Days are computed in eras of 400 years (146,097 days) whose years begin in March, so that
 * the leap day is a year's last.
 */
#include "lib/query/page_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"

enum {
	ERA_DAYS = 146097,
	EPOCH_DAYS = 730425 /* from 0000-03-01 to 2000-01-01 */
};

#define DAY_US INT64_C(86400000000)

/* PostgreSQL's src/include/datatype/timestamp.h: the first value, and the one behind the last. */
#define DATE_FIRST  INT64_C(-2451545)
#define DATE_END    INT64_C(2145031949)
#define STAMP_FIRST (DATE_FIRST * DAY_US)
#define STAMP_END   INT64_C(9223371331200000000)

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int64_t days_of(int64_t year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t era = floor_div(y, 400), of_era = y - era * 400;
	int of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAYS;
}

static void date_of(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t shifted = days + EPOCH_DAYS;
	int64_t era = floor_div(shifted, ERA_DAYS), of_era = shifted - era * ERA_DAYS;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int of_year = (int)(of_era - (365 * y + y / 4 - y / 100));
	int m = (5 * of_year + 2) / 153;

	*day = of_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = y + era * 400 + (*month <= 2);
}

bool page_number_valid(enum page_kind kind, int64_t value)
{
	if (kind == PAGE_INTEGER || value == INT64_MIN || value == INT64_MAX)
		return true;
	if (kind == PAGE_DATE)
		return value >= DATE_FIRST && value < DATE_END;
	return value >= STAMP_FIRST && value < STAMP_END;
}

/* Between min and max digits into *value; the position behind them, or NULL. s may be NULL. */
static const char *digits(const char *s, int min, int max, int64_t *value)
{
	int n = 0;

	if (!s)
		return NULL;
	for (*value = 0; n < max && s[n] >= '0' && s[n] <= '9'; n++)
		*value = *value * 10 + (s[n] - '0');
	return n < min ? NULL : s + n;
}

static const char *literal(const char *s, const char *expected)
{
	size_t len = strlen(expected);

	return s && strncmp(s, expected, len) == 0 ? s + len : NULL;
}

/* ".5" is 500,000 microseconds. */
static const char *fraction(const char *s, int64_t *us)
{
	const char *end = digits(s, 1, 6, us);

	for (long n = end ? end - s : 6; n < 6; n++)
		*us *= 10;
	return end;
}

/* The time of day behind a date: " 23:59:59.5". */
static const char *time_of_day(const char *s, int64_t *us)
{
	int64_t hour = 0, minute = 0, second = 0, micros = 0;

	s = digits(literal(s, " "), 2, 2, &hour);
	s = digits(literal(s, ":"), 2, 2, &minute);
	s = digits(literal(s, ":"), 2, 2, &second);
	if (s && *s == '.')
		s = fraction(s + 1, &micros);
	if (hour > 23 || minute > 59 || second > 59)
		return NULL;
	*us = ((hour * 60 + minute) * 60 + second) * 1000000 + micros;
	return s;
}

static bool parse_integer(const char *text, int64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 10);
	return !errno && end != text && !*end;
}

static bool parse_infinity(const char *text, int64_t *value)
{
	*value = *text == '-' ? INT64_MIN : INT64_MAX;
	return strcmp(text + (*text == '-'), "infinity") == 0;
}

static bool parse_time(enum page_kind kind, const char *text, int64_t *value)
{
	int64_t year = 0, month = 0, day = 0, us = 0;
	const char *s = digits(text, 4, 7, &year);

	s = digits(literal(s, "-"), 2, 2, &month);
	s = digits(literal(s, "-"), 2, 2, &day);
	if (kind != PAGE_DATE)
		s = time_of_day(s, &us);
	if (kind == PAGE_TIMESTAMPTZ)
		s = literal(s, "+00");
	if (s && *s) {
		s = literal(s, " BC");
		year = 1 - year;
	}
	if (!s || *s || month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	*value = days_of(year, (int)month, (int)day);
	return kind == PAGE_DATE || (!__builtin_mul_overflow(*value, DAY_US, value) &&
					    !__builtin_add_overflow(*value, us, value));
}

bool page_number_parse(enum page_kind kind, const char *text, int64_t *value)
{
	if (kind == PAGE_INTEGER)
		return parse_integer(text, value);
	if (parse_infinity(text, value))
		return true;
	return parse_time(kind, text, value) && page_number_valid(kind, *value);
}

static void put_time_of_day(struct buf *b, int64_t us)
{
	int64_t seconds = us / 1000000;
	int micros = (int)(us % 1000000), width = 6;

	buf_printf(b, " %02d:%02d:%02d", (int)(seconds / 3600), (int)(seconds / 60 % 60),
		(int)(seconds % 60));
	if (!micros)
		return;
	for (; micros % 10 == 0; width--)
		micros /= 10;
	buf_printf(b, ".%0*d", width, micros);
}

static void put_time(struct buf *b, enum page_kind kind, int64_t value)
{
	int64_t days = kind == PAGE_DATE ? value : floor_div(value, DAY_US), year;
	int month, day;

	date_of(days, &year, &month, &day);
	buf_printf(b, "%04" PRId64 "-%02d-%02d", year > 0 ? year : 1 - year, month, day);
	if (kind != PAGE_DATE)
		put_time_of_day(b, value - days * DAY_US);
	if (kind == PAGE_TIMESTAMPTZ)
		buf_puts(b, "+00");
	if (year <= 0)
		buf_puts(b, " BC");
}

const char *page_number_text(struct arena *a, enum page_kind kind, int64_t value)
{
	struct buf b = { 0 };

	if (kind == PAGE_INTEGER)
		return arena_printf(a, "%" PRId64, value);
	if (value == INT64_MIN || value == INT64_MAX)
		return value < 0 ? "-infinity" : "infinity";
	put_time(&b, kind, value);
	const char *text = arena_strndup(a, b.data, b.len);

	buf_free(&b);
	return text;
}

/* Where the hyphens stand, before these bytes. */
static bool is_group(int byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool page_uuid_parse(const char *text, uint8_t out[PAGE_UUID_BYTES])
{
	for (int i = 0; i < PAGE_UUID_BYTES; i++) {
		if (is_group(i) && *text++ != '-')
			return false;
		int high = hex_digit(*text), low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	return !*text;
}

const char *page_uuid_text(struct arena *a, const uint8_t bytes[PAGE_UUID_BYTES])
{
	static const char hex[] = "0123456789abcdef";
	char text[UUID_TEXT], *to = text;

	for (int i = 0; i < PAGE_UUID_BYTES; i++) {
		if (is_group(i))
			*to++ = '-';
		*to++ = hex[bytes[i] >> 4];
		*to++ = hex[bytes[i] & 15];
	}
	return arena_strndup(a, text, (size_t)(to - text));
}
