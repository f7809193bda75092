#include "lib/format/text.h"

#include <assert.h>
#include <openssl/evp.h>

#include "lib/format/digits.h"
#include "lib/format/float.h"

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_DAY    (86400 * US_PER_SECOND)
#define E16           UINT64_C(10000000000000000)

static char *put(char *out, const char *text, size_t len)
{
	memcpy(out, text, len);
	return out + len;
}
#define PUT(out, literal) put(out, literal, sizeof literal - 1)

static char *put_pair(char *out, unsigned v)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";

	memcpy(out, pairs + 2 * v, 2);
	return out + 2;
}

char *text_bool(char *out, bool v)
{
	static const char texts[2][8] = { "false", "true" };

	/* No branch: a column of flags would be guessed wrong half of the time. */
	memcpy(out, texts[v], 8);
	return out + 5 - v;
}

char *text_int16(char *out, int16_t v)
{
	*out = '-';
	return digits_put_short(out + (v < 0), (uint32_t)(v < 0 ? -v : v));
}

char *text_int32(char *out, int32_t v)
{
	return text_int64(out, v);
}

char *text_int64(char *out, int64_t v)
{
	*out = '-';
	return digits_put(out + (v < 0), v < 0 ? -(uint64_t)v : (uint64_t)v);
}

/* ---- decimals */

static const uint32_t power_of_10[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000,
	100000000 };

/* All digits, without leading zeros; room for 40. */
static char *put_digits_128(char *out, unsigned __int128 v)
{
	if (v <= UINT64_MAX)
		return digits_put(out, (uint64_t)v);
	unsigned __int128 high = v / E16;

	if (high < E16) {
		out = digits_put(out, (uint64_t)high);
	} else {
		out = digits_put(out, (uint64_t)(high / E16));
		out = digits_put_16(out, (uint64_t)(high % E16));
	}
	return digits_put_16(out, (uint64_t)(v % E16));
}

/* Any size, any scale. */
static char *put_decimal(char *out, unsigned __int128 v, int scale)
{
	char digits[48];
	int len = (int)(put_digits_128(digits, v) - digits);

	if (scale <= 0) {
		out = put(out, digits, (size_t)len);
		if (v == 0)
			return out;
		memset(out, '0', (size_t)-scale);
		return out - scale;
	}
	if (len > scale) {
		out = put(out, digits, (size_t)(len - scale));
		*out++ = '.';
		return put(out, digits + len - scale, (size_t)scale);
	}
	out = PUT(out, "0.");
	memset(out, '0', (size_t)(scale - len));
	return put(out + scale - len, digits, (size_t)len);
}

char *text_decimal(char *out, __int128 v, int scale)
{
	if (v == DECIMAL_NAN)
		return PUT(out, "NaN");
	unsigned __int128 u = v < 0 ? -(unsigned __int128)v : (unsigned __int128)v;

	*out = '-';
	out += v < 0;
	if (u > UINT64_MAX || scale <= 0 || scale > 8)
		return put_decimal(out, u, scale);
	uint32_t unit = power_of_10[scale];

	out = digits_put(out, (uint64_t)u / unit);
	*out++ = '.';
	digits_store(out, digits_8((uint32_t)((uint64_t)u % unit * power_of_10[8 - scale])));
	return out + scale;
}

/* ---- dates and times */

/* Days since 1970-01-01 in the proleptic Gregorian calendar, after Neri and Schneider, "Euclidean
 * affine functions and their application to calendar algorithms" (2022): years begin in March,
 * and the count is moved by whole 400-year cycles so that nothing is negative. */
static char *put_ymd(char *out, int32_t days, bool *is_bc)
{
	enum { CYCLES = 14704, CYCLE_DAYS = 146097, TO_MARCH_0 = 719468 };
	uint64_t n = (uint64_t)(days + INT64_C(1) * CYCLES * CYCLE_DAYS + TO_MARCH_0) * 4 + 3;
	uint32_t century = (uint32_t)(n / CYCLE_DAYS);
	uint64_t p = UINT64_C(2939745) * ((uint32_t)(n % CYCLE_DAYS) | 3);
	uint32_t day_of_year = (uint32_t)p / 2939745 / 4;
	uint32_t m = 2141 * day_of_year + 197913;
	bool is_next = day_of_year >= 306; /* January and February */
	int32_t year = (int32_t)(100 * century + (uint32_t)(p >> 32)) + is_next - 400 * CYCLES;

	*is_bc = year <= 0;
	uint32_t y = (uint32_t)(year <= 0 ? 1 - year : year);

	if (y < 10000)
		out = put_pair(put_pair(out, y / 100), y % 100);
	else
		out = digits_put_short(out, y);
	*out++ = '-';
	out = put_pair(out, (m >> 16) - (is_next ? 12 : 0));
	*out++ = '-';
	return put_pair(out, (m & 0xffff) / 2141 + 1);
}

/* The fraction of a second, without trailing zeros; nothing for 0. Touches nine bytes. */
static char *put_fraction(char *out, uint32_t us)
{
	if (us == 0)
		return out;
	uint64_t d = digits_8(us * 100);

	*out++ = '.';
	digits_store(out, d);
	return out + 8 - __builtin_clzll(d) / 8;
}

