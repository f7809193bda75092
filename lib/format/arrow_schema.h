/*
 * Arrow's schema: what type each column has (https://github.com/apache/arrow/blob/main/format/Schema.fbs).
 *
 * Metadata of the schema: sluice:fingerprint (lib/rows/fingerprint.h), and of a stream sluice:end, the bytes that a whole
 * one ends with. Of a field: sluice:source_type, the source's own name of its type, and of json and uuid
 * ARROW:extension:name (arrow.json, arrow.uuid).
 */
#ifndef SLUICE_FORMAT_ARROW_SCHEMA_H
#define SLUICE_FORMAT_ARROW_SCHEMA_H

#include "lib/format/flatbuffer.h"
#include "lib/rows/schema.h"

struct arrow_notes {
	const char *fingerprint;
	const char *end;  /* in hexadecimal; NULL: not told */
	const char *zone; /* of timestamptz */
};

/* The table Schema, which `ref` points to. */
void arrow_schema_put(struct flatbuffer *fb, size_t ref, const struct schema *schema,
	const struct arrow_notes *notes);

#endif
