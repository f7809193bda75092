/*
 * XML: one document (XML 1.0, Fifth Edition; UTF-8), each row on its line.
 *
 *	<?xml version="1.0" encoding="UTF-8"?>
 *	<table name="users" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 *	<row><id>1</id><note xsi:nil="true"/><tags><item>a</item></tags></row>
 *	</table>
 *
 * Elements are named as the columns, as xml_name.h maps names; text is escaped as xml_text.h says,
 * which also tells what becomes of characters that XML cannot hold. NULL is xsi:nil="true", the
 * empty string an empty element. Values are spelled as in CSV, but for these, which are spelled as
 * XML Schema has them:
 *
 *	infinite numbers    INF, -INF
 *	binary              base64 (xs:base64Binary)
 *	JSON                nested elements (xml_json.h); JSON's null as NULL
 *
 * xml_schema.h writes the schema that it is valid against. xml_written names the type that a field has there: one of
 * XML Schema's own (xs:long), or one that the schema defines (date: xs:date, infinity or a year BC); numeric(p,s) is
 * called numeric, and has its digits within the field's element.
 *
 * Two types may lose something, and are named as lossy whether or not a value of theirs does: text, unless it is plain
 * (addresses, ranges and the like), the characters that XML cannot hold; JSON what tells strings from numbers, arrays
 * from objects, and {}, [] and "" from each other, which whoever knows what was an array or a record need not be told.
 * All other types read back as they were.
 */
#ifndef SLUICE_FORMAT_XML_H
#define SLUICE_FORMAT_XML_H

#include "lib/format/format.h"

/* What root and row elements are called where the options do not say; those are mapped as the columns' names are. */
#define XML_ROOT "table"
#define XML_ROW  "row"

#endif
