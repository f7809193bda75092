/*
 * What a query would look like: its schema, asked of the database with a statement that gives no
 * rows.
 */
#ifndef SLUICE_EXPORT_DESCRIBE_H
#define SLUICE_EXPORT_DESCRIBE_H

#include "lib/query/compile.h"
#include "lib/rows/schema.h"
#include "lib/source/source.h"

/* The schema, in the scope's arena. The source stays in its transaction. */
int describe_query(
	struct source *source, const struct compile *c, struct schema *schema, struct err *e);

#endif
