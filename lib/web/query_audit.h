/*
 * What the audit is told of a query, in a definition or in a URL: what was asked, with "***" for
 * what could be a value of somebody's row, and the tables that it joins.
 *
 * Hidden are values beside a column that the caller sees masked or that says whose a row is, and
 * beside a name that is none of a column that the caller may see: who knows what was meant. Where
 * the tables were never looked up, as of a request that was refused before, that is every value
 * beside a name.
 */
#ifndef SLUICE_WEB_QUERY_AUDIT_H
#define SLUICE_WEB_QUERY_AUDIT_H

#include <stdbool.h>

#include "lib/query/query.h"
#include "lib/query/scope.h"
#include "lib/web/app.h"
#include "lib/web/request.h"

/* A copy of the query as it was asked, which compiling it does not change. */
struct query query_audit_asked(struct request *rq, const struct query *q);

/* Fill rq->audit's definition and joined. scope: as table_reach left it, or left off; one without
 * tables is none. names_hold: it is known without it that every name is that of a column which the
 * caller may see (an answer that was kept). */
void query_audit(struct app *app, struct request *rq, const struct query *asked,
	struct scope *scope, bool names_hold);

/* The same of the parameters of a request for rows; q: with the filters that were made from
 * them. */
void query_audit_params(struct request *rq, const struct query *q, struct scope *scope);

#endif
