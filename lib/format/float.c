/*
 * Schubfach (Raffaello Giulietti, "The Schubfach way to render doubles", 2020): a float c * 2^q
 * reads back from every decimal between its two half-way neighbours. k is chosen so that 10^k
 * fits into that interval but 10^(k+1) may not; one multiplication by a 128-bit power of ten each
 * brings value and neighbours to that scale, where at most four candidates are left to compare.
 *
 * As PostgreSQL does, a half-way neighbour itself is never taken for the float, though a reader
 * that rounds ties to even would: not every reader does.
 */
#include "lib/format/float.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/format/digits.h"
#include "lib/format/text.h"

struct decimal { /* digits * 10^exponent */
	uint64_t digits;
	int exponent;
};

/* ---- powers of ten: ceil(10^k * 2^(127 - floor(log2 10^k))), 128 bits with the highest one set */

enum { POWER_MIN = -292, POWER_MAX = 324, LIMBS = 14 };

struct power {
	uint64_t high, low;
};

static struct power powers[POWER_MAX - POWER_MIN + 1];
static bool has_powers;

struct wide { /* a large integer, lowest limb first */
	uint64_t limb[LIMBS];
};

/* The highest 128 bits, rounded up; always, when the number itself was rounded down (is_floor). */
static struct power wide_top(const struct wide *w, bool is_floor)
{
	int i = LIMBS - 1;

	while (w->limb[i] == 0)
		i--;
	int shift = __builtin_clzll(w->limb[i]);
	uint64_t part[3];

	for (int j = 0; j < 3; j++)
		part[j] = i - j >= 0 ? w->limb[i - j] : 0;
	struct power p = { part[0], part[1] };
	uint64_t rest = part[2] << shift;

	if (shift) {
		p.high = part[0] << shift | part[1] >> (64 - shift);
		p.low = part[1] << shift | part[2] >> (64 - shift);
	}
	for (int j = 3; i - j >= 0; j++)
		rest |= w->limb[i - j];
	if ((is_floor || rest) && ++p.low == 0)
		p.high++;
	return p;
}

static void wide_multiply(struct wide *w, uint64_t by)
{
	uint64_t carry = 0;

	for (int i = 0; i < LIMBS; i++) {
		unsigned __int128 x = (unsigned __int128)w->limb[i] * by + carry;

		w->limb[i] = (uint64_t)x;
		carry = (uint64_t)(x >> 64);
	}
}

static void wide_divide(struct wide *w, uint64_t by)
{
	uint64_t rest = 0;

	for (int i = LIMBS - 1; i >= 0; i--) {
		unsigned __int128 x = (unsigned __int128)rest << 64 | w->limb[i];

		w->limb[i] = (uint64_t)(x / by);
		rest = (uint64_t)(x % by);
	}
}

/* 5^324 has 753 bits and 2^895 / 5^292 still 217: all that is needed fits into 14 limbs. */
static __attribute__((noinline, cold)) void make_powers(void)
{
	struct wide up = { { 1 } };
	struct wide down = { { 0 } };

	down.limb[LIMBS - 1] = UINT64_C(1) << 63;
	for (int k = 0; k <= POWER_MAX; k++) {
		powers[k - POWER_MIN] = wide_top(&up, false);
		wide_multiply(&up, 5);
	}
	for (int k = -1; k >= POWER_MIN; k--) {
		wide_divide(&down, 5);
		powers[k - POWER_MIN] = wide_top(&down, true); /* 2^n / 5^k is never whole */
	}
	has_powers = true;
}

static inline const struct power *power_of_10(int k)
{
	if (__builtin_expect(!has_powers, 0))
		make_powers();
	return &powers[k - POWER_MIN];
}

/* floor(log10 2^e), floor(log10 3/4 2^e), floor(log2 10^e), exact for the exponents there are. */
static inline int log10_of_2(int e)
{
	return (e * 1262611) >> 22;
}

static inline int log10_of_three_quarters(int e)
{
	return (e * 1262611 - 524031) >> 22;
}

static inline int log2_of_10(int e)
{
	return (e * 1741647) >> 19;
}

/* ---- the shortest decimal */