static char *put_minutes_seconds(char *out, uint32_t seconds)
{
	*out++ = ':';
	out = put_pair(out, seconds / 60 % 60);
	*out++ = ':';
	return put_pair(out, seconds % 60);
}

static char *put_clock(char *out, uint64_t us)
{
	uint32_t seconds = (uint32_t)(us / US_PER_SECOND);

	out = put_minutes_seconds(put_pair(out, seconds / 3600), seconds);
	return put_fraction(out, (uint32_t)(us % US_PER_SECOND));
}

char *text_date(char *out, int32_t days)
{
	bool is_bc;

	if (days == DATE_INFINITY)
		return PUT(out, "infinity");
	if (days == DATE_NEGATIVE_INFINITY)
		return PUT(out, "-infinity");
	out = put_ymd(out, days, &is_bc);
	return is_bc ? PUT(out, " BC") : out;
}

char *text_time(char *out, int64_t us)
{
	uint64_t u = us < 0 ? -(uint64_t)us : (uint64_t)us;

	*out = '-';
	out += us < 0;
	if (u < 100 * 3600 * (uint64_t)US_PER_SECOND)
		return put_clock(out, u);
	uint64_t seconds = u / US_PER_SECOND;

	out = digits_put(out, seconds / 3600);
	out = put_minutes_seconds(out, (uint32_t)(seconds % 3600));
	return put_fraction(out, (uint32_t)(u % US_PER_SECOND));
}

struct moment {
	int64_t days; /* since 1970 */
	int64_t us;   /* of the day */
};

static struct moment split_timestamp(int64_t v)
{
	enum { EPOCH_DAYS = 10957 }; /* 1970-01-01 to 2000-01-01 */
	struct moment m = { v / US_PER_DAY + EPOCH_DAYS, v % US_PER_DAY };

	if (m.us < 0) {
		m.us += US_PER_DAY;
		m.days--;
	}
	return m;
}

static char *put_moment(char *out, const struct moment *m, bool *is_bc)
{
	out = put_ymd(out, (int32_t)m->days, is_bc);
	*out++ = 'T';
	return put_clock(out, (uint64_t)m->us);
}

static char *put_timestamp(char *out, int64_t v, bool has_zone)
{
	bool is_bc;

	if (v == TIMESTAMP_INFINITY)
		return PUT(out, "infinity");
	if (v == TIMESTAMP_NEGATIVE_INFINITY)
		return PUT(out, "-infinity");
	struct moment m = split_timestamp(v);

	out = put_moment(out, &m, &is_bc);
	if (has_zone)
		*out++ = 'Z';
	return is_bc ? PUT(out, " BC") : out;
}

char *text_timestamp(char *out, int64_t v)
{
	return put_timestamp(out, v, false);
}

char *text_timestamptz(char *out, int64_t v)
{
	return put_timestamp(out, v, true);
}

/* Shifted as days and a rest: near its ends a 64-bit count of microseconds could not be. */
static void shift_moment(struct moment *m, int seconds)
{
	m->us += seconds * US_PER_SECOND;
	if (m->us < 0) {
		m->us += US_PER_DAY;
		m->days--;
	} else if (m->us >= US_PER_DAY) {
		m->us -= US_PER_DAY;
		m->days++;
	}
}

static int64_t unix_seconds(const struct moment *m)
{
	return m->days * 86400 + m->us / US_PER_SECOND;
}

char *text_timestamptz_in(char *out, int64_t v, struct zone *zone)
{
	bool is_bc;

	if (!zone || v == TIMESTAMP_INFINITY || v == TIMESTAMP_NEGATIVE_INFINITY)
		return text_timestamptz(out, v);
	struct moment m = split_timestamp(v);
	int minutes = zone_minutes(zone, unix_seconds(&m));
	unsigned offset = (unsigned)(minutes < 0 ? -minutes : minutes);

	shift_moment(&m, minutes * 60);
	out = put_moment(out, &m, &is_bc);
	*out++ = minutes < 0 ? '-' : '+';
	out = put_pair(out, offset / 60);
	*out++ = ':';
	out = put_pair(out, offset % 60);
	return is_bc ? PUT(out, " BC") : out;
}

char *text_local_time(char *out, int64_t v, struct zone *zone)
{
	bool is_bc;

	if (!zone || v == TIMESTAMP_INFINITY || v == TIMESTAMP_NEGATIVE_INFINITY)
		return text_timestamp(out, v);
	struct moment m = split_timestamp(v);

	shift_moment(&m, zone_seconds(zone, unix_seconds(&m)));
	out = put_moment(out, &m, &is_bc);
	return is_bc ? PUT(out, " BC") : out;
}

static char *put_part(char *out, int64_t v, char unit)
{
	if (v == 0)
		return out;
	out = text_int64(out, v);
	*out++ = unit;
	return out;
}

