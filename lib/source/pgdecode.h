/*
 * PostgreSQL's types: which batch type carries which OID, and how a value that the server sends becomes a
 * value of the batch.
 *
 * The binary formats are those of the server's *_send functions (src/backend/utils/adt); all
 * integers are big endian. The text formats are those of its *_out functions. Types without a decoder here are asked for in text format and carried as
 * utf8, in the server's own spelling.
 */
#ifndef SLUICE_SOURCE_PGDECODE_H
#define SLUICE_SOURCE_PGDECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/rows/batch.h"

/* In binary format a value costs the server a kilobyte for a moment (pq_begintypsend), and a row of more than seven of them a
 * malloc and a free. So what is as easily read as text is asked for as text; numbers with a point, times and the like are not. */
enum pgdecode {
	/* in text format */
	PGDECODE_TEXT, /* as it is */
	PGDECODE_SAME, /* as it is; the binary format has the same bytes */
	PGDECODE_BOOL,
	PGDECODE_INT2,
	PGDECODE_INT4,
	PGDECODE_INT8,
	/* in binary format */
	PGDECODE_BYTES,
	PGDECODE_FLOAT4,
	PGDECODE_FLOAT8,
	PGDECODE_NUMERIC,      /* to decimal128 */
	PGDECODE_NUMERIC_TEXT, /* to decimal text */
	PGDECODE_DATE,
	PGDECODE_TIME,
	PGDECODE_TIMETZ, /* to utf8, ISO 8601 */
	PGDECODE_TIMESTAMP,
	PGDECODE_INTERVAL,
	PGDECODE_JSONB,
	PGDECODE_UUID
};

struct pgcolumn {
	enum pgdecode decode;
	int16_t scale; /* PGDECODE_NUMERIC */
};

/* Choose type and decoder for a result column; sets f->type, precision, scale, is_plain and is_inert. */
void pgdecode_choose(uint32_t oid, int32_t typmod, struct field *f, struct pgcolumn *c);

/* Whether the column is to be asked for in binary format. */
static inline bool pgdecode_is_binary(const struct pgcolumn *c)
{
	return c->decode >= PGDECODE_BYTES;
}

/* Whether it may be, where all columns must be of one format. */
static inline bool pgdecode_may_be_binary(const struct pgcolumn *c)
{
	return pgdecode_is_binary(c) || c->decode == PGDECODE_SAME;
}

/* Add one row from the body of a DataRow message (protocol 3.0, "Message Formats"): int16 number of
 * columns, then for each an int32 length (-1: NULL) and the bytes. */
int pgdecode_row(const struct pgcolumn *columns, struct batch *b, const uint8_t *body, size_t len,
	struct err *e);

/* One cell of the row being added; the caller counts the row. value NULL: SQL NULL. */
int pgdecode_cell(const struct pgcolumn *c, struct column *to, int32_t row, const uint8_t *value,
	size_t len, struct err *e);

#endif
