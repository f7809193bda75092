/*
 * Validation: what query_validate.c finds out about a query, and how it is told (query_validate.h).
 */
#ifndef SLUICE_WEB_VALIDATION_H
#define SLUICE_WEB_VALIDATION_H

#include "lib/export/table.h"
#include "lib/query/compile.h"
#include "lib/query/plan.h"
#include "lib/web/app.h"
#include "lib/web/query_ask.h"
#include "lib/web/request.h"

struct validation {
	struct app *app;
	struct request *rq;
	struct source *source;
	const struct query_ask *ask;
	const struct table *table;
	struct compile *compile;
	bool has_others; /* scope_has_others: then nothing is told that comes of the plan */
	struct compiled compiled;
	struct schema schema;
	struct plan plan;
	bool is_counted;   /* the page would have totalRows counted … */
	struct plan count; /* … at this cost */
	struct buf sample; /* JSON; empty: there is none */
	uint64_t sample_rows;
	int64_t until_us;            /* when sampling and counting is to have ended */
	bool is_lost;                /* the transaction, to what took too long */
	double width;                /* bytes of a row's outputs, as the planner has it */
	double rows, bytes, seconds; /* estimated; what is not known is 0, or the least it is */
	bool has_rows, has_bytes;    /* known; seconds as bytes */
};

/* The answer as JSON, appended. */
void validation_put(const struct validation *v, bool is_shown, struct buf *b);

#endif
