/*
 * Record batch: up to BATCH_ROWS rows, or about BATCH_BYTES bytes, column by column in the Apache Arrow
 * layout, reused from batch to batch.
 *
 * Of a column with n rows:
 *	validity   ceil(n/8) bytes, bit i (least significant first) set where row i has a value
 *	data       fixed width: n values; bool: ceil(n/8) bytes of bits; variable: the bytes
 *	offsets    variable only: n+1 of int32; row i is data[offsets[i] .. offsets[i+1])
 * The value of a NULL row is zero bytes, or an empty run.
 *
 * A source fills a batch row by row: for every row, one column_* call for each column, then rows++.
 */
#ifndef SLUICE_ROWS_BATCH_H
#define SLUICE_ROWS_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/rows/schema.h"

enum {
	BATCH_ROWS = 2048,
	BATCH_BYTES = 256 * 1024,
	BATCH_KEEP = 1024 * 1024 /* a column's buffer larger than this is given back at reset */
};

struct column {
	uint8_t *validity;
	uint8_t *data;
	int32_t *offsets; /* NULL for fixed width */
	size_t data_cap;  /* bytes allocated for data */
	size_t width;     /* bytes of a fixed value, 0 for bool and variable */
	int32_t nulls_n;
	enum type type;
};

struct batch {
	struct column *columns;
	size_t columns_n;
	int32_t rows;     /* rows filled */
	int32_t rows_cap; /* full at this many; smaller than BATCH_ROWS for very wide rows */
	size_t bytes;     /* variable bytes so far; the source adds to it */
};

/* Allocate for a schema. {0} is an empty batch; batch_free leaves one. */
void batch_init(struct batch *b, const struct schema *schema);
void batch_free(struct batch *b);

/* Forget the rows, keep the memory. */
void batch_reset(struct batch *b);

static inline bool batch_is_full(const struct batch *b)
{
	return b->rows >= b->rows_cap || b->bytes >= BATCH_BYTES;
}

static inline bool column_is_null(const struct column *c, int32_t row)
{
	return c->nulls_n && !(c->validity[row >> 3] >> (row & 7) & 1);
}

static inline const uint8_t *column_bytes(const struct column *c, int32_t row, size_t *len)
{
	*len = (size_t)(c->offsets[row + 1] - c->offsets[row]);
	return c->data + c->offsets[row];
}

static inline bool column_bool(const struct column *c, int32_t row)
{
	return c->data[row >> 3] >> (row & 7) & 1;
}

/* Of a fixed-width column; the type is the caller's to know. */
#define COLUMN_VALUE(c, ctype, row) (((const ctype *)(const void *)(c)->data)[row])

/* Room for len more bytes behind what row `row` begins with. Returns where they go, or NULL when the column
 * would pass 2^31 - 1 bytes. */
uint8_t *column_room(struct column *c, int32_t row, size_t len);

static inline void column_put_null(struct column *c, int32_t row)
{
	c->validity[row >> 3] &= (uint8_t) ~(1u << (row & 7));
	c->nulls_n++;
	if (c->offsets)
		c->offsets[row + 1] = c->offsets[row];
	else if (c->width)
		memset(c->data + c->width * (size_t)row, 0, c->width);
	else
		c->data[row >> 3] &= (uint8_t) ~(1u << (row & 7));
}

static inline void column_put_bool(struct column *c, int32_t row, bool value)
{
	uint8_t bit = (uint8_t)(1u << (row & 7));

	if (value)
		c->data[row >> 3] |= bit;
	else
		c->data[row >> 3] &= (uint8_t)~bit;
}

#define COLUMN_PUT(c, ctype, row, value) (((ctype *)(void *)(c)->data)[row] = (value))

/* Append the bytes of a variable-length value; false when the column is full (2 GiB). */
static inline bool column_put_bytes(struct column *c, int32_t row, const void *bytes, size_t len)
{
	uint8_t *to = c->data + c->offsets[row];

	if (c->data_cap - (size_t)c->offsets[row] < len) {
		to = column_room(c, row, len);
		if (!to)
			return false;
	}
	memcpy(to, bytes, len);
	c->offsets[row + 1] = c->offsets[row] + (int32_t)len;
	return true;
}

#endif
