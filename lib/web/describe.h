/*
 * The schema of a table's export, as its caller may see it.
 */
#ifndef SLUICE_WEB_DESCRIBE_H
#define SLUICE_WEB_DESCRIBE_H

#include "lib/export/table.h"
#include "lib/web/app.h"
#include "lib/web/request.h"

/* Of the columns that a list asks for (columns.h); NULL: all. The source stays in its
 * transaction. */
int describe_table(struct app *app, struct request *rq, struct source *source, struct table *t,
	const char *columns, struct schema *schema, struct err *e);

#endif
