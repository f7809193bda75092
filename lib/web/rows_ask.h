/*
 * What a request for rows asks: which, in what format, compressed or not; read from its path,
 * parameters and headers.
 */
#ifndef SLUICE_WEB_ROWS_ASK_H
#define SLUICE_WEB_ROWS_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/format/format.h"
#include "lib/query/query.h"
#include "lib/sink/compress.h"
#include "lib/web/app.h"
#include "lib/web/request.h"
#include "lib/web/response.h"

/* The whole table's rows are counted, or what the planner expects is told. */
enum rows_count { COUNT_NONE, COUNT_EXACT, COUNT_PLANNED };

struct rows_ask {
	const struct format_type *format;
	struct format_options options; /* freed by rows_ask_free */
	const char *suffix;            /* of the file name, without the compression's */
	bool negotiated;               /* the format came from Accept */

	/* Either the file is compressed, or its transfer, or neither is. */
	const struct compress_type *file;   /* compression=; NULL: none */
	const struct compress_type *coding; /* Content-Encoding; NULL: none */
	bool may_code; /* the coding came from Accept-Encoding, also where it is NULL */
	int level;     /* of either */

	struct query
		query; /* columns, filters, order and limit; nothing is known of the names yet */
	bool paged;
	int64_t page; /* from 1 */
	int64_t total_pages;
	const char *bounds; /* token, or NULL: computed afresh */
	bool digest;
	enum rows_count count;
};

/* GET …/rows[.suffix[.compression]]: format by suffix, format= or Accept. Free with rows_ask_free,
 * also after a failure. */
int rows_ask(struct app *app, struct request *rq, struct response *rs, struct rows_ask *ask,
	struct err *e);

/* GET /export/{table}: one page, page 1 of 1 unless it says otherwise; NDJSON unless format=
 * does. */
int rows_ask_page(struct app *app, struct request *rq, struct response *rs, struct rows_ask *ask,
	struct err *e);

/* The query service's: format by format= or Accept, or JSON for a page; options and compression.
 * The query is left as it is. */
int rows_ask_query(
	struct request *rq, struct response *rs, bool is_page, struct rows_ask *ask, struct err *e);

/* Every parameter that is neither in the NULL-terminated list nor an option of some format is a filter, into q. A table that is
 * not there for the caller is refused later, whatever its filters. */
int rows_ask_filters(struct app *app, struct request *rq, const char *table,
	const char *const names[], struct query *q, struct err *e);

void rows_ask_free(struct rows_ask *ask);

#endif
