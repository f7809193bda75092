/*
 * Memory: the three ways it is had. A process that cannot get memory writes one log line and exits
 * with status 70 (EX_SOFTWARE): its stream is then seen to break, and the pool starts another.
 *
 *	mem_*    a checked malloc
 *	arena    many small pieces, freed together: one arena a request
 *	buf      one growing run of bytes
 */
#ifndef SLUICE_BASE_MEM_H
#define SLUICE_BASE_MEM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { MEM_PAGE = 4096 };

/* Never NULL. The count and size are multiplied with a check for overflow. */
void *mem_alloc(size_t count, size_t size);           /* not cleared */
void *mem_zero(size_t count, size_t size);            /* cleared */
void *mem_grow(void *old, size_t count, size_t size); /* realloc */
void *mem_pages(size_t n); /* MEM_PAGE bytes each, from the start of a page; not cleared */
char *mem_strdup(const char *s);

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
};

/* {0} is an empty arena. Everything allocated lives until arena_free. */
void *arena_alloc(struct arena *a, size_t len); /* aligned to 16, not cleared */
void *arena_zero(struct arena *a, size_t count, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len); /* adds a NUL */
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void arena_free(struct arena *a); /* leaves an empty arena */

struct buf {
	char *data;
	size_t len; /* bytes in use */
	size_t cap; /* bytes allocated */
};

/* {0} is an empty buffer. */
void buf_grow(struct buf *b, size_t more); /* slow path of buf_reserve */
void buf_free(struct buf *b);              /* leaves an empty buffer */
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list args);
const char *buf_str(struct buf *b); /* NUL-terminated view, valid until the next change */

/* Room for `more` bytes behind len; returns where they go. The caller then adds to len. */
static inline char *buf_reserve(struct buf *b, size_t more)
{
	if (b->cap - b->len < more)
		buf_grow(b, more);
	return b->data + b->len;
}

static inline void buf_put(struct buf *b, const void *data, size_t len)
{
	if (len)
		memcpy(buf_reserve(b, len), data, len);
	b->len += len;
}

static inline void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

static inline void buf_putc(struct buf *b, char c)
{
	*buf_reserve(b, 1) = c;
	b->len++;
}

/* The low bytes of v, up to 8, the least first. */
static inline void buf_put_integer(struct buf *b, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		buf_putc(b, (char)(v >> 8 * i));
}

/* Whether the bytes are UTF-8 (RFC 3629). */
bool utf8_valid(const char *s, size_t len);

/* JSON string with quotes; bytes that are not UTF-8 become U+FFFD. For answers and logs, not for rows. */
void buf_put_json(struct buf *b, const char *s, size_t len);

#endif
