/*
 * Plan: what the server expects a statement to cost, from EXPLAIN (FORMAT JSON, VERBOSE)
 * (https://www.postgresql.org/docs/15/using-explain.html).
 */
#ifndef SLUICE_QUERY_PLAN_H
#define SLUICE_QUERY_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/settings.h"
#include "lib/query/scope.h"
#include "lib/rows/statement.h"

struct plan_node {
	const char *type;  /* "Seq Scan", in the planner's words */
	const char *table; /* that it reads: its key, or NULL where it is none of the scope */
};

struct plan {
	double cost;  /* in the planner's unit: reading a page of 8 KiB in turn is 1 */
	double rows;  /* of the result */
	double width; /* bytes of a row */
	/* The largest reading of a table from end to end; of partitions that are read one behind
	 * the other, all. Of one that a LIMIT ends early, the part that is expected to be read. */
	double scan_bytes; /* 0: there is none */
	struct plan_node scan;
	double dear_cost; /* of the node that costs most by itself */
	struct plan_node dear;
};

/* The statement that explains another. */
void plan_statement(struct arena *a, const struct statement *of, struct statement *st);

/* json: the statement's result. ERR_DATABASE when it is not understood. */
int plan_read(struct arena *a, const struct scope *s, const char *json, size_t len,
	struct plan *plan, struct err *e);

/* ERR_UNPROCESSABLE when the plan is beyond limits.query_cost or limits.query_scan. Its text names
 * the node and what it would cost, unless others have rows there (scope_has_others): what the
 * planner expects is of theirs too. */
int plan_check(const struct scope *s, const struct plan *plan, struct err *e);

#endif
