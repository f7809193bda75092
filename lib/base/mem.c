#include "lib/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/log.h"

#if defined(__SANITIZE_ADDRESS__)
#define EACH_ALONE 1 /* every piece a malloc of its own, so that overruns are seen */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EACH_ALONE 1
#endif
#endif
#ifndef EACH_ALONE
#define EACH_ALONE 0
#endif

static _Noreturn void out_of_memory(size_t len)
{
	log_line(LOG_ERROR, "out of memory: %zu bytes", len);
	_exit(EX_SOFTWARE);
}

static size_t product(size_t count, size_t size)
{
	size_t len;

	if (__builtin_mul_overflow(count, size, &len))
		out_of_memory(SIZE_MAX);
	return len ? len : 1;
}

void *mem_alloc(size_t count, size_t size)
{
	return mem_grow(NULL, count, size);
}

void *mem_zero(size_t count, size_t size)
{
	void *p = calloc(1, product(count, size));

	if (!p)
		out_of_memory(product(count, size));
	return p;
}

void *mem_grow(void *old, size_t count, size_t size)
{
	size_t len = product(count, size);
	void *p = realloc(old, len);

	if (!p)
		out_of_memory(len);
	return p;
}

void *mem_pages(size_t n)
{
	size_t len = product(n, MEM_PAGE);
	void *p;

	if (posix_memalign(&p, MEM_PAGE, len))
		out_of_memory(len);
	return p;
}

char *mem_strdup(const char *s)
{
	size_t len = strlen(s) + 1;

	return memcpy(mem_alloc(len, 1), s, len);
}

enum { BLOCK_LEN = 16 * 1024 };

struct arena_block {
	struct arena_block *next;
	size_t used, cap;
	_Alignas(16) char data[];
};

static struct arena_block *add_block(struct arena *a, size_t len)
{
	size_t size;

	if (__builtin_add_overflow(len, sizeof(struct arena_block), &size))
		out_of_memory(len);
	struct arena_block *b = mem_alloc(size, 1);

	b->next = a->blocks;
	b->used = 0;
	b->cap = len;
	a->blocks = b;
	return b;
}

void *arena_alloc(struct arena *a, size_t len)
{
	struct arena_block *b = a->blocks;
	size_t rounded;

	if (__builtin_add_overflow(len, (size_t)15, &rounded))
		out_of_memory(len);
	rounded &= ~(size_t)15;
	if (EACH_ALONE)
		b = add_block(a, len); /* exact: one byte past it is an overrun */
	else if (!b || b->cap - b->used < rounded)
		b = add_block(a, rounded > BLOCK_LEN ? rounded : BLOCK_LEN);
	char *p = b->data + b->used;

	b->used += EACH_ALONE ? len : rounded;
	return p;
}

void *arena_zero(struct arena *a, size_t count, size_t size)
{
	size_t len = product(count, size);

	return memset(arena_alloc(a, len), 0, len);
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *format, ...)
{
	struct buf b = { 0 };
	va_list args;

	va_start(args, format);
	buf_vprintf(&b, format, args);
	va_end(args);
	char *p = arena_strndup(a, buf_str(&b), b.len);

	buf_free(&b);
	return p;
}

void arena_free(struct arena *a)
{
	for (struct arena_block *b = a->blocks; b;) {
		struct arena_block *next = b->next;

		free(b);
		b = next;
	}
	a->blocks = NULL;
}

void buf_grow(struct buf *b, size_t more)
{
	size_t need, cap = b->cap ? b->cap : 256;

	if (__builtin_add_overflow(b->len, more, &need))
		out_of_memory(more);
	while (cap < need)
		if (__builtin_mul_overflow(cap, (size_t)2, &cap))
			out_of_memory(need);
	b->data = mem_grow(b->data, cap, 1);
	b->cap = cap;
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
	va_list again;

	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);

	if (len > 0) {
		vsnprintf(buf_reserve(b, (size_t)len + 1), (size_t)len + 1, format, again);
		b->len += (size_t)len;
	}
	va_end(again);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	buf_vprintf(b, format, args);
	va_end(args);
}

const char *buf_str(struct buf *b)
{
	*buf_reserve(b, 1) = '\0';
	return b->data;
}

/* Length of the UTF-8 sequence at s (RFC 3629 §4), or 0 where it is not one. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
	if (s[0] < 0x80)
		return 1;
	size_t n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] < 0xc2 || s[0] > 0xf4 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

bool utf8_valid(const char *s, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = utf8_len((const unsigned char *)s + i, len - i);
		if (n == 0)
			return false;
	}
	return true;
}

void buf_put_json(struct buf *b, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;

	buf_putc(b, '"');
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_len(p + i, len - i);
		if (n == 0) {
			buf_puts(b, "\xef\xbf\xbd");
			n = 1;
		} else if (p[i] == '"' || p[i] == '\\') {
			buf_putc(b, '\\');
			buf_putc(b, (char)p[i]);
		} else if (p[i] < 0x20 || p[i] == 0x7f) {
			buf_printf(b, "\\u%04x", p[i]);
		} else {
			buf_put(b, p + i, n);
		}
	}
	buf_putc(b, '"');
}
