/*
 * Block: BLOCK bytes looked at together, 16 with SSE2 and 8 in a plain register without (or with
 * BLOCK_PORTABLE).
 *
 * A comparison marks each byte where it holds; block_bits turns the marks into an integer whose
 * bit i stands for byte i. Loads and stores need no alignment.
 */
#ifndef SLUICE_FORMAT_BLOCK_H
#define SLUICE_FORMAT_BLOCK_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) && !defined(BLOCK_PORTABLE)
#include <emmintrin.h>

enum { BLOCK = 16 };

struct block {
	__m128i v;
};

static inline struct block block_load(const void *from)
{
	return (struct block){ _mm_loadu_si128(from) };
}

static inline void block_store(void *to, struct block b)
{
	_mm_storeu_si128(to, b.v);
}

static inline struct block block_equal(struct block b, char c)
{
	return (struct block){ _mm_cmpeq_epi8(b.v, _mm_set1_epi8(c)) };
}

/* Bytes below 0x20. */
static inline struct block block_control(struct block b)
{
	return (struct block){ _mm_cmpeq_epi8(_mm_min_epu8(b.v, _mm_set1_epi8(0x1f)), b.v) };
}

/* Bytes from low to high, both below 0x80. */
static inline struct block block_between(struct block b, char low, char high)
{
	__m128i v = _mm_sub_epi8(b.v, _mm_set1_epi8(low));

	return (struct block){ _mm_cmpeq_epi8(
		_mm_min_epu8(v, _mm_set1_epi8((char)(high - low))), v) };
}

static inline struct block block_or(struct block a, struct block b)
{
	return (struct block){ _mm_or_si128(a.v, b.v) };
}

static inline unsigned block_bits(struct block marks)
{
	return (unsigned)_mm_movemask_epi8(marks.v);
}

/* c where marked. */
static inline struct block block_replace(struct block b, struct block marks, char c)
{
	return (struct block){ _mm_or_si128(
		_mm_andnot_si128(marks.v, b.v), _mm_and_si128(marks.v, _mm_set1_epi8(c))) };
}

#else

enum { BLOCK = 8 };

struct block {
	uint64_t v; /* the first byte lowest; a mark is 0x80 */
};

#define BLOCK_EACH(byte) (UINT64_C(0x0101010101010101) * (uint8_t)(byte))

static inline struct block block_load(const void *from)
{
	struct block b;

	memcpy(&b.v, from, 8);
	b.v = le64toh(b.v);
	return b;
}

static inline void block_store(void *to, struct block b)
{
	b.v = htole64(b.v);
	memcpy(to, &b.v, 8);
}

static inline struct block block_equal(struct block b, char c)
{
	uint64_t x = b.v ^ BLOCK_EACH(c);

	/* The sum's top bits are set but where the lower seven bits are 0; no carry leaves a
	 * byte. */
	uint64_t low = (x & BLOCK_EACH(0x7f)) + BLOCK_EACH(0x7f);

	return (struct block){ ~(low | x) & BLOCK_EACH(0x80) };
}

/* Bytes below 0x20. */
static inline struct block block_control(struct block b)
{
	return block_equal((struct block){ b.v & BLOCK_EACH(0xe0) }, 0);
}

/* Bytes from low to high, both below 0x80. */
static inline struct block block_between(struct block b, char low, char high)
{
	uint64_t x = b.v & BLOCK_EACH(0x7f);
	uint64_t from_low = x + BLOCK_EACH(0x80 - low), over_high = x + BLOCK_EACH(0x7f - high);

	return (struct block){ from_low & ~over_high & ~b.v & BLOCK_EACH(0x80) };
}

static inline struct block block_or(struct block a, struct block b)
{
	return (struct block){ a.v | b.v };
}

static inline unsigned block_bits(struct block marks)
{
	return (unsigned)((marks.v >> 7) * UINT64_C(0x0102040810204080) >> 56);
}

/* c where marked. */
static inline struct block block_replace(struct block b, struct block marks, char c)
{
	uint64_t whole = (marks.v >> 7) * 0xff;

	return (struct block){ (b.v & ~whole) | (BLOCK_EACH(c) & whole) };
}

#endif

/* What a loop over blocks may read behind its input, and write behind its output. */
enum { BLOCK_SLACK = 2 * BLOCK };

/* The bits of the first n bytes; n < BLOCK. */
static inline unsigned block_first(size_t n)
{
	return (1u << n) - 1;
}

#endif
