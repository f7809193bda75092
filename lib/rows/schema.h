/*
 * Schema: the names and types of the columns that flow from a source to a format.
 *
 * The types are Apache Arrow's where Arrow has one (https://arrow.apache.org/docs/format/Columnar.html);
 * values are little endian, in the layout that batch.h describes.
 */
#ifndef SLUICE_ROWS_SCHEMA_H
#define SLUICE_ROWS_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum type {
	TYPE_BOOL, /* one bit a value, least significant first */
	TYPE_INT16,
	TYPE_INT32,
	TYPE_INT64,
	TYPE_FLOAT32,
	TYPE_FLOAT64,
	TYPE_DECIMAL128, /* __int128, the value times 10^scale; precision <= 38; DECIMAL_* below */
	TYPE_DECIMAL_TEXT, /* text: digits as the server spells them; NaN, Infinity, -Infinity */
	TYPE_DATE32,       /* int32 days since 1970-01-01; DATE_* below */
	TYPE_TIME64,       /* int64 microseconds since midnight; 86,400,000,000 is 24:00:00 */
	TYPE_TIMESTAMP,    /* int64 microseconds since 2000-01-01T00:00:00, no zone; TIMESTAMP_* */
	TYPE_TIMESTAMPTZ,  /* int64 microseconds since 2000-01-01T00:00:00Z; TIMESTAMP_* */
	TYPE_INTERVAL,     /* struct interval */
	TYPE_UTF8,         /* text */
	TYPE_JSON,         /* text: one JSON value */
	TYPE_UUID,         /* 16 bytes, most significant first */
	TYPE_BINARY,       /* bytes */
	TYPES_N
};

/* Timestamps count from PostgreSQL's epoch, not 1970: from 1970 its last years (294,247 to 294,276) do not
 * fit into 64 bits. TIMESTAMP_UNIX_SHIFT added to a value gives microseconds since 1970. */
#define TIMESTAMP_UNIX_SHIFT        INT64_C(946684800000000)
#define TIMESTAMP_INFINITY          INT64_MAX
#define TIMESTAMP_NEGATIVE_INFINITY INT64_MIN
#define DATE_INFINITY               INT32_MAX
#define DATE_NEGATIVE_INFINITY      INT32_MIN

/* What numeric(p,s) may hold beside digits (PostgreSQL: NaN alone), outside of +-(10^38 - 1). */
#define DECIMAL_NAN ((__int128)((unsigned __int128)1 << 127))

/* Not Arrow's month_day_nano: PostgreSQL's microseconds do not fit into 64 bits of nanoseconds. */
struct interval {
	int64_t microseconds;
	int32_t days;
	int32_t months;
};

/* What a value of TYPE_JSON is in its source: how much of it JSON can tell. */
enum json_kind {
	JSON_TEXT,   /* JSON, spelled as it was typed; or not known */
	JSON_BINARY, /* JSON that keeps no spelling (jsonb) */
	JSON_LIST,   /* an array, or a record that holds arrays or JSON */
	JSON_RECORD, /* names and scalar values: other composites, hstore */
	JSON_VECTOR  /* integers that are counted from one place always (int2vector) */
};

struct field {
	const char *name; /* as the export shows it; unique within the schema */
	enum type type;
	bool nullable;
	bool is_ordered; /* the rows ascend by it, NULL last; false: in no order that is known */
	bool masked;
	bool is_plain; /* TYPE_UTF8: can hold no control character; false: may */
	bool is_inert; /* TYPE_UTF8: cannot begin like a formula; false: may */
	uint8_t json;  /* TYPE_JSON: enum json_kind */
	bool is_list;  /* JSON_LIST: an array of scalars of the type below */
	enum type element;
	int16_t precision;       /* TYPE_DECIMAL128 */
	int16_t scale;           /* TYPE_DECIMAL128 */
	const char *source_type; /* the source's own name, "numeric(12,2)"; NULL: it has none */
};

struct schema {
	struct field *fields;
	size_t n;
};

/* "int64", "decimal128" …: the name in the API. */
const char *type_name(enum type type);

/* Bytes of one value; 0 for bool (bits) and for the variable-length types. */
size_t type_width(enum type type);

static inline bool type_is_variable(enum type type)
{
	return type == TYPE_DECIMAL_TEXT || type == TYPE_UTF8 || type == TYPE_JSON ||
	       type == TYPE_BINARY;
}

#endif
