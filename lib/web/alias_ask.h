/*
 * What is asked of the aliases of POST /api/v1/exports, as the request that this would take (lib/job/job_request.h).
 *
 * The table is the one that the request names, else that of the settings (aliases.table, aliases.csv_table), else the only one.
 */
#ifndef SLUICE_WEB_ALIAS_ASK_H
#define SLUICE_WEB_ALIAS_ASK_H

#include "lib/web/app.h"
#include "lib/web/request.h"

/* The table's key. given: by the request, or NULL; set: by the setting of that name, or "". NULL, ERR_BAD_REQUEST, when neither
 * says, and there are several. */
const char *alias_ask_table(
	const struct app *app, const char *given, const char *set, const char *name, struct err *e);

/* POST /exports/csv: parameters as of rows.csv (table, columns, filters, order, limit, the format's options, compression, level),
 * and no body. Appended to json. ERR_BAD_REQUEST names the parameter. */
int alias_ask_csv(struct app *app, struct request *rq, struct buf *json, struct err *e);

/* POST /exports: the body
 *
 *	{ "format": "csv", "columns": [{ "source": "user_id", "target": "ID" }, …], "compression": "gzip", "table": "users" }
 *
 * of which only the format is needed; null is as if a member were not there. Appended to json. ERR_BAD_REQUEST, and *pointer (in
 * the arena) where in the body, or NULL. */
int alias_ask_columns(
	struct app *app, struct request *rq, struct buf *json, const char **pointer, struct err *e);

/* The place in that body of what stands at the pointer in the request that was made of it. In the arena; NULL of NULL. */
const char *alias_ask_where(struct arena *a, const char *pointer);

#endif
