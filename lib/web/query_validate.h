/*
 * validateOnly: what a query would be, without its rows: columns, masks, the tenant's predicate, what the planner expects, which
 * limits it would meet, and a sample.
 */
#ifndef SLUICE_WEB_QUERY_VALIDATE_H
#define SLUICE_WEB_QUERY_VALIDATE_H

#include "lib/query/compile.h"
#include "lib/source/source.h"
#include "lib/web/app.h"
#include "lib/web/query_ask.h"
#include "lib/web/request.h"
#include "lib/web/table.h"

/* The answer as JSON. The source is in a transaction and stays in it. */
int query_validate(struct app *app, struct request *rq, struct source *source,
	const struct query_ask *ask, const struct table *t, struct compile *c, struct buf *json,
	struct err *e);

#endif
