/*
 * Catalog: what a registered table really looks like in its database, now.
 *
 * Read at the beginning of each request, in the request's own snapshot, so that it can never be
 * stale. This file knows SQL text, not connections: the caller runs the statement and hands over
 * its rows (pg_class, pg_attribute, pg_index: https://www.postgresql.org/docs/15/catalogs.html).
 */
#ifndef SLUICE_QUERY_CATALOG_H
#define SLUICE_QUERY_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/access/policy.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/settings.h"
#include "lib/query/page.h"
#include "lib/rows/batch.h"
#include "lib/rows/statement.h"

struct catalog_column {
	const char *name;        /* in the database */
	const char *quoted;      /* as an SQL identifier */
	const char *source_type; /* "numeric(12,2)" */
	const char *base_type;   /* "numeric": domains resolved, no modifiers */
	bool nullable;
	uint8_t json;        /* enum json_kind, of what is or becomes JSON */
	const char *element; /* of an array: its elements' base type; NULL: none that is simple */
	/* Of a type that came from outside: what it is sorted by need not be its <, and it need not
	 * have one. */
	bool is_from_outside;
	uint8_t mask; /* enum mask: what the caller sees of it is text, or nothing */
};

struct catalog_table {
	const char *key;
	const char *name;   /* "public.users", for people */
	const char *quoted; /* "public"."users" */
	int64_t rows;       /* the planner's estimate; -1: unknown */
	int64_t blocks;     /* the planner's estimate; 0: unknown, or cannot be sampled */
	bool is_view;       /* cannot be sampled */
	bool is_more;       /* than the plain statement can tell */
	struct catalog_column *columns; /* those that may be seen, in the registry's order */
	size_t columns_n;
	const struct catalog_column *primary_key; /* one of the columns, and not masked, or NULL */
	const struct catalog_column *order_by; /* the key, even where it may not be seen, or NULL */
	/* The database's primary key of one column, where it tells all rows apart, or NULL. */
	const struct catalog_column *unique_key;
	struct catalog_column *all; /* every column of the database's table, as it is there */
	size_t all_n;
	const struct catalog_column *tenant; /* of all: whose a row is; NULL: everybody's */
	const char *tenant_sql;              /* what of it is compared with the value */
	const char *tenant_type;             /* the value's, then */
	const char *tenant_value;            /* the caller's */
};

/* An array, composite or hstore: JSON only through to_json. */
static inline bool catalog_is_nested(const struct catalog_column *c)
{
	return c->json >= JSON_LIST;
}

/* One row for each column of the table. The plain statement does for most tables and takes the
 * server a quarter of the time; where it says is_more, the whole one must be asked into an empty
 * struct. */
void catalog_statement(
	struct arena *a, const struct settings_table *t, bool whole, struct statement *st);

/* Called for each batch of the statement's result; the struct is zeroed before the first. */
void catalog_add(struct arena *a, const struct batch *b, struct catalog_table *t);

/* After the last batch: apply the registry's list of columns and its primary key. ERR_NOT_FOUND
 * when the database has no such table, or not one of the listed columns. */
int catalog_finish(struct arena *a, const struct settings_table *settings, struct catalog_table *t,
	struct err *e);

/* Leave what these rights show: their columns, masked as they say, and the rows of their tenant.
 * ERR_NOT_FOUND when the rights name a column that the table does not have (the cause says which: a
 * mask must not fail open); ERR_FORBIDDEN when the tenant is none of its column's type, or not
 * spelled as that type's values are: 007 is another tenant than 7. */
int catalog_restrict(
	struct arena *a, struct catalog_table *t, const struct rights *rights, struct err *e);

/* Whether the text names the caller's own tenant. */
bool catalog_is_own_tenant(const struct catalog_table *t, const char *text);

/* The key that the table is cut into pages by. False where it has none that may be seen, or one of a type that cannot be cut by. */
bool catalog_page_key(const struct catalog_table *t, struct page_key *key);

/* By name; NULL when there is none. */
const struct catalog_column *catalog_column(const struct catalog_table *t, const char *name);

/* The same among those that may not be seen too. */
const struct catalog_column *catalog_any_column(const struct catalog_table *t, const char *name);

/* name as an SQL identifier ("quoted"), in the arena. */
const char *catalog_quote(struct arena *a, const char *name);

#endif
