/*
 * JSON as XML elements, read once from front to end, without a tree and without recursion:
 *
 *	{"a": 1, "b c": null}   <a>1</a><b_x0020_c xsi:nil="true"/>    names as in xml_name.h
 *	[true, "x"]             <item>true</item><item>x</item>
 *	"tab\t"                 its characters, escapes undone, as xml_text.h writes them
 *	1.50, true              as they are
 *
 * {} and [] are elements without content. White space between tokens is not kept, the order of
 * members and members of one name are. How deep it nests is limited by memory alone, 16 bytes a
 * level; who reads it may have limits (libxml2: 256 elements, unless told to take huge documents).
 *
 * The text is one JSON value (RFC 8259). Of any other as much is written as can be read, and every
 * element is closed all the same.
 */
#ifndef SLUICE_FORMAT_XML_JSON_H
#define SLUICE_FORMAT_XML_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/format/row_out.h"

enum { XML_TAG_COPY = 32 }; /* bytes of a tag copied in one go */

struct xml_tag {
	const char *text; /* readable up to XML_TAG_COPY */
	size_t len;
};

/* An element that stands in every row. */
struct xml_element {
	struct xml_tag open, close;
	struct xml_tag nil; /* instead of both */
};

static inline char *xml_tag_put(char *p, const struct xml_tag *t)
{
	memcpy(p, t->text, XML_TAG_COPY);
	if (__builtin_expect(t->len > XML_TAG_COPY, 0))
		memcpy(p, t->text, t->len);
	return p + t->len;
}

struct xml_level;

/* The elements that are open. {0} is none; kept from value to value. */
struct xml_json {
	struct xml_level *levels;
	size_t n, cap;
};

void xml_json_free(struct xml_json *j);

/* The value as the content of the element, whose tags are among the fixed bytes of a row. Of the
 * text `readable` bytes may be read, at least len. */
char *xml_json_put(struct xml_json *j, struct row_out *o, char *p, const struct xml_element *e,
	const uint8_t *in, size_t len, size_t readable);

#endif
