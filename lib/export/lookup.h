/*
 * Looking things up in the request's own snapshot before its rows are read: the table, the bounds
 * of its pages, how many rows there are. Runs the statements that lib/query compiles.
 */
#ifndef SLUICE_EXPORT_LOOKUP_H
#define SLUICE_EXPORT_LOOKUP_H

#include "lib/base/settings.h"
#include "lib/query/catalog.h"
#include "lib/query/compile.h"
#include "lib/query/page.h"
#include "lib/query/plan.h"
#include "lib/source/source.h"

/* The source is between begin and end. */
int lookup_table(struct source *s, struct arena *a, const struct settings_table *settings,
	struct catalog_table *t, struct err *e);

int lookup_bounds(struct source *s, struct arena *a, const struct page_key *key, int32_t total,
	struct page_bounds *b, struct err *e);

/* The statement's one row of one bigint. */
int lookup_int(struct source *s, const struct statement *st, int64_t *value, struct err *e);

/* The rows that the query would give without its limit, counted no further than most + 1. */
int lookup_count(struct source *s, struct compile *c, int64_t most, int64_t *count, struct err *e);

/* What the planner expects of a statement. */
int lookup_plan(struct source *s, const struct scope *scope, const struct statement *st,
	struct plan *plan, struct err *e);

/* Run a statement for its effect on the session; its rows are dropped. */
int lookup_run(struct source *s, const struct statement *st, struct err *e);

/* The planner's estimate of the rows that the query would give; where others have rows there
 * (scope_has_others) they are counted. */
int lookup_estimate(struct source *s, struct compile *c, int64_t *rows, struct err *e);

#endif
