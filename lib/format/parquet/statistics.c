#include "lib/format/parquet/statistics.h"

#include <endian.h>
#include <math.h>

#include "lib/format/parquet/plain.h"

/* ---- numbers */

static void set_number(struct bound *b, const struct leaf *l, int64_t v)
{
	uint64_t all = htole64((uint64_t)v); /* the low bytes first: a prefix is the value */

	b->len = l->type == LEAF_BOOLEAN ? 1 : (uint8_t)leaf_width(l);
	b->is_exact = true;
	memcpy(b->bytes, &all, b->len);
}

static double to_double(const struct leaf *l, int64_t bits)
{
	if (l->type == LEAF_FLOAT) {
		uint32_t low = (uint32_t)bits;
		float v;

		memcpy(&v, &low, sizeof v);
		return v;
	}
	double v;

	memcpy(&v, &bits, sizeof v);
	return v;
}

static int64_t to_bits(const struct leaf *l, double v)
{
	uint32_t low;
	float narrow = (float)v;
	int64_t bits;

	memcpy(&low, &narrow, sizeof low);
	memcpy(&bits, &v, sizeof bits);
	return l->type == LEAF_FLOAT ? (int64_t)low : bits;
}

static void bounds_of_floats(struct bounds *b, const struct leaf *l, const int64_t *v, size_t n)
{
	double least = INFINITY, greatest = -INFINITY;

	for (size_t i = 0; i < n; i++) {
		double x = to_double(l, v[i]);

		b->has_nan |= x != x;
		least = x < least ? x : least;
		greatest = x > greatest ? x : greatest;
	}
	b->has = !b->has_nan;
	set_number(&b->least, l, to_bits(l, least == 0 ? -0.0 : least));
	set_number(&b->greatest, l, to_bits(l, greatest == 0 ? 0.0 : greatest));
}

void bounds_of_numbers(struct bounds *b, const struct leaf *l, const int64_t *v, size_t n)
{
	*b = (struct bounds){ 0 };
	if (!n)
		return;
	if (l->order == LEAF_FLOATING) {
		bounds_of_floats(b, l, v, n);
		return;
	}
	int64_t least = v[0], greatest = v[0];

	for (size_t i = 1; i < n; i++) {
		least = v[i] < least ? v[i] : least;
		greatest = v[i] > greatest ? v[i] : greatest;
	}
	b->has = true;
	set_number(&b->least, l, least);
	set_number(&b->greatest, l, greatest);
}

/* ---- bytes */

/* A value, and its first 8 bytes as a number that compares as they do; zeros behind a shorter one. */
struct run {
	const uint8_t *bytes;
	size_t len;
	uint64_t head;
};

static uint64_t head_of(const struct leaf *l, const uint8_t *bytes, size_t len)
{
	uint64_t head = 0;

	if (len >= sizeof head)
		memcpy(&head, bytes, sizeof head);
	else
		memcpy(&head, bytes, len);
	return be64toh(head) ^ (l->order == LEAF_BIG_ENDIAN ? UINT64_C(1) << 63 : 0);
}

static int compare_bytes(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	int d = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return d ? d : (a_len > b_len) - (a_len < b_len);
}

static bool is_below(const struct run *a, const struct run *b)
{
	if (a->head != b->head)
		return a->head < b->head;
	return compare_bytes(a->bytes, a->len, b->bytes, b->len) < 0;
}

