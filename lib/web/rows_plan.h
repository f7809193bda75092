/*
 * The plan that answers a request for rows: columns, page, SQL.
 */
#ifndef SLUICE_WEB_ROWS_PLAN_H
#define SLUICE_WEB_ROWS_PLAN_H

#include "lib/query/compile.h"
#include "lib/query/page.h"
#include "lib/source/source.h"
#include "lib/web/app.h"
#include "lib/web/response.h"
#include "lib/web/rows_ask.h"
#include "lib/export/table.h"

struct rows_plan {
	struct scope scope;
	struct query query;
	struct compile compile;
	struct compiled compiled;
	struct page_key key;
	struct page_bounds bounds;
	struct compile_page page;
	const char *bounds_token; /* of a page */
	int64_t total;            /* rows of the table, where they were asked for */
};

/* Everything is allocated in the request's arena; the plan stays where it is. ERR_FORBIDDEN for a
 * format that the caller may not have. More rows than the caller may have in one answer are
 * ERR_TOO_LARGE. A page with more rows than limits.page_rows is ERR_TOO_LARGE, with the estimated
 * rows and the pages that would do as members of the problem. */
int rows_plan(struct app *app, struct response *rs, struct source **source, struct table *t,
	const struct rows_ask *ask, struct rows_plan *plan, struct err *e);

#endif
