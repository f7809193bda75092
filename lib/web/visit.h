/*
 * Visit: the tables of a request, as its caller may see them (lib/export/table.h).
 */
#ifndef SLUICE_WEB_VISIT_H
#define SLUICE_WEB_VISIT_H

#include "lib/export/table.h"
#include "lib/web/app.h"
#include "lib/web/request.h"

/* The request's caller. Borrows app and rq. */
struct visitor visit(struct app *app, struct request *rq);

/* The table that the request's first capture names. ERR_NOT_FOUND too when no such table is
 * registered. */
int visit_table(
	struct app *app, struct request *rq, struct source **at, struct table *t, struct err *e);

#endif
