#include "lib/format/xml_text.h"

#define PUT(p, literal) (memcpy(p, literal, sizeof literal - 1), (p) + sizeof literal - 1)

enum { REPLACEMENT = 0xfffd };

/* ---- characters */

uint32_t xml_text_next(const uint8_t **in, const uint8_t *end)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const uint8_t *p = *in;
	uint8_t lead = *p;
	int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
	uint32_t c = lead & (0x3fu >> more);

	*in = p + 1;
	if (lead < 0x80)
		return lead;
	if (lead < 0xc2 || lead > 0xf4 || end - p <= more)
		return XML_TEXT_BYTE + lead;
	for (int i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return XML_TEXT_BYTE + lead;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return XML_TEXT_BYTE + lead;
	*in = p + 1 + more;
	return c;
}

static char *put_utf8(char *out, uint32_t c)
{
	if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*out++ = (char)(0xe0 | c >> 12);
		} else {
			*out++ = (char)(0xf0 | c >> 18);
			*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*out++ = (char)(0x80 | (c & 0x3f));
	return out;
}

static bool is_forbidden(uint32_t c)
{
	return c < 0x20 || (c >= 0xd800 && c <= 0xdfff) || c == 0xfffe || c == 0xffff ||
	       c > 0x10ffff;
}

char *xml_text_put(char *out, uint32_t c)
{
	switch (c) {
	case '&': return PUT(out, "&amp;");
	case '<': return PUT(out, "&lt;");
	case '>': return PUT(out, "&gt;");
	case '\r': return PUT(out, "&#13;");
	case '\t':
	case '\n': *out = (char)c; return out + 1;
	}
	if (is_forbidden(c))
		return put_utf8(out, REPLACEMENT);
	if (c >= 0x80)
		return put_utf8(out, c);
	*out = (char)c;
	return out + 1;
}

/* ---- text */

/* Of the bytes marked, those that are to be replaced. Of the many characters that begin with
 * 0xef (forms of full width) only U+FFFE and U+FFFF are. */
static unsigned special_bits(const uint8_t *in, struct block b, unsigned marks)
{
	struct block second = block_load(in + 1), third = block_load(in + 2);
	unsigned fine = block_bits(block_or(block_equal(b, '\t'), block_equal(b, '\n')));
	unsigned high = block_bits(block_equal(b, (char)0xef));

	high &= ~(block_bits(block_equal(second, (char)0xbf)) &
		  block_bits(block_or(
			  block_equal(third, (char)0xbe), block_equal(third, (char)0xbf))));
	return marks & ~fine & ~high;
}

char *xml_text_escape(char *out, const uint8_t *in, size_t len)
{
	const uint8_t *end = in + len;

	for (;;) {
		struct block b = block_load(in);
		size_t left = (size_t)(end - in);
		unsigned marks = xml_text_marks(b);

		block_store(out, b);
		if (left < BLOCK)
			marks &= block_first(left);
		if (marks)
			marks = special_bits(in, b, marks);
		if (marks) {
			int at = __builtin_ctz(marks);

			in += at;
			out = xml_text_put(out + at, xml_text_next(&in, end));
		} else if (left > BLOCK) {
			in += BLOCK;
			out += BLOCK;
		} else {
			return out + left;
		}
	}
}

/* The most of the first n bytes that do not end inside a character; there are more than n. */
static size_t whole_characters(const uint8_t *in, size_t n)
{
	size_t at = n;

	while (at > 0 && n - at < 3 && (in[at] & 0xc0) == 0x80)
		at--;
	return at > 0 && (in[at] & 0xc0) != 0x80 ? at : n;
}

char *xml_text_escape_long(struct row_out *o, char *p, const uint8_t *in, size_t len)
{
	for (size_t n = len; len; in += n, len -= n, n = len) {
		const uint8_t *span = row_out_span(o, in, &n);

		if (n < len)
			n = whole_characters(in, n);
		p = xml_text_escape(row_out_room(o, p, n * XML_TEXT_WORST), span, n);
	}
	return p;
}
