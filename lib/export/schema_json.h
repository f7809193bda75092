/*
 * Schemas in the API: columns as JSON objects, and what a format does to them.
 */
#ifndef SLUICE_EXPORT_SCHEMA_JSON_H
#define SLUICE_EXPORT_SCHEMA_JSON_H

#include "lib/base/mem.h"
#include "lib/format/format.h"
#include "lib/rows/schema.h"

/* "name":…,"type":… — the members of a column, without its braces. */
void schema_json_members(struct buf *b, const struct field *f);

/* [{…},…] of all columns. */
void schema_json_columns(struct buf *b, const struct schema *schema);

/* ["name",…] of the columns that the format, so optioned, cannot carry exactly. */
void schema_json_lossy(struct buf *b, const struct schema *schema, const struct format_type *format,
	const struct format_options *options);

#endif
