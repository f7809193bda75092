/*
 * Delta: integers as the differences between them, packed to the bits that they take
 * (Encodings.md, DELTA_BINARY_PACKED = 5), and strings as their lengths packed so, then their bytes
 * (DELTA_LENGTH_BYTE_ARRAY = 6).
 *
 *	head      varints: values of a block, miniblocks of a block, number of values; zigzag varint: the first value
 *	block     zigzag varint: its least difference; a byte for each miniblock: bits of a difference, less the least one
 *	          of the block; the miniblocks that have values
 *
 * Differences wrap around in the width of the type, as they do for who reads them.
 */
#ifndef SLUICE_FORMAT_PARQUET_DELTA_H
#define SLUICE_FORMAT_PARQUET_DELTA_H

#include "lib/base/mem.h"

void delta_put_32(
	struct buf *out, const int64_t *v, size_t n); /* INT32; of v the low 32 bits count */
void delta_put_64(struct buf *out, const int64_t *v, size_t n);
void delta_put_lengths(struct buf *out, const uint32_t *v, size_t n); /* below 2^31 */

#endif
