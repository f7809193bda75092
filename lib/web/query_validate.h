/*
 * validateOnly: what a query would be, without its rows:
 *
 *	{"valid":true,"columns":[{"name":…,"type":…,"mask":"stars" or null}],
 *	 "tenantPredicates":[{"table":…,"column":…,"value":…}],
 *	 "estimatedRows":n,"estimatedBytes":n,"estimatedSeconds":n,"estimatedCost":n,
 *	 "limits":[{"limit":"limits.query_scan","of":"rows" or "totalRows","value":n,"most":n,
 *	            "node":…,"table":…}],
 *	 "sample":[{…}] or null}
 *
 * limits are those that the query would trip over: of a page or, where a format is asked for, of
 * the stream. The estimates are the planner's; a row's bytes are those of the sample. The sample
 * has ten rows at most, in no order; it is null where it would cost more than a little, or took
 * more than two seconds. Nothing else is run than it: the types come from a statement whose LIMIT
 * is 0, the rest from EXPLAIN.
 *
 * Where others have rows in the tables (scope_has_others), nothing that comes of the plan is told:
 * estimatedRows is counted, no further than 100,000, in the time that the sample has left; what is
 * not known is null. A sample is JSON, and null for whom policies do not let have that.
 */
#ifndef SLUICE_WEB_QUERY_VALIDATE_H
#define SLUICE_WEB_QUERY_VALIDATE_H

#include "lib/query/compile.h"
#include "lib/source/source.h"
#include "lib/web/app.h"
#include "lib/web/query_ask.h"
#include "lib/web/request.h"
#include "lib/export/table.h"

/* The answer as JSON, appended. The source is in a transaction, which afterwards is to be
 * abandoned: a sample that took too long has cost it its session. */
int query_validate(struct app *app, struct request *rq, struct source *source,
	const struct query_ask *ask, const struct table *t, struct compile *c, struct buf *json,
	struct err *e);

#endif
