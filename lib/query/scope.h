/*
 * Scope: the tables that a query reaches, as its caller may see them: the one it is from, and those
 * that its names reach through the registry's joins.
 *
 * In SQL a table of the scope is a subquery that holds the columns the caller may see, masked as
 * they must be, and the rows of the caller's tenant:
 *
 *	(SELECT "user_id" AS c0, '***'::text AS c1, "tenant_id" = $1 AS mine
 *	    FROM "public"."users" WHERE "tenant_id" = $1) AS t0
 *
 * and the rest of the statement knows no other name than t0.c0, t0.c1: so that nothing which a
 * query says can reach what the caller may not see. PostgreSQL takes such a subquery up into the
 * query around it; it costs nothing. Only columns that are used stand in it.
 */
#ifndef SLUICE_QUERY_SCOPE_H
#define SLUICE_QUERY_SCOPE_H

#include "lib/access/secret_key.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/settings.h"
#include "lib/query/catalog.h"
#include "lib/query/increment.h"
#include "lib/query/query.h"
#include "lib/query/sql.h"

enum {
	SCOPE_TABLES_MAX = 8,
	SCOPE_DEPTH_MAX = 3 /* joins in one name */
};

struct scope_table {
	const char *path; /* "" or "owner", "owner.company" */
	const struct settings_table *settings;
	struct scope_table *parent;  /* NULL: the table that the query is from */
	const char *via;             /* the parent's column */
	const char *where;           /* the place of the name that reaches it first */
	struct catalog_table *table; /* restricted; filled by the caller of scope_collect */
	size_t number;               /* of tN */
	bool *used;                  /* by the column's place in table->columns */
	bool key_used;               /* its order_by, as k; a joined table's k is its unique_key */
	bool mine_used;
};

struct scope {
	const struct settings *settings;
	struct arena *arena;
	struct scope_table tables[SCOPE_TABLES_MAX];
	size_t n;
	const uint8_t *mask_key; /* SECRET_KEY_BYTES; what hash masks are keyed with */
	/* Whose joins go by what they see, to what is there for them; NULL: every join is. */
	const struct principal *principal;
	const struct increment *increment; /* of the table that the query is from; NULL: all rows */
};

/* Of one table, without joins so far. */
void scope_init(struct scope *s, struct arena *a, const struct settings *settings,
	const struct settings_table *from, struct catalog_table *t, const uint8_t *mask_key);

/* Add a row to s->tables for each join that the query's names need; then the caller fills in their
 * `table`s. ERR_BAD_REQUEST when a name's path is no join of the registry, leads to a table that is
 * not there for s->principal, or is too long; *where is the place of the name. */
int scope_collect(struct scope *s, const struct query *q, const char **where, struct err *e);

/* The refusal of a join: as of one that the registry does not have. */
int scope_no_join(const struct scope_table *from, const char *name, size_t len, struct err *e);

/* Check the joined tables once all are filled in: each is reached by a primary key of one column
 * that it has. ERR_NOT_FOUND, as of a table that is not available. */
int scope_check(const struct scope *s, struct err *e);

/* Do rows of others than the caller's tenant stand in any of the tables? All must be filled in. */
bool scope_has_tenants(const struct scope *s);

/* Do rows that the caller does not see stand there: another tenant's, or those of a database that
 * knows its callers (role_claim, session) and may keep rows from them? The planner's statistics are
 * of all rows: what it expects of a condition tells whether others' fulfill it, and is not to be
 * told then. */
bool scope_has_others(const struct scope *s);

/* The table and column of a name ("email", "owner.email"); NULL when there is none that the caller
 * may see. *is_tenant: the name is that of the table's tenant column, seen or not. */
const struct catalog_column *scope_column(
	struct scope *s, const char *name, struct scope_table **in, bool *is_tenant);

/* "t0.c3", and mark it as used. */
const char *scope_put_column(
	struct scope *s, struct scope_table *in, const struct catalog_column *c);

/* The key that the rows of the table the query is from are ordered by, also where it may not be
 * seen: "t0.k". */
const char *scope_put_key(struct scope *s);

/* "t0.mine": true for the rows of the caller's tenant, of a table that has tenants. What could fail
 * on another tenant's row, and so tell of it, is computed only where this holds: a subquery's WHERE
 * is not always asked first. */
const char *scope_put_mine(struct scope *s, struct scope_table *in);

/* What stands behind FROM: call it last, when all that is used is marked. */
const char *scope_from(struct scope *s, struct sql *sql);

#endif
