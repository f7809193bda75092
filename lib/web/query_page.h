/*
 * A page of a query as JSON:
 *
 *	{"columns":[{"name":…,"type":…}],"rows":[{…}],"totalRows":n,"next":"…",
 *	 "executionMs":n,"etag":"…"}
 *
 * totalRows is null where it was not asked for, next where there is nothing behind the page. The
 * etag names what stands before it, less the time it took: two answers with the same rows have the
 * same.
 */
#ifndef SLUICE_WEB_QUERY_PAGE_H
#define SLUICE_WEB_QUERY_PAGE_H

#include "lib/query/compile.h"
#include "lib/source/source.h"
#include "lib/web/app.h"
#include "lib/web/query_ask.h"
#include "lib/web/request.h"

enum { QUERY_ETAG_TEXT = 37 }; /* W/"32 digits" and a NUL */

struct query_page {
	struct buf body;
	char etag[QUERY_ETAG_TEXT];
	uint64_t rows;
};

/* Run the query whose cursor, if there is one, was made for `bound` (cursor.h). The source is in a
 * transaction and stays in it. ERR_TOO_LARGE when the page would weigh more than
 * limits.query_bytes. Free page->body also after a failure. */
int query_page_run(struct app *app, struct request *rq, struct source *source,
	const struct query_ask *ask, struct compile *c, const char *bound, struct query_page *page,
	struct err *e);

#endif
