/*
 * XML names: any name as an NCName (Namespaces in XML 1.0, section 4), as ISO/IEC 9075-14 (SQL/XML)
 * section 9.1 maps identifiers, fully escaped:
 *
 *	a character that no name may hold there    _xHHHH_, beyond U+FFFF _xHHHHHH_
 *	a colon                                    _x003A_
 *	_ before x                                 _x005F_
 *	x or X of an initial xml, in any case      _x0078_, _x0058_
 *
 * and beyond it: a byte that is not UTF-8 is _xDCHH_, and a name of no characters is _x_. The
 * mapping is one to one: _x in the result always begins an escape, and its letters are upper case.
 *
 * Which characters a name may hold is what XML 1.0 said up to its Fourth Edition (appendix B). The
 * Fifth allows these and many more, but not every parser does, nor does XML Schema 1.0.
 */
#ifndef SLUICE_FORMAT_XML_NAME_H
#define SLUICE_FORMAT_XML_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/mem.h"

enum { XML_NAME_CHAR = 10 }; /* bytes of the longest spelling of one character */

/* The next character of what a name is made from, which is not at its end: xml_text_next, or one
 * that undoes more. */
typedef uint32_t xml_name_reader(const uint8_t **in, const uint8_t *end);

struct xml_name {
	xml_name_reader *read;
	const uint8_t *in, *end; /* what has not been read */
	uint32_t next[3];        /* read, but not put */
	bool is_first;
};

/* Begin, then put one character after another until nothing is put: out itself is returned.
 * XML_NAME_CHAR of room each time. */
void xml_name_begin(struct xml_name *n, xml_name_reader *read, const uint8_t *in, size_t len);
char *xml_name_put(struct xml_name *n, char *out);

/* A whole name of UTF-8, appended. */
void xml_name_map(struct buf *out, const char *name);

#endif
