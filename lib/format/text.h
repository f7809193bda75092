/*
 * Text: how a value of every fixed-width type is spelled, the same in each row format (DESIGN
 * section 6).
 *
 * Every writer puts its text at `out` and returns the byte behind it. No NUL is written, no
 * locale is asked and no time zone but one that is given, nothing is allocated, and no value is
 * refused: what a type can hold has a text. A writer may touch all of its TEXT_* bytes of room,
 * whatever it returns: it stores in words. The spelling is PostgreSQL's where it has one
 * (datestyle ISO, intervalstyle iso_8601, timezone UTC), with RFC 3339's T and Z in timestamps.
 */
#ifndef SLUICE_FORMAT_TEXT_H
#define SLUICE_FORMAT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/zone.h"
#include "lib/rows/batch.h"
#include "lib/rows/schema.h"

/* Room to give, in bytes: never less than the longest text. */
enum {
	TEXT_BOOL = 8,
	TEXT_INT16 = 9,
	TEXT_INT32 = 11,
	TEXT_INT64 = 20,
	TEXT_FLOAT32 = 32,
	TEXT_FLOAT64 = 32,
	TEXT_DECIMAL = 48, /* and the scale's absolute value: text_decimal_room */
	TEXT_DATE = 24,
	TEXT_TIME = 32,
	TEXT_TIMESTAMP = 48,
	TEXT_INTERVAL = 72,
	TEXT_UUID = 36
};

char *text_bool(char *out, bool v);
char *text_int16(char *out, int16_t v);
char *text_int32(char *out, int32_t v);
char *text_int64(char *out, int64_t v);

/* v / 10^scale with `scale` digits behind the point: 5, 1 is 0.5; 5, 3 is 0.005. A negative scale
 * appends zeros and shows no point. DECIMAL_NAN is NaN. */
char *text_decimal(char *out, __int128 v, int scale);

static inline size_t text_decimal_room(int scale)
{
	return TEXT_DECIMAL + (size_t)(scale < 0 ? -scale : scale);
}

/* 2024-01-01, 12024-01-01, 0044-03-15 BC, infinity, -infinity. */
char *text_date(char *out, int32_t days);

/* 24:00:00, 00:00:00.5. What is no time of a day still reads: -00:00:01, 838:59:59. */
char *text_time(char *out, int64_t us);

/* 2024-01-01T00:00:00, …00.25; with zone …00Z; before 1 AD "0044-03-15T00:00:00Z BC"; infinity,
 * -infinity. */
char *text_timestamp(char *out, int64_t v);
char *text_timestamptz(char *out, int64_t v);

/* The zone's local time, with its offset at that instant: 2024-01-01T01:00:00+01:00,
 * "0044-03-15T01:00:00+01:00 BC"; the date, and what is BC, are the local ones. Infinities as
 * above. zone NULL: text_timestamptz. Room: TEXT_TIMESTAMP. */
char *text_timestamptz_in(char *out, int64_t v, struct zone *zone);

/* The same clock without its offset, to the second where that was none of whole minutes. zone NULL:
 * that of UTC. */
char *text_local_time(char *out, int64_t v, struct zone *zone);

/* P1Y2M-3DT4H5M6.7S, PT0S: a sign of its own for each part. */
char *text_interval(char *out, const struct interval *v);

/* 00112233-4455-6677-8899-aabbccddeeff, from 16 bytes. */
char *text_uuid(char *out, const uint8_t *bytes);

/* Two lower-case digits a byte: 2 * len of room. */
char *text_hex(char *out, const uint8_t *bytes, size_t len);

/* RFC 4648 section 4, padded; len < 2^30. Pieces may be joined when all but the last are a
 * multiple of three long. */
char *text_base64(char *out, const uint8_t *bytes, size_t len);

static inline size_t text_base64_room(size_t len)
{
	return (len + 2) / 3 * 4 + 1;
}

/* The value of a row that is not NULL, of a fixed-width type; `scale` is the field's. */
char *text_value(char *out, const struct column *c, int32_t row, int scale);

/* Room for any value of the field; 0 for the variable types. */
size_t text_room(const struct field *f);

#endif
