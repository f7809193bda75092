/*
 * XML schema: what the XML format writes for a schema, as W3C XML Schema 1.0 says it.
 */
#ifndef SLUICE_FORMAT_XML_SCHEMA_H
#define SLUICE_FORMAT_XML_SCHEMA_H

#include "lib/base/mem.h"
#include "lib/rows/schema.h"

/* The schema document, appended; root and row as in the options of the format. A field must be nullable if
 * it has a NULL; one of JSON, which has a null of its own, is so always. */
void xml_schema(struct buf *out, const struct schema *s, const char *root, const char *row);

#endif
