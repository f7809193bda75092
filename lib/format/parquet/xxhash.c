#include "lib/format/parquet/xxhash.h"

#include <endian.h>
#include <string.h>

#define PRIME_1 UINT64_C(0x9e3779b185ebca87)
#define PRIME_2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define PRIME_3 UINT64_C(0x165667b19e3779f9)
#define PRIME_4 UINT64_C(0x85ebca77c2b2ae63)
#define PRIME_5 UINT64_C(0x27d4eb2f165667c5)

enum { STRIPE = 32, LANES = 4 };

static uint64_t rotate(uint64_t v, int bits)
{
	return v << bits | v >> (64 - bits);
}

static uint64_t load_64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return le64toh(v);
}

static uint64_t load_32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return le32toh(v);
}

static uint64_t mix(uint64_t lane, uint64_t v)
{
	return rotate(lane + v * PRIME_2, 31) * PRIME_1;
}

/* All whole stripes; moves *p behind them. */
static uint64_t stripes(const uint8_t **p, const uint8_t *end)
{
	static const int turns[LANES] = { 1, 7, 12, 18 };
	uint64_t lanes[LANES] = { PRIME_1 + PRIME_2, PRIME_2, 0, 0 - PRIME_1 }, h = 0;

	for (; end - *p >= STRIPE; *p += STRIPE)
		for (int i = 0; i < LANES; i++)
			lanes[i] = mix(lanes[i], load_64(*p + 8 * i));
	for (int i = 0; i < LANES; i++)
		h += rotate(lanes[i], turns[i]);
	for (int i = 0; i < LANES; i++)
		h = (h ^ mix(0, lanes[i])) * PRIME_1 + PRIME_4;
	return h;
}

uint64_t xxhash(const void *data, size_t len)
{
	const uint8_t *p = data, *end = p + len;
	uint64_t h = len >= STRIPE ? stripes(&p, end) : PRIME_5;

	h += len;
	for (; end - p >= 8; p += 8)
		h = rotate(h ^ mix(0, load_64(p)), 27) * PRIME_1 + PRIME_4;
	if (end - p >= 4) {
		h = rotate(h ^ load_32(p) * PRIME_1, 23) * PRIME_2 + PRIME_3;
		p += 4;
	}
	for (; p < end; p++)
		h = rotate(h ^ *p * PRIME_5, 11) * PRIME_1;
	h = (h ^ h >> 33) * PRIME_2;
	h = (h ^ h >> 29) * PRIME_3;
	return h ^ h >> 32;
}
