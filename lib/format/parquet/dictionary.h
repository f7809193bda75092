/*
 * Dictionary: the distinct values of a column, each known by the order of its coming, found by a table of open addressing.
 *
 * Numbers are kept as they are, bytes in plain encoding: what the dictionary's page is.
 */
#ifndef SLUICE_FORMAT_PARQUET_DICTIONARY_H
#define SLUICE_FORMAT_PARQUET_DICTIONARY_H

#include "lib/format/parquet/leaf.h"
#include "lib/format/parquet/stage.h"

struct dictionary_slot {
	uint32_t hash;
	uint32_t index; /* plus 1; 0: free */
};

/* {0} is an empty one. */
struct dictionary {
	struct buf values; /* int64 each; or plain bytes */
	struct buf starts; /* of bytes: uint32, where each begins in values */
	uint32_t n;
	struct dictionary_slot *slots; /* mask + 1 of them */
	uint32_t mask;
};

/* Appends to `indices` (uint32 each) that of every value of the stage. */
void dictionary_add(
	struct dictionary *d, const struct leaf *l, const struct stage *s, struct buf *indices);

/* Appends the values of n indices to the stage: what dictionary_add took from it. */
void dictionary_restore(const struct dictionary *d, const struct leaf *l, const uint32_t *indices,
	size_t n, struct stage *s);

/* The bytes of value i, without a length. */
const uint8_t *dictionary_bytes(
	const struct dictionary *d, const struct leaf *l, uint32_t i, size_t *len);

static inline const int64_t *dictionary_numbers(const struct dictionary *d)
{
	return (const int64_t *)(const void *)d->values.data;
}

/* Bytes of its page. */
size_t dictionary_size(const struct dictionary *d, const struct leaf *l);

/* The page's values, in plain encoding. */
void dictionary_put(const struct dictionary *d, const struct leaf *l, struct buf *out);

/* Forgets the values, keeps the memory. */
void dictionary_reset(struct dictionary *d);
void dictionary_free(struct dictionary *d);

#endif
