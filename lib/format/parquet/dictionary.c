#include "lib/format/parquet/dictionary.h"

#include <endian.h>
#include <stdlib.h>

#include "lib/format/parquet/plain.h"

/* Slots at first; a table is at most half full. */
enum { SLOTS_FIRST = 64 };

/* Odd, and half its bits set, so that high bits of a product depend on all of a value (Knuth, 6.4). */
#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

static uint32_t hash_number(uint64_t v)
{
	v *= MULTIPLIER;
	return (uint32_t)((v ^ v >> 29) * MULTIPLIER >> 32);
}

static uint64_t load(const uint8_t *p, size_t len)
{
	uint64_t v = 0;

	memcpy(&v, p, len);
	return v;
}

static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product =
		(unsigned __int128)(a ^ MULTIPLIER) * (b ^ (MULTIPLIER << 1 | 1));

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The last 16 bytes, or fewer, may overlap those before. */
static uint32_t hash_bytes(const uint8_t *p, size_t len)
{
	uint64_t h = len;

	if (len > 16) {
		size_t at = 0;

		for (; at + 16 < len; at += 16)
			h = fold(load(p + at, 8) ^ h, load(p + at + 8, 8));
		h = fold(load(p + len - 16, 8) ^ h, load(p + len - 8, 8));
	} else if (len >= 8) {
		h = fold(load(p, 8) ^ h, load(p + len - 8, 8));
	} else if (len >= 4) {
		h = fold(load(p, 4) ^ h, load(p + len - 4, 4));
	} else if (len) {
		h = fold(p[0] ^ h, (uint64_t)p[len / 2] << 8 | p[len - 1]);
	}
	return (uint32_t)(h ^ h >> 32);
}

static void grow(struct dictionary *d)
{
	uint32_t n = d->slots ? (d->mask + 1) * 2 : SLOTS_FIRST, old = d->slots ? d->mask + 1 : 0;
	struct dictionary_slot *slots = mem_zero(n, sizeof *slots);

	for (uint32_t i = 0; i < old; i++) {
		uint32_t at = d->slots[i].hash & (n - 1);

		if (!d->slots[i].index)
			continue;
		while (slots[at].index)
			at = (at + 1) & (n - 1);
		slots[at] = d->slots[i];
	}
	free(d->slots);
	d->slots = slots;
	d->mask = n - 1;
}

/* ---- numbers */

static inline uint32_t index_number(struct dictionary *d, int64_t v)
{
	uint32_t hash = hash_number((uint64_t)v), at = hash & d->mask;
	struct dictionary_slot *slot;

	for (; (slot = &d->slots[at])->index; at = (at + 1) & d->mask)
		if (slot->hash == hash && dictionary_numbers(d)[slot->index - 1] == v)
			return slot->index - 1;
	*slot = (struct dictionary_slot){ hash, ++d->n };
	buf_put(&d->values, &v, sizeof v);
	if (d->n * 2 > d->mask)
		grow(d);
	return d->n - 1;
}

/* ---- bytes */

const uint8_t *dictionary_bytes(
	const struct dictionary *d, const struct leaf *l, uint32_t i, size_t *len)
{
	const uint8_t *p = (const uint8_t *)d->values.data;
	uint32_t start, size = LEAF_FIXED_LEN;

	if (l->type == LEAF_FIXED) {
		*len = size;
		return p + (size_t)size * i;
	}
	memcpy(&start, d->starts.data + sizeof start * i, sizeof start);
	memcpy(&size, p + start, sizeof size);
	*len = le32toh(size);
	return p + start + sizeof size;
}

static bool is_value(const struct dictionary *d, const struct leaf *l, uint32_t i,
	const uint8_t *bytes, size_t len)
{
	size_t its_len;
	const uint8_t *its = dictionary_bytes(d, l, i, &its_len);

	return its_len == len && memcmp(its, bytes, len) == 0;
}

static void add_bytes(
	struct dictionary *d, const struct leaf *l, const uint8_t *bytes, uint32_t len)
{
	uint32_t start = (uint32_t)d->values.len;

	if (l->type == LEAF_FIXED) {
		buf_put(&d->values, bytes, len);
		return;
	}
	buf_put(&d->starts, &start, sizeof start);
	plain_put_bytes(&d->values, bytes, &len, 1);
}

static inline uint32_t index_bytes(
	struct dictionary *d, const struct leaf *l, const uint8_t *bytes, uint32_t len)
{
	uint32_t hash = hash_bytes(bytes, len), at = hash & d->mask;
	struct dictionary_slot *slot;

	for (; (slot = &d->slots[at])->index; at = (at + 1) & d->mask)
		if (slot->hash == hash && is_value(d, l, slot->index - 1, bytes, len))
			return slot->index - 1;
	*slot = (struct dictionary_slot){ hash, ++d->n };
	add_bytes(d, l, bytes, len);
	if (d->n * 2 > d->mask)
		grow(d);
	return d->n - 1;
}

/* ---- what a column asks of it */

void dictionary_add(
	struct dictionary *d, const struct leaf *l, const struct stage *s, struct buf *indices)
{
	size_t n = (size_t)s->values_n;
	const uint8_t *bytes = stage_bytes(s);

	if (!n)
		return;
	if (!d->slots)
		grow(d);
	uint32_t *to = (uint32_t *)(void *)buf_reserve(indices, n * sizeof *to);

	if (l->is_bytes) {
		for (size_t i = 0; i < n; i++) {
			to[i] = index_bytes(d, l, bytes, stage_lengths(s)[i]);
			bytes += stage_lengths(s)[i];
		}
	} else {
		for (size_t i = 0; i < n; i++)
			to[i] = index_number(d, stage_numbers(s)[i]);
	}
	indices->len += n * sizeof *to;
}

void dictionary_restore(const struct dictionary *d, const struct leaf *l, const uint32_t *indices,
	size_t n, struct stage *s)
{
	for (size_t i = 0; i < n; i++) {
		if (l->is_bytes) {
			size_t len;
			const uint8_t *bytes = dictionary_bytes(d, l, indices[i], &len);
			uint32_t length = (uint32_t)len;

			buf_put(&s->values, bytes, len);
			buf_put(&s->lengths, &length, sizeof length);
		} else {
			buf_put(&s->values, &dictionary_numbers(d)[indices[i]], sizeof(int64_t));
		}
	}
	s->values_n += (int32_t)n;
}

size_t dictionary_size(const struct dictionary *d, const struct leaf *l)
{
	return l->is_bytes ? d->values.len : d->n * leaf_width(l);
}

void dictionary_put(const struct dictionary *d, const struct leaf *l, struct buf *out)
{
	if (l->is_bytes)
		buf_put(out, d->values.data, d->values.len);
	else
		plain_put_numbers(out, l->type, dictionary_numbers(d), d->n);
}

void dictionary_reset(struct dictionary *d)
{
	d->values.len = 0;
	d->starts.len = 0;
	d->n = 0;
	if (d->slots)
		memset(d->slots, 0, ((size_t)d->mask + 1) * sizeof *d->slots);
}

void dictionary_free(struct dictionary *d)
{
	buf_free(&d->values);
	buf_free(&d->starts);
	free(d->slots);
	*d = (struct dictionary){ 0 };
}
