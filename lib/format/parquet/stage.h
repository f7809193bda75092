/*
 * Stage: the rows of one column that wait to become a page: their values, without the NULLs, as numbers or bytes (leaf.h), and
 * which rows have one.
 */
#ifndef SLUICE_FORMAT_PARQUET_STAGE_H
#define SLUICE_FORMAT_PARQUET_STAGE_H

#include "lib/format/parquet/leaf.h"

/* {0} is empty. */
struct stage {
	struct buf values;   /* int64 each; or bytes, one behind the other */
	struct buf lengths;  /* of bytes: uint32 each */
	struct buf validity; /* of an optional leaf: a bit a row, least significant first */
	struct buf repetitions, definitions; /* of a list, instead: levels, uint32 each */
	int32_t rows;
	int32_t nulls_n;  /* of a list: levels without a value */
	int32_t values_n; /* in values; a dictionary takes them away as they come */
};

/* Rows from..to of a batch's column. False when there is a NULL and the leaf is not optional. */
bool stage_append(
	struct stage *s, const struct leaf *l, const struct column *c, int32_t from, int32_t to);

/* Forgets the values, keeps the rows. */
void stage_drop_values(struct stage *s);
void stage_reset(struct stage *s);
void stage_free(struct stage *s);

/* How many values and NULLs the rows are. */
static inline int32_t stage_items(const struct stage *s, const struct leaf *l)
{
	return l->is_list ? (int32_t)(s->definitions.len / sizeof(uint32_t)) : s->rows;
}

/* Of numbers. */
static inline int64_t *stage_numbers(const struct stage *s)
{
	return (int64_t *)(void *)s->values.data;
}

/* Of bytes; never NULL. */
static inline const uint8_t *stage_bytes(const struct stage *s)
{
	return (const uint8_t *)(s->values.data ? s->values.data : "");
}

static inline uint32_t *stage_lengths(const struct stage *s)
{
	return (uint32_t *)(void *)s->lengths.data;
}

#endif
