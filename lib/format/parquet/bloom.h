/*
 * Bloom: a split block bloom filter of the values of a chunk
 * (https://github.com/apache/parquet-format/blob/master/BloomFilter.md): blocks of 256 bits, of which a value sets eight in the one
 * that the high half of its hash chooses.
 *
 * How many values differ is known only at the end. The filter is made for as many as there can be, and then folded: with a
 * power of two of blocks, neighbours joined are the filter of half the size.
 */
#ifndef SLUICE_FORMAT_PARQUET_BLOOM_H
#define SLUICE_FORMAT_PARQUET_BLOOM_H

#include "lib/format/parquet/leaf.h"

/* {0} is none. */
struct bloom {
	uint32_t *words;
	size_t blocks; /* a power of two */
};

/* For up to so many values. */
void bloom_open(struct bloom *b, int64_t values_most);

void bloom_add_numbers(struct bloom *b, const struct leaf *l, const int64_t *v, size_t n);
void bloom_add_bytes(struct bloom *b, const uint8_t *bytes, const uint32_t *lengths, size_t n);

/* Appends header and bits, in the fewest blocks that are wrong about one value in a hundred; empty then. */
void bloom_put(struct bloom *b, struct buf *out);

void bloom_close(struct bloom *b);

#endif
