#include "lib/format/parquet/bloom.h"

#include <endian.h>
#include <stdlib.h>

#include "lib/format/parquet/xxhash.h"

enum { WORDS = 8, BLOCK_BYTES = 32 };
enum { VALUES_A_BLOCK = 24, BLOCKS_MOST = 1024 * 1024 / BLOCK_BYTES };

/* A value that was not added is taken for one that was when its eight bits are set by chance: with so large a part of all
 * bits set, once in a hundred times (0.56 to the eighth). */
#define FULL 0.56

void bloom_open(struct bloom *b, int64_t values_most)
{
	b->blocks = 1;
	while (b->blocks < BLOCKS_MOST && (int64_t)b->blocks * VALUES_A_BLOCK < values_most)
		b->blocks *= 2;
	b->words = mem_zero(b->blocks * WORDS, sizeof *b->words);
}

static void add(struct bloom *b, uint64_t hash)
{
	static const uint32_t salt[WORDS] = { 0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
		0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31 };
	uint32_t *block = b->words + WORDS * ((hash >> 32) * b->blocks >> 32);

	for (int i = 0; i < WORDS; i++)
		block[i] |= UINT32_C(1) << ((uint32_t)hash * salt[i] >> 27);
}

void bloom_add_numbers(struct bloom *b, const struct leaf *l, const int64_t *v, size_t n)
{
	size_t width = leaf_width(l);

	for (size_t i = 0; i < n; i++) {
		uint64_t all = htole64((uint64_t)v[i]);

		add(b, xxhash(&all, width));
	}
}

void bloom_add_bytes(struct bloom *b, const uint8_t *bytes, const uint32_t *lengths, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		add(b, xxhash(bytes, lengths[i]));
		bytes += lengths[i];
	}
}

/* ---- the smallest that will do */

static void fold(uint32_t *words, size_t blocks)
{
	for (size_t i = 0; i < blocks / 2; i++)
		for (size_t w = 0; w < WORDS; w++)
			words[i * WORDS + w] =
				words[2 * i * WORDS + w] | words[(2 * i + 1) * WORDS + w];
}

/* Whether half as many blocks would do. */
static bool is_sparse(const struct bloom *b)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < b->blocks; i += 2)
		for (size_t w = 0; w < WORDS; w++)
			bits += (uint64_t)__builtin_popcount(
				b->words[i * WORDS + w] | b->words[(i + 1) * WORDS + w]);
	return (double)bits <= FULL * (double)(b->blocks / 2 * WORDS * 32);
}

static void put_header(struct buf *out, size_t bytes)
{
	struct thrift t = { .out = out };

	thrift_begin(&t);
	thrift_i32(&t, 1, (int32_t)bytes);
	for (int16_t id = 2; id <= 4; id++) { /* BLOCK, XXHASH, UNCOMPRESSED */
		thrift_struct(&t, id);
		thrift_empty(&t, 1);
		thrift_end(&t);
	}
	thrift_end(&t);
}

void bloom_put(struct bloom *b, struct buf *out)
{
	size_t opened = b->blocks;

	while (b->blocks > 1 && is_sparse(b)) {
		fold(b->words, b->blocks);
		b->blocks /= 2;
	}
	put_header(out, b->blocks * BLOCK_BYTES);
	for (size_t i = 0; i < b->blocks * WORDS; i++) {
		uint32_t word = htole32(b->words[i]);

		buf_put(out, &word, sizeof word);
	}
	b->blocks = opened;
	memset(b->words, 0, b->blocks * BLOCK_BYTES);
}

void bloom_close(struct bloom *b)
{
	free(b->words);
	*b = (struct bloom){ 0 };
}
