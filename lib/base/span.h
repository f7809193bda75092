/*
 * Span: bytes from outside that are read piece by piece. Once something is wrong, so is all that follows.
 */
#ifndef SLUICE_BASE_SPAN_H
#define SLUICE_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const uint8_t *p;
	size_t left;
	bool bad;
};

/* The next len bytes; NULL when there are not so many, which makes the span bad. */
static inline const uint8_t *span_take(struct span *s, size_t len)
{
	const uint8_t *p = s->p;

	if (s->bad || s->left < len) {
		s->bad = true;
		return NULL;
	}
	s->p += len;
	s->left -= len;
	return p;
}

/* An integer of so many bytes, up to 8, the least first (buf_put_integer); 0 when there are not so many. */
static inline uint64_t span_integer(struct span *s, size_t bytes)
{
	const uint8_t *p = span_take(s, bytes);
	uint64_t v = 0;

	for (size_t i = 0; p && i < bytes; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

#endif
