/*
 * Select: the rows of one table, compiled to SQL. Identifiers come from the catalog and are quoted; values are
 * parameters.
 */
#ifndef SLUICE_QUERY_SELECT_H
#define SLUICE_QUERY_SELECT_H

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/query/catalog.h"
#include "lib/query/page.h"
#include "lib/rows/schema.h"
#include "lib/rows/statement.h"

struct select {
	const struct catalog_table *table;
	const struct catalog_column **columns; /* in the order of the export */
	size_t columns_n;
	const char **names;                /* as exported: unique */
	const struct page_predicate *page; /* its parameters begin with $1; NULL: the whole table */
	int64_t limit;                     /* -1: none */
	bool nested_as_text; /* arrays and composites as the server spells them, not as JSON */
};

/* Pages and limited results are ordered by the primary key, so that they are the same each time. */
void select_compile(struct arena *a, const struct select *s, struct statement *st);

/* select count(*) of the same rows, but counting no further than `most` + 1. */
void select_compile_count(
	struct arena *a, const struct select *s, int64_t most, struct statement *st);

/* Put names, nullability and the database's type names onto the schema that the source described. */
void select_name_schema(struct arena *a, const struct select *s, const struct schema *described,
	struct schema *named);

#endif
