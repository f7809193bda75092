/*
 * XML text: characters as the content of an element (XML 1.0, Fifth Edition, sections 2.2 and 2.4).
 *
 *	& < >           &amp; &lt; &gt;
 *	CR              &#13;, since a parser turns a bare one into LF (section 2.11)
 *	TAB, LF         as they are
 *	not allowed     U+FFFD: U+0000 to U+001F but for the three above, U+FFFE, U+FFFF, and lone
 *	                surrogates, which JSON can name
 *
 * Text is UTF-8, as every source delivers it. Where it is read character by character, a byte that
 * is not is U+DC00 + byte.
 */
#ifndef SLUICE_FORMAT_XML_TEXT_H
#define SLUICE_FORMAT_XML_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/format/block.h"
#include "lib/format/row_out.h"

enum {
	XML_TEXT_WORST = 5,    /* bytes that a byte may become: &amp; */
	XML_TEXT_CHAR = 8,     /* bytes that putting one character may touch */
	XML_TEXT_BYTE = 0xdc00 /* and a byte: what is not UTF-8 */
};

/* Room for XML_TEXT_WORST * len; reads up to BLOCK_SLACK bytes behind the input and writes up to
 * BLOCK_SLACK behind what it returns. Keeps no state: a text may come in pieces that are cut
 * between characters. */
char *xml_text_escape(char *out, const uint8_t *in, size_t len);

/* The same for a text of any length, of which nothing behind its end is read. */
char *xml_text_escape_long(struct row_out *o, char *p, const uint8_t *in, size_t len);

/* The next character of text that is not at its end; *in moves behind it. */
uint32_t xml_text_next(const uint8_t **in, const uint8_t *end);

/* One character, escaped: XML_TEXT_CHAR of room. */
char *xml_text_put(char *out, uint32_t c);

/* The bytes of a block that may not be copied unseen; TAB, LF and what begins with the byte of
 * U+FFFE among them. */
static inline unsigned xml_text_marks(struct block b)
{
	struct block marks = block_or(block_equal(b, '&'), block_equal(b, '<'));

	marks = block_or(marks, block_or(block_equal(b, '>'), block_control(b)));
	return block_bits(block_or(marks, block_equal(b, (char)0xef)));
}

#endif