/* g * c / 2^128 (2^64), its lowest bit set when anything was cut off: enough to compare exactly. */
static inline uint64_t scale_64(const struct power *g, uint64_t c)
{
	uint64_t low = (uint64_t)((unsigned __int128)g->low * c >> 64);
	unsigned __int128 x = (unsigned __int128)g->high * c + low;

	return (uint64_t)(x >> 64) | ((uint64_t)x > 1);
}

static inline uint32_t scale_32(uint64_t g, uint32_t c)
{
	unsigned __int128 x = (unsigned __int128)g * c;

	return (uint32_t)(x >> 64) | ((uint32_t)((uint64_t)x >> 32) > 1);
}

/* All in quarters of 10^k: the value, and the first and last quarter inside its interval. A
 * multiple of ten is taken where one lies inside, else the nearest of the two whole numbers about
 * the value that do. Chosen without branches: which it is, is as good as random. */
static inline struct decimal choose(uint64_t v, uint64_t first, uint64_t last, int k)
{
	uint64_t s = v / 4, tens = s / 10;
	bool is_below = first <= 40 * tens, is_above = 40 * tens + 40 <= last;
	bool has_ten = (s >= 10) & (is_below ^ is_above);
	uint64_t ten = 10 * (tens + is_above);
	uint64_t middle = 4 * s + 2;

	is_below = first <= 4 * s;
	is_above = 4 * s + 4 <= last;
	bool is_nearer_above = (v > middle) | ((v == middle) & (s & 1));
	uint64_t one = s + (is_below == is_above ? is_nearer_above : is_above);

	return (struct decimal){ has_ten ? ten : one, k };
}

/* fraction, biased: the fields of the float, which is finite and not 0. */
static inline struct decimal shortest_64(uint64_t fraction, int biased)
{
	bool is_narrow_below =
		fraction == 0 && biased > 1; /* a power of two: half as far to the next */
	uint64_t c = biased ? fraction | UINT64_C(1) << 52 : fraction;
	int q = (biased ? biased : 1) - 1075;
	int k = is_narrow_below ? log10_of_three_quarters(q) : log10_of_2(q);
	int shift = q + log2_of_10(-k) + 1;
	const struct power *g = power_of_10(-k);
	uint64_t v = scale_64(g, 4 * c << shift);
	uint64_t first = scale_64(g, (4 * c - 2 + is_narrow_below) << shift) + 1;
	uint64_t last = scale_64(g, (4 * c + 2) << shift) - 1;

	return choose(v, first, last, k);
}

static inline struct decimal shortest_32(uint32_t fraction, int biased)
{
	bool is_narrow_below = fraction == 0 && biased > 1;
	uint32_t c = biased ? fraction | UINT32_C(1) << 23 : fraction;
	int q = (biased ? biased : 1) - 150;
	int k = is_narrow_below ? log10_of_three_quarters(q) : log10_of_2(q);
	int shift = q + log2_of_10(-k) + 1;
	const struct power *p = power_of_10(-k);
	uint64_t g = p->high + (p->low != 0); /* the ceiling again, of 64 bits */
	uint32_t v = scale_32(g, 4 * c << shift);
	uint32_t first = scale_32(g, (4 * c - 2 + is_narrow_below) << shift) + 1;
	uint32_t last = scale_32(g, (4 * c + 2) << shift) - 1;

	return choose(v, first, last, k);
}

/* ---- its spelling */

enum { DIGITS_64 = 17, DIGITS_32 = 9 }; /* no shortest text has more */

/* From the left, zeros behind: the first digit, and sixteen as they stand in memory. */
struct digits {
	unsigned __int128 rest; /* ASCII, the second digit in the lowest byte */
	char first;
	int n;     /* without the zeros behind, at least 1 */
	int point; /* digits before the point; negative: zeros behind it */
};

/* Zeros behind the digits until there are as many as `one` has. Two steps, which ask nothing, are
 * enough but for the smallest floats. */
static inline void fill_up(struct decimal *d, uint64_t one)
{
	for (int i = 0; i < 2; i++) {
		bool is_short = d->digits < one;

		d->digits *= is_short ? 10 : 1;
		d->exponent -= is_short;
	}
	while (__builtin_expect(d->digits < one, 0)) {
		d->digits *= 10;
		d->exponent--;
	}
}

