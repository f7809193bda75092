/*
 * What a request for rows asks, and the plan that answers it.
 */
#ifndef SLUICE_WEB_ROWS_PLAN_H
#define SLUICE_WEB_ROWS_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/format/format.h"
#include "lib/query/page.h"
#include "lib/query/select.h"
#include "lib/source/source.h"
#include "lib/web/app.h"
#include "lib/web/request.h"
#include "lib/web/response.h"

struct rows_ask {
	const struct format_type *format;
	struct format_options options; /* freed by rows_ask_free */
	const char *suffix;            /* of the file name */
	bool negotiated;               /* the format came from Accept */
	const char *columns;           /* comma separated; NULL: all */
	int64_t limit;                 /* -1: none */
	bool paged;
	int64_t page; /* from 1 */
	int64_t total_pages;
	const char *bounds; /* token, or NULL: computed afresh */
	bool digest;
};

struct rows_plan {
	struct select select;
	struct page_key key;
	struct page_bounds bounds;
	struct page_predicate predicate;
	const char *bounds_token; /* of a page */
	struct statement statement;
};

/* GET …/rows[.suffix]: format by suffix or Accept. Free with rows_ask_free, also after a failure. */
int rows_ask(struct request *rq, struct response *rs, struct rows_ask *ask, struct err *e);

/* GET /export/{table}: one page as NDJSON, page 1 of 1 unless it says otherwise. */
int rows_ask_page(struct request *rq, struct rows_ask *ask, struct err *e);

void rows_ask_free(struct rows_ask *ask);

/* Everything is allocated in the request's arena. A page with more rows than limits.page_rows is ERR_TOO_LARGE,
 * with the estimated rows and the pages that would do as members of the problem. */
int rows_plan(struct app *app, struct response *rs, struct source *source,
	const struct catalog_table *t, const struct rows_ask *ask, struct rows_plan *plan,
	struct err *e);

#endif
