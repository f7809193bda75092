/*
 * RLE: the hybrid of runs and bit-packed groups (Encodings.md, RLE = 3), for definition levels and for the indices into a
 * dictionary.
 *
 *	a run         varint(n << 1), then the value in ceil(width / 8) bytes
 *	bit-packed    varint(groups << 1 | 1), then groups of 8 values; the last one of all is filled with zeros
 */
#ifndef SLUICE_FORMAT_PARQUET_RLE_H
#define SLUICE_FORMAT_PARQUET_RLE_H

#include "lib/base/mem.h"

/* n values below 2^width; 0 < width <= 32. */
void rle_put(struct buf *out, const uint32_t *v, size_t n, unsigned width);

/* n values of one bit each, from a bitmap. Bits behind the last one of its bytes are of no account. */
void rle_put_bitmap(struct buf *out, const uint8_t *bits, size_t n);

/* n times one value of `width` bits. */
void rle_put_same(struct buf *out, uint32_t v, size_t n, unsigned width);

#endif