static inline struct digits spread_64(struct decimal d)
{
	const uint64_t e8 = 100000000, e16 = e8 * e8;

	fill_up(&d, e16);
	uint64_t high = digits_8((uint32_t)(d.digits / e8 % e8));
	uint64_t low = digits_8((uint32_t)(d.digits % e8));
	int zeros = low ? __builtin_clzll(low) / 8 : high ? 8 + __builtin_clzll(high) / 8 : 16;

	high |= DIGITS_ASCII;
	low |= DIGITS_ASCII;
	return (struct digits){ (unsigned __int128)low << 64 | high, (char)('0' + d.digits / e16),
		DIGITS_64 - zeros, DIGITS_64 + d.exponent };
}

static inline struct digits spread_32(struct decimal d)
{
	const uint32_t e8 = 100000000;

	fill_up(&d, e8);
	uint64_t high = digits_8((uint32_t)d.digits % e8);
	int zeros = high ? __builtin_clzll(high) / 8 : 8;

	high |= DIGITS_ASCII;
	return (struct digits){ (unsigned __int128)DIGITS_ASCII << 64 | high,
		(char)('0' + (uint32_t)d.digits / e8), DIGITS_32 - zeros, DIGITS_32 + d.exponent };
}

static inline void put_rest(char *out, unsigned __int128 rest)
{
	uint64_t two[2] = { htole64((uint64_t)rest), htole64((uint64_t)(rest >> 64)) };

	memcpy(out, two, 16);
}

static inline char *put_fixed(char *out, const struct digits *d)
{
	if (d->point <= 0) {
		memcpy(out, "0.000000", 8);
		out += 2 - d->point;
		*out = d->first;
		put_rest(out + 1, d->rest);
		return out + d->n;
	}
	*out = d->first;
	if (d->n <= d->point) {
		put_rest(out + 1, d->rest);
		return out + d->point;
	}
	/* What stands behind the point moves on by one; the last digit falls off and is put by
	 * itself. */
	int at = 8 * (d->point - 1);
	unsigned __int128 before = d->rest & (((unsigned __int128)1 << at) - 1);

	put_rest(out + 1, (d->rest - before) << 8 | (unsigned __int128)'.' << at | before);
	out[DIGITS_64] = (char)(d->rest >> 120);
	return out + d->n + 1;
}

static char *put_scientific(char *out, const struct digits *d)
{
	int e = d->point - 1;
	unsigned u = (unsigned)(e < 0 ? -e : e);

	*out = d->first;
	out[1] = '.';
	put_rest(out + 2, d->rest);
	out += d->n + (d->n > 1);
	*out++ = 'e';
	*out++ = e < 0 ? '-' : '+';
	if (u >= 100)
		*out++ = (char)('0' + u / 100);
	*out++ = (char)('0' + u / 10 % 10);
	*out++ = (char)('0' + u % 10);
	return out;
}

static inline char *put_digits(char *out, struct digits d, int fixed_max)
{
	if (d.point > -4 && d.point <= fixed_max)
		return put_fixed(out, &d);
	return put_scientific(out, &d);
}

static char *put_special(char *out, bool is_nan, bool is_negative)
{
	const char *text = is_nan ? "NaN" : is_negative ? "-Infinity" : "Infinity";
	size_t len = strlen(text);

	memcpy(out, text, len);
	return out + len;
}

char *text_float64(char *out, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, 8);
	bool is_negative = bits >> 63;
	uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
	int biased = (int)(bits >> 52 & 0x7ff);

	if (biased == 0x7ff)
		return put_special(out, fraction, is_negative);
	*out = '-';
	out += is_negative;
	double positive = is_negative ? -v : v;

	if (positive < 1e15 && positive == (double)(int64_t)positive)
		return digits_put(out, (uint64_t)positive);
	return put_digits(out, spread_64(shortest_64(fraction, biased)), 15);
}

char *text_float32(char *out, float v)
{
	uint32_t bits;

	memcpy(&bits, &v, 4);
	bool is_negative = bits >> 31;
	uint32_t fraction = bits & ((UINT32_C(1) << 23) - 1);
	int biased = (int)(bits >> 23 & 0xff);

	if (biased == 0xff)
		return put_special(out, fraction, is_negative);
	*out = '-';
	out += is_negative;
	float positive = is_negative ? -v : v;

	if (positive < 1e6f && positive == (float)(int32_t)positive)
		return digits_put(out, (uint64_t)positive);
	return put_digits(out, spread_32(shortest_32(fraction, biased)), 6);
}