char *text_interval(char *out, const struct interval *v)
{
	int64_t seconds = v->microseconds / US_PER_SECOND; /* towards zero, as all parts are cut */
	int64_t us = v->microseconds % US_PER_SECOND;

	if (!v->months && !v->days && !v->microseconds)
		return PUT(out, "PT0S");
	*out++ = 'P';
	out = put_part(out, v->months / 12, 'Y');
	out = put_part(out, v->months % 12, 'M');
	out = put_part(out, v->days, 'D');
	if (!v->microseconds)
		return out;
	*out++ = 'T';
	out = put_part(out, seconds / 3600, 'H');
	out = put_part(out, seconds / 60 % 60, 'M');
	if (seconds % 60 == 0 && us == 0)
		return out;
	*out = '-';
	out = digits_put(
		out + (v->microseconds < 0), (uint64_t)(seconds < 0 ? -seconds : seconds) % 60);
	out = put_fraction(out, (uint32_t)(us < 0 ? -us : us));
	*out++ = 'S';
	return out;
}

/* ---- bytes */

/* Four bytes to eight digits, to be stored little endian: a nibble a lane, the high one first,
 * and above 9 'a' - '0' - 10 more. */
static inline uint64_t hex_4(const uint8_t *bytes)
{
	uint32_t four;

	memcpy(&four, bytes, 4);
	uint64_t x = le32toh(four);

	x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
	x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
	x = (x >> 4 | x << 8) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return x + DIGITS_ASCII +
	       (((x + UINT64_C(0x0606060606060606)) >> 4) & UINT64_C(0x0101010101010101)) * 39;
}

static inline void put_8(char *out, uint64_t text)
{
	text = htole64(text);
	memcpy(out, &text, 8);
}

char *text_hex(char *out, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	size_t i = 0;

	for (; i + 4 <= len; i += 4, out += 8)
		put_8(out, hex_4(bytes + i));
	for (; i < len; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	return out;
}

char *text_uuid(char *out, const uint8_t *bytes)
{
	uint64_t second = hex_4(bytes + 4), third = hex_4(bytes + 8);

	put_8(out, hex_4(bytes));
	/* What two dashes part is put twice, the second half in its place: later stores mend
	 * earlier ones. */
	put_8(out + 9, second);
	put_8(out + 14, second >> 32);
	put_8(out + 19, third);
	put_8(out + 24, third >> 32);
	put_8(out + 28, hex_4(bytes + 12));
	out[8] = out[13] = out[18] = out[23] = '-';
	return out + 36;
}

char *text_base64(char *out, const uint8_t *bytes, size_t len)
{
	return out + EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);
}

/* ---- any of them */

char *text_value(char *out, const struct column *c, int32_t row, int scale)
{
	switch (c->type) {
	case TYPE_BOOL: return text_bool(out, column_bool(c, row));
	case TYPE_INT16: return text_int16(out, COLUMN_VALUE(c, int16_t, row));
	case TYPE_INT32: return text_int32(out, COLUMN_VALUE(c, int32_t, row));
	case TYPE_INT64: return text_int64(out, COLUMN_VALUE(c, int64_t, row));
	case TYPE_FLOAT32: return text_float32(out, COLUMN_VALUE(c, float, row));
	case TYPE_FLOAT64: return text_float64(out, COLUMN_VALUE(c, double, row));
	case TYPE_DECIMAL128: return text_decimal(out, COLUMN_VALUE(c, __int128, row), scale);
	case TYPE_DATE32: return text_date(out, COLUMN_VALUE(c, int32_t, row));
	case TYPE_TIME64: return text_time(out, COLUMN_VALUE(c, int64_t, row));
	case TYPE_TIMESTAMP: return text_timestamp(out, COLUMN_VALUE(c, int64_t, row));
	case TYPE_TIMESTAMPTZ: return text_timestamptz(out, COLUMN_VALUE(c, int64_t, row));
	case TYPE_INTERVAL: return text_interval(out, &COLUMN_VALUE(c, struct interval, row));
	case TYPE_UUID: return text_uuid(out, c->data + 16 * (size_t)row);
	default: assert(!"a fixed-width type"); return out;
	}
}

size_t text_room(const struct field *f)
{
	static const size_t room[TYPES_N] = {
		[TYPE_BOOL] = TEXT_BOOL,
		[TYPE_INT16] = TEXT_INT16,
		[TYPE_INT32] = TEXT_INT32,
		[TYPE_INT64] = TEXT_INT64,
		[TYPE_FLOAT32] = TEXT_FLOAT32,
		[TYPE_FLOAT64] = TEXT_FLOAT64,
		[TYPE_DATE32] = TEXT_DATE,
		[TYPE_TIME64] = TEXT_TIME,
		[TYPE_TIMESTAMP] = TEXT_TIMESTAMP,
		[TYPE_TIMESTAMPTZ] = TEXT_TIMESTAMP,
		[TYPE_INTERVAL] = TEXT_INTERVAL,
		[TYPE_UUID] = TEXT_UUID,
	};

	return f->type == TYPE_DECIMAL128 ? text_decimal_room(f->scale) : room[f->type];
}
