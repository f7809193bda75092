/*
 * Bits: integers of one width packed behind each other, least significant bit first, as DELTA_BINARY_PACKED and the bit-packed
 * runs of RLE have them.
 */
#ifndef SLUICE_FORMAT_PARQUET_BITS_H
#define SLUICE_FORMAT_PARQUET_BITS_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { BITS_SLACK = 8 }; /* bytes behind the last that are written too */

/* Bits that v takes: 0 for 0. */
static inline unsigned bits_width(uint64_t v)
{
	return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

/* n values below 2^width; returns the byte behind the last one begun. width <= 64. */
static inline uint8_t *bits_pack_64(uint8_t *p, const uint64_t *v, size_t n, unsigned width)
{
	uint64_t waiting = 0, word;
	unsigned used = 0;

	for (size_t i = 0; width && i < n; i++) {
		waiting |= v[i] << used;
		used += width;
		if (used < 64)
			continue;
		word = htole64(waiting);
		memcpy(p, &word, sizeof word);
		p += sizeof word;
		used -= 64;
		waiting = used ? v[i] >> (width - used) : 0;
	}
	word = htole64(waiting);
	memcpy(p, &word, sizeof word);
	return p + (used + 7) / 8;
}

/* The same of 32-bit values; width <= 32. */
static inline uint8_t *bits_pack_32(uint8_t *p, const uint32_t *v, size_t n, unsigned width)
{
	uint64_t waiting = 0, word;
	unsigned used = 0;

	for (size_t i = 0; i < n; i++) {
		waiting |= (uint64_t)v[i] << used;
		used += width;
		if (used < 32)
			continue;
		uint32_t half = htole32((uint32_t)waiting);

		memcpy(p, &half, sizeof half);
		p += sizeof half;
		used -= 32;
		waiting >>= 32;
	}
	word = htole64(waiting);
	memcpy(p, &word, sizeof word);
	return p + (used + 7) / 8;
}

#endif
