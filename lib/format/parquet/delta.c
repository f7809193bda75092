#include "lib/format/parquet/delta.h"

#include "lib/format/parquet/bits.h"
#include "lib/format/parquet/thrift.h"

enum { BLOCK = 128, MINIBLOCKS = 4, MINIBLOCK = BLOCK / MINIBLOCKS };

/* Bytes of a block at most. */
enum { BLOCK_ROOM = THRIFT_VARINT + MINIBLOCKS + BLOCK * 8 + BITS_SLACK };

static void put_head(struct buf *out, size_t n, int64_t first)
{
	uint8_t *at = (uint8_t *)buf_reserve(out, 4 * THRIFT_VARINT), *p = at;

	p = thrift_varint(p, BLOCK);
	p = thrift_varint(p, MINIBLOCKS);
	p = thrift_varint(p, n);
	p = thrift_varint(p, thrift_zigzag(first));
	out->len += (size_t)(p - at);
}

/* n differences, less the least of them; those behind them up to the end of their miniblock are zeros. */
static void put_block(struct buf *out, const uint64_t *above, size_t n, int64_t least)
{
	uint8_t *at = (uint8_t *)buf_reserve(out, BLOCK_ROOM), *p, *widths;

	widths = thrift_varint(at, thrift_zigzag(least));
	p = widths + MINIBLOCKS;
	for (size_t m = 0; m < MINIBLOCKS; m++, above += MINIBLOCK) {
		uint64_t all = 0;

		widths[m] = 0;
		if (m * MINIBLOCK >= n)
			continue;
		for (size_t i = 0; i < MINIBLOCK; i++)
			all |= above[i];
		widths[m] = (uint8_t)bits_width(all);
		p = bits_pack_64(p, above, MINIBLOCK, widths[m]);
	}
	out->len += (size_t)(p - at);
}

static inline int64_t wrap(uint64_t v, bool is_narrow)
{
	return is_narrow ? (int32_t)(uint32_t)v : (int64_t)v;
}

static inline void put(struct buf *out, const int64_t *v, size_t n, bool is_narrow)
{
	put_head(out, n, n ? v[0] : 0);
	for (size_t from = 1; from < n; from += BLOCK) {
		uint64_t above[BLOCK] = { 0 };
		int64_t least = INT64_MAX;
		size_t k = n - from < BLOCK ? n - from : BLOCK;

		for (size_t i = 0; i < k; i++) {
			int64_t d =
				wrap((uint64_t)v[from + i] - (uint64_t)v[from + i - 1], is_narrow);

			above[i] = (uint64_t)d;
			least = d < least ? d : least;
		}
		for (size_t i = 0; i < k; i++)
			above[i] -= (uint64_t)least;
		put_block(out, above, k, least);
	}
}

void delta_put_32(struct buf *out, const int64_t *v, size_t n)
{
	put(out, v, n, true);
}

void delta_put_64(struct buf *out, const int64_t *v, size_t n)
{
	put(out, v, n, false);
}

void delta_put_lengths(struct buf *out, const uint32_t *v, size_t n)
{
	put_head(out, n, n ? v[0] : 0);
	for (size_t from = 1; from < n; from += BLOCK) {
		uint64_t above[BLOCK] = { 0 };
		int64_t least = INT64_MAX;
		size_t k = n - from < BLOCK ? n - from : BLOCK;

		for (size_t i = 0; i < k; i++) {
			int64_t d = (int64_t)v[from + i] - (int64_t)v[from + i - 1];

			above[i] = (uint64_t)d;
			least = d < least ? d : least;
		}
		for (size_t i = 0; i < k; i++)
			above[i] -= (uint64_t)least;
		put_block(out, above, k, least);
	}
}
