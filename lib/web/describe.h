/*
 * What a query would look like: its schema, asked of the database with a statement that gives no rows.
 */
#ifndef SLUICE_WEB_DESCRIBE_H
#define SLUICE_WEB_DESCRIBE_H

#include "lib/query/compile.h"
#include "lib/rows/schema.h"
#include "lib/source/source.h"
#include "lib/web/request.h"
#include "lib/export/table.h"
#include "lib/web/app.h"

/* The schema, in the request's arena. The source stays in its transaction. */
int describe_query(struct request *rq, struct source *source, const struct compile *c,
	struct schema *schema, struct err *e);

/* Of the columns that a list asks for; NULL: all. */
int describe_table(struct app *app, struct request *rq, struct source *source, struct table *t,
	const char *columns, struct schema *schema, struct err *e);

#endif
