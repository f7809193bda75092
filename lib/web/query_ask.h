/*
 * What a request to the query service asks: the definition, and whether the answer is a page in
 * JSON or a stream.
 */
#ifndef SLUICE_WEB_QUERY_ASK_H
#define SLUICE_WEB_QUERY_ASK_H

#include "lib/web/app.h"
#include "lib/web/request.h"
#include "lib/web/response.h"
#include "lib/web/rows_ask.h"

struct query_ask {
	const char *text; /* the definition as it came */
	size_t len;
	struct rows_ask rows; /* query: the definition, read; format, options, coding */
	bool is_read;         /* the definition is one */
	bool is_page;         /* one page as JSON with what belongs to it, not a stream */
};

/* The definition is the body, or the parameter q. Free with query_ask_free, also after a failure,
 * when a problem's member "errors" says where in the definition the fault is. A page without
 * page.limit, or with more than limits.query_rows, is ERR_BAD_REQUEST. */
int query_ask(struct app *app, struct request *rq, struct response *rs, struct query_ask *ask,
	struct err *e);
void query_ask_free(struct query_ask *ask);

/* Add the member "errors": where in the definition, as a JSON pointer; NULL: nowhere. */
void query_ask_where(struct response *rs, const char *pointer, const struct err *e);

#endif
