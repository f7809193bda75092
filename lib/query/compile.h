/*
 * Compile: a query and the tables in its scope, to SQL with bound parameters.
 *
 * A page that is to be gone on with (`cursor`) is sorted by what was asked and then by something
 * that no two rows share: the table's primary key, where it may be seen, or the groups; one row
 * more than its limit is asked for, and behind the outputs stand the sort values that are none of
 * them: from the last row's the next page's token is made. Such a token's page begins behind these
 * values (keyset, "seek"): it costs the same wherever it is, given an index on the sort. Where
 * several columns are sorted by, it is put together from one range for each, so that each can be
 * found in that index.
 */
#ifndef SLUICE_QUERY_COMPILE_H
#define SLUICE_QUERY_COMPILE_H

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/query/cursor.h"
#include "lib/query/expr.h"
#include "lib/query/page.h"
#include "lib/query/query.h"
#include "lib/query/scope.h"
#include "lib/rows/schema.h"
#include "lib/rows/statement.h"

/* Of a table cut by its key (page.h). */
struct compile_page {
	const struct page_key *key;
	const struct page_bounds *bounds;
	int32_t number; /* from 1 */
};

struct compile {
	struct scope *scope; /* complete */
	struct query *query; /* its select is filled in and named */
	bool nested_as_text; /* arrays and composites as the server spells them, not as JSON */
	const struct compile_page *page; /* or NULL */
	bool cursor;
	const struct cursor *after; /* or NULL */
	const char *where;          /* after a failure: the place in the definition, or NULL */
};

struct compiled_output {
	const char *name;
	enum kind kind;
	const struct catalog_column *column; /* NULL: an expression */
	bool nullable;
	bool is_ordered; /* the rows ascend by it, NULL last */
};

struct compiled {
	struct statement statement;
	struct compiled_output *outputs;
	size_t outputs_n;
	size_t hidden_n; /* columns behind them, of sort values that are no output */
	size_t *keys;    /* for a cursor: each sort value's column, an output or one behind them */
	size_t keys_n;
	bool by_values;  /* a cursor of such values goes on; else one that counts rows does */
	bool is_grouped; /* groups and aggregates, no table's rows */
};

/* ERR_BAD_REQUEST with c->where; ERR_FORBIDDEN (another tenant). */
int compile_query(struct compile *c, struct compiled *out, struct err *e);

/* select count(*) of the same rows without page.limit, counting no further than `most` + 1. */
int compile_count(struct compile *c, int64_t most, struct statement *st, struct err *e);

/* Put names, nullability and the database's type names onto the schema that the source described,
 * whose first outputs_n fields are the outputs. */
void compiled_schema(struct arena *a, const struct compiled *c, const struct schema *described,
	struct schema *named);

#endif
