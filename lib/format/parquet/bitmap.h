/*
 * Bitmap: runs of bits, least significant first, that begin anywhere within a byte.
 */
#ifndef SLUICE_FORMAT_PARQUET_BITMAP_H
#define SLUICE_FORMAT_PARQUET_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool bitmap_get(const uint8_t *bits, size_t at)
{
	return bits[at >> 3] >> (at & 7) & 1;
}

static inline void bitmap_clear(uint8_t *bits, size_t at)
{
	bits[at >> 3] &= (uint8_t) ~(1u << (at & 7));
}

/* Up to 8 bits from `at`; no byte behind the last of them is read. */
static inline unsigned bitmap_take(const uint8_t *bits, size_t at, size_t n)
{
	unsigned shift = at & 7, v = bits[at >> 3] >> shift;

	if (shift + n > 8)
		v |= (unsigned)bits[(at >> 3) + 1] << (8 - shift);
	return v & ((1u << n) - 1);
}

/* Up to 8 bits behind the first `at` ones; the bits behind them become 0. Room: a byte more than they take. */
static inline void bitmap_append(uint8_t *bits, size_t at, unsigned v, size_t n)
{
	unsigned shift = at & 7;
	uint8_t *p = bits + (at >> 3);

	*p = (uint8_t)((*p & ((1u << shift) - 1)) | v << shift);
	if (shift + n > 8)
		p[1] = (uint8_t)(v >> (8 - shift));
}

#endif
