/*
 * The rows of a table as a stream: whole, filtered, limited, or one page of many.
 *
 * In order: read what is asked, look up the table in a new snapshot, plan the page, refuse what is too large; then
 * rows_send notes the export, runs the query, and pumps.
 */
#include "lib/web/query_audit.h"
#include "lib/web/route.h"
#include "lib/web/rows_plan.h"
#include "lib/web/rows_send.h"
#include "lib/web/schema_match.h"
#include "lib/web/visit.h"

static int prepare(struct app *app, struct response *rs, const struct rows_ask *ask,
	struct source **source, struct table *table, struct rows_plan *plan, struct err *e)
{
	struct request *rq = rs->request;

	return visit_table(app, rq, source, table, e) < 0 ||
			       rows_plan(app, rs, source, table, ask, plan, e) < 0 ||
			       schema_match_query(app, rs, *source, &plan->compile, e) < 0
		       ? -1
		       : 0;
}

static int serve(struct app *app, struct request *rq, struct response *rs,
	const struct rows_ask *ask, struct err *e)
{
	struct source *source = NULL;
	struct table table;
	struct rows_plan plan = { 0 };

	rq->audit.format = ask->format->name;
	int status = prepare(app, rs, ask, &source, &table, &plan, e);

	query_audit_params(rq, &ask->query, &plan.scope);
	if (status < 0) {
		table_abandon(&source);
		return -1;
	}
	return rows_send(app, rs, ask, &plan, source, e);
}

int handle_rows(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct rows_ask ask = { .query.limit = -1 };
	int status = rows_ask(app, rq, rs, &ask, e);

	if (status == 0)
		status = serve(app, rq, rs, &ask, e);
	rows_ask_free(&ask);
	return status;
}

int handle_export_page(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct rows_ask ask = { .query.limit = -1 };
	int status = rows_ask_page(app, rq, rs, &ask, e);

	if (status == 0)
		status = serve(app, rq, rs, &ask, e);
	rows_ask_free(&ask);
	return status;
}