/* Where text may be cut: before a character that begins at or before `len`. */
static size_t cut_text(const uint8_t *bytes, size_t len)
{
	while (len && (bytes[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static void set_least(struct bound *b, const struct leaf *l, const struct run *r)
{
	size_t len = r->len;

	if (len > BOUND_MOST)
		len = l->is_text ? cut_text(r->bytes, BOUND_MOST) : BOUND_MOST;
	memcpy(b->bytes, r->bytes, len);
	b->len = (uint8_t)len;
	b->is_exact = len == r->len;
}

/* Raises the last byte that can be raised. False: there is none. */
static bool raise_bytes(struct bound *b)
{
	while (b->len && b->bytes[b->len - 1] == 0xff)
		b->len--;
	if (b->len)
		b->bytes[b->len - 1]++;
	return b->len > 0;
}

/* Raises the last character that is not the last one of its length: a byte more behind the same lead is one too. */
static bool raise_text(struct bound *b)
{
	while (b->len && (b->bytes[b->len - 1] == 0x7f || b->bytes[b->len - 1] == 0xbf)) {
		do
			b->len--;
		while ((b->bytes[b->len] & 0xc0) == 0x80);
	}
	if (b->len)
		b->bytes[b->len - 1]++;
	return b->len > 0;
}

static bool set_greatest(struct bound *b, const struct leaf *l, const struct run *r)
{
	set_least(b, l, r);
	if (b->is_exact)
		return true;
	return l->is_text ? raise_text(b) : raise_bytes(b);
}

struct extremes {
	struct run least, greatest;
	bool has;
};

static inline void see(struct extremes *x, const struct leaf *l, const uint8_t *bytes, size_t len)
{
	struct run r = { bytes, len, head_of(l, bytes, len) };

	if (!x->has)
		*x = (struct extremes){ r, r, true };
	else if (is_below(&r, &x->least))
		x->least = r;
	else if (is_below(&x->greatest, &r))
		x->greatest = r;
}

static void set_extremes(struct bounds *b, const struct leaf *l, const struct extremes *x)
{
	*b = (struct bounds){ 0 };
	if (!x->has)
		return;
	set_least(&b->least, l, &x->least);
	b->has = set_greatest(&b->greatest, l, &x->greatest);
}

void bounds_of_bytes(struct bounds *b, const struct leaf *l, const uint8_t *bytes,
	const uint32_t *lengths, size_t n)
{
	struct extremes x = { 0 };

	for (size_t i = 0; i < n; i++) {
		see(&x, l, bytes, lengths[i]);
		bytes += lengths[i];
	}
	set_extremes(b, l, &x);
}

/* ---- of parts */

static int64_t number_of(const struct bound *b)
{
	uint64_t all = 0;

	memcpy(&all, b->bytes, b->len);
	all = le64toh(all);
	return b->len == 4 ? (int32_t)all : (int64_t)all;
}

int bound_compare(const struct leaf *l, const struct bound *a, const struct bound *b)
{
	if (l->is_bytes) {
		struct run x = { a->bytes, a->len, head_of(l, a->bytes, a->len) };
		struct run y = { b->bytes, b->len, head_of(l, b->bytes, b->len) };

		return is_below(&y, &x) - is_below(&x, &y);
	}
	int64_t x = number_of(a), y = number_of(b);

	if (l->order == LEAF_FLOATING) {
		double p = to_double(l, x), q = to_double(l, y);

		return (p > q) - (p < q);
	}
	return (x > y) - (x < y);
}

void bounds_merge(struct bounds *b, const struct leaf *l, const struct bounds *other)
{
	if (!b->has) {
		*b = *other;
		return;
	}
	if (bound_compare(l, &other->least, &b->least) < 0)
		b->least = other->least;
	if (bound_compare(l, &other->greatest, &b->greatest) > 0)
		b->greatest = other->greatest;
}

void bounds_put(const struct bounds *b, int64_t nulls_n, struct thrift *t, int16_t id)
{
	thrift_struct(t, id);
	thrift_i64(t, 3, nulls_n);
	if (b->has) {
		thrift_binary(t, 5, b->greatest.bytes, b->greatest.len);
		thrift_binary(t, 6, b->least.bytes, b->least.len);
		thrift_bool(t, 7, b->greatest.is_exact);
		thrift_bool(t, 8, b->least.is_exact);
	}
	thrift_end(t);
}
