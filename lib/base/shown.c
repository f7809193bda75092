#include "lib/base/shown.h"

enum { SHOWN_MAX = 48 };

/* The character at *p (UTF-8, which is what the caller has made sure of), and *p behind it. */
static uint32_t take(const unsigned char **p)
{
	uint32_t c = *(*p)++;
	int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

	if (more)
		c &= 0x3fU >> more;
	for (; more > 0 && (**p & 0xc0) == 0x80; more--)
		c = c << 6 | (*(*p)++ & 0x3f);
	return c;
}

/* Controls, separators of lines and paragraphs, and what turns the direction of text (UAX #9). */
static bool is_unfit(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

const char *shown(struct arena *a, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	struct buf b = { 0 };

	buf_putc(&b, '"');
	while (*p && b.len < SHOWN_MAX) {
		const unsigned char *from = p;
		uint32_t c = take(&p);

		if (is_unfit(c)) {
			buf_printf(&b, "\\u%04x", (unsigned)c);
			continue;
		}
		if (c == '"' || c == '\\')
			buf_putc(&b, '\\');
		buf_put(&b, from, (size_t)(p - from));
	}
	buf_puts(&b, *p ? "…\"" : "\"");
	const char *out = arena_strndup(a, b.data, b.len);

	buf_free(&b);
	return out;
}
