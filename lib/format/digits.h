/*
 * Eight decimal digits at once, in one 64-bit word: the first digit is the lowest byte, so that a
 * little-endian store spells the number. Leading and trailing zeros are then a matter of counting
 * zero bytes.
 */
#ifndef SLUICE_FORMAT_DIGITS_H
#define SLUICE_FORMAT_DIGITS_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define DIGITS_ASCII UINT64_C(0x3030303030303030)

/* The digits of v < 10^8 as bytes 0..9. Each step cuts lanes in two: by 10^4, by 100, by 10. */
static inline uint64_t digits_8(uint32_t v)
{
	uint64_t x = v / 10000 | (uint64_t)(v % 10000) << 32;
	uint64_t q = (x * 10486 >> 20) &
		     UINT64_C(0x0000007f0000007f); /* 10486 / 2^20: / 100 below 10^4 */

	x = q | (x - q * 100) << 16;
	q = (x * 103 >> 10) & UINT64_C(0x000f000f000f000f); /* 103 / 2^10: / 10 below 100 */
	return q | (x - q * 10) << 8;
}

static inline void digits_store(char *out, uint64_t digits)
{
	uint64_t text = htole64(digits | DIGITS_ASCII);

	memcpy(out, &text, 8);
}

/* Exactly eight digits. */
static inline char *digits_put_8(char *out, uint32_t v)
{
	digits_store(out, digits_8(v));
	return out + 8;
}

/* v < 10^8 without leading zeros; touches eight bytes. */
static inline char *digits_put_short(char *out, uint32_t v)
{
	uint64_t d = digits_8(v);
	int skip = __builtin_ctzll(d | UINT64_C(1) << 56) / 8; /* the last digit always stays */
	uint64_t text = htole64((d | DIGITS_ASCII) >> skip * 8);

	memcpy(out, &text, 8);
	return out + 8 - skip;
}

/* Without leading zeros; room for 20. */
static inline char *digits_put(char *out, uint64_t v)
{
	const uint32_t e8 = 100000000;

	if (v < e8)
		return digits_put_short(out, (uint32_t)v);
	uint64_t high = v / e8;

	if (high < e8) {
		out = digits_put_short(out, (uint32_t)high);
	} else {
		out = digits_put_short(out, (uint32_t)(high / e8));
		out = digits_put_8(out, (uint32_t)(high % e8));
	}
	return digits_put_8(out, (uint32_t)(v % e8));
}

/* Exactly sixteen digits; v < 10^16. */
static inline char *digits_put_16(char *out, uint64_t v)
{
	const uint32_t e8 = 100000000;

	out = digits_put_8(out, (uint32_t)(v / e8));
	return digits_put_8(out, (uint32_t)(v % e8));
}

#endif
