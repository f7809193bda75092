/*
 * CSV value: how a value of a fixed-width type is spelled under the options of delimited files. Without any of them
 * it is text.h's.
 */
#ifndef SLUICE_FORMAT_CSV_VALUE_H
#define SLUICE_FORMAT_CSV_VALUE_H

#include <string.h>

#include "lib/format/csv_field.h"
#include "lib/format/options.h"
#include "lib/format/text.h"
#include "lib/rows/batch.h"

/* Whether the options leave text_value's spelling as it is. */
static inline bool csv_value_is_text(const struct format_options *o)
{
	return o->decimal == '.' && o->timestamp == TIMESTAMP_RFC3339 &&
	       o->boolean == BOOLEAN_WORDS && !o->zone;
}

/* RFC 3339 with a space for the T; infinity has none. */
static inline char *csv_sql_timestamp(char *text, char *end)
{
	char *t = memchr(text, 'T', (size_t)(end - text));

	if (t)
		*t = ' ';
	return end;
}

static inline char *csv_spell(
	char *out, const struct format_options *o, const struct column *c, int32_t row, int scale)
{
	char *end;

	switch (c->type) {
	case TYPE_BOOL:
		if (o->boolean == BOOLEAN_WORDS)
			break;
		*out = column_bool(c, row) ? '1' : '0';
		return out + 1;
	case TYPE_FLOAT32:
	case TYPE_FLOAT64:
	case TYPE_DECIMAL128:
		end = text_value(out, c, row, scale);
		csv_change_point(out, (size_t)(end - out), o->decimal);
		return end;
	case TYPE_TIMESTAMP:
		end = text_timestamp(out, COLUMN_VALUE(c, int64_t, row));
		return o->timestamp == TIMESTAMP_SQL ? csv_sql_timestamp(out, end) : end;
	case TYPE_TIMESTAMPTZ:
		if (o->timestamp == TIMESTAMP_RFC3339)
			return text_timestamptz_in(out, COLUMN_VALUE(c, int64_t, row), o->zone);
		end = text_local_time(out, COLUMN_VALUE(c, int64_t, row), o->zone);
		return csv_sql_timestamp(out, end);
	default: break;
	}
	return text_value(out, c, row, scale);
}

/* The value of a row that is not NULL, into text_room's room and CSV_FIELD_EXTRA; quoted when it would read as NULL. */
static inline char *csv_value_put(char *out, const struct format_options *o, const struct column *c,
	int32_t row, int scale, struct csv_rules r)
{
	char *end = csv_spell(out, o, c, row, scale);
	size_t len = (size_t)(end - out);

	if (!csv_is_null_text(out, len, r))
		return end;
	memmove(out + 1, out, len);
	*out = r.quote;
	out[1 + len] = r.quote;
	return out + len + 2;
}

#endif
