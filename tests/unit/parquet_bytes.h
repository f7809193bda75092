/*
 * Thrift and the encodings of Parquet, read for tests as the specifications have them, bit by bit, sharing nothing with the
 * writer. What is not as it should be ends the program.
 */
#ifndef SLUICE_TESTS_PARQUET_BYTES_H
#define SLUICE_TESTS_PARQUET_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"

#define JUDGE(x) ((x) ? (void)0 : judge_failed(#x, __LINE__))

static inline _Noreturn void judge_failed(const char *what, int line)
{
	fprintf(stderr, "parquet_bytes.h:%d: not so: %s\n", line, what);
	abort();
}

/* ---- bytes */

struct judge_span {
	const uint8_t *p, *end;
};

static inline const uint8_t *judge_take(struct judge_span *s, size_t n)
{
	const uint8_t *at = s->p;

	JUDGE((size_t)(s->end - s->p) >= n);
	s->p += n;
	return at;
}

static inline uint64_t judge_little(struct judge_span *s, size_t n)
{
	const uint8_t *p = judge_take(s, n);
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static inline uint64_t judge_varint(struct judge_span *s)
{
	uint64_t v = 0;

	for (int shift = 0;; shift += 7) {
		uint8_t byte = *judge_take(s, 1);

		JUDGE(shift < 64);
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
}

static inline int64_t judge_zigzag(struct judge_span *s)
{
	uint64_t v = judge_varint(s);

	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* Bit `at`.. of `width`, least significant first, one by one. */
static inline uint64_t judge_bits(const uint8_t *p, size_t at, unsigned width)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < width; i++)
		v |= (uint64_t)(p[(at + i) / 8] >> (at + i) % 8 & 1) << i;
	return v;
}

/* ---- Thrift, compact protocol: a tree of what is there */

struct judge_node {
	int type; /* of the protocol: 1 true, 2 false, 3 to 6 integers, 8 binary, 9 list, 12 struct */
	int id;   /* of a field */
	int64_t number;
	struct judge_span bytes;
	struct judge_node *items; /* of a struct or list */
	size_t n;
};

static inline void judge_value(struct judge_node *node, struct judge_span *s, struct arena *a);

static inline struct judge_node *judge_more(struct judge_node *node, struct arena *a)
{
	struct judge_node *items = arena_zero(a, node->n + 1, sizeof *items);

	if (node->n)
		memcpy(items, node->items, node->n * sizeof *items);
	node->items = items;
	return &items[node->n++];
}

static inline void judge_struct(struct judge_node *node, struct judge_span *s, struct arena *a)
{
	int id = 0;

	for (uint8_t head; (head = *judge_take(s, 1)) != 0;) {
		struct judge_node *field = judge_more(node, a);

		id = head >> 4 ? id + (head >> 4) : (int)judge_zigzag(s);
		JUDGE(node->n < 2 || id > node->items[node->n - 2].id);
		field->id = id;
		field->type = head & 15;
		judge_value(field, s, a);
	}
}

static inline void judge_list(struct judge_node *node, struct judge_span *s, struct arena *a)
{
	uint8_t head = *judge_take(s, 1);
	size_t n = head >> 4 == 15 ? judge_varint(s) : head >> 4;

	node->items = arena_zero(a, n, sizeof *node->items);
	for (; node->n < n; node->n++) {
		struct judge_node *item = &node->items[node->n];

		item->type = head & 15;
		if (item->type <= 2)
			item->type = *judge_take(s, 1);
		judge_value(item, s, a);
	}
}

static inline void judge_value(struct judge_node *node, struct judge_span *s, struct arena *a)
{
	size_t len;

	switch (node->type) {
	case 1: node->number = 1; break;
	case 2: break;
	case 3: node->number = (int8_t)*judge_take(s, 1); break;
	case 4:
	case 5:
	case 6: node->number = judge_zigzag(s); break;
	case 8:
		len = judge_varint(s);
		node->bytes.p = judge_take(s, len);
		node->bytes.end = s->p;
		break;
	case 9: judge_list(node, s, a); break;
	case 12: judge_struct(node, s, a); break;
	default: JUDGE(!"a type of Thrift");
	}
}

/* NULL where the field is not there. */
static inline const struct judge_node *judge_find(const struct judge_node *node, int id)
{
	for (size_t i = 0; i < node->n; i++)
		if (node->items[i].id == id)
			return &node->items[i];
	return NULL;
}

static inline const struct judge_node *judge_get(const struct judge_node *node, int id)
{
	const struct judge_node *found = judge_find(node, id);

	JUDGE(found != NULL);
	return found;
}

static inline int64_t judge_number(const struct judge_node *node, int id)
{
	return judge_get(node, id)->number;
}

/* ---- encodings. Integers are read as 64 bits. */

static inline void judge_hybrid(struct judge_span s, unsigned width, size_t n, uint32_t *to)
{
	for (size_t i = 0; i < n;) {
		uint64_t head = judge_varint(&s), run = head >> 1;

		JUDGE(run > 0);
		if (head & 1) {
			const uint8_t *p = judge_take(&s, run * width);

			for (size_t k = 0; k < run * 8 && i < n; k++)
				to[i++] = (uint32_t)judge_bits(p, k * width, width);
		} else {
			uint32_t v = (uint32_t)judge_little(&s, (width + 7) / 8);

			JUDGE(run <= n - i);
			while (run--)
				to[i++] = v;
		}
	}
	JUDGE(s.p == s.end);
}

/* DELTA_BINARY_PACKED; `bits` wide sums. Moves behind it. */
static inline void judge_delta(struct judge_span *s, int bits, size_t n, int64_t *to)
{
	size_t block = judge_varint(s), minis = judge_varint(s), all = judge_varint(s);
	uint64_t v = (uint64_t)judge_zigzag(s);
	size_t mini, i = 0;

	JUDGE(block % 128 == 0 && minis && block % minis == 0 && block / minis % 32 == 0);
	JUDGE(all == n);
	mini = block / minis;
	if (n)
		to[i++] = bits == 32 ? (int32_t)v : (int64_t)v;
	while (i < n) {
		uint64_t least = (uint64_t)judge_zigzag(s);
		const uint8_t *widths = judge_take(s, minis);

		for (size_t m = 0; m < minis && i < n; m++) {
			const uint8_t *p = judge_take(s, mini * widths[m] / 8);

			JUDGE(widths[m] <= bits);
			for (size_t k = 0; k < mini && i < n; k++) {
				v += least + judge_bits(p, k * widths[m], widths[m]);
				to[i++] = bits == 32 ? (int32_t)v : (int64_t)v;
			}
		}
	}
}

#endif
