/*
 * A registered table within a request: its session with a transaction open, and its catalog entry.
 */
#ifndef SLUICE_WEB_TABLE_H
#define SLUICE_WEB_TABLE_H

#include "lib/query/catalog.h"
#include "lib/source/source.h"
#include "lib/web/app.h"
#include "lib/web/request.h"

/* The table that the request's first capture names: begin a transaction in its database (unless *at is
 * already in one there) and read its catalog entry. *at is set as soon as there is a transaction. ERR_NOT_FOUND
 * when no such table is registered, or its database does not have it (then the log says so). */
int table_find(struct app *app, struct request *rq, struct source **at, struct catalog_table *t,
	struct err *e);

/* The same for a table of the registry, leaving the transaction of another database first. */
int table_enter(struct app *app, struct request *rq, const struct settings_table *settings,
	struct source **at, struct catalog_table *t, struct err *e);

/* End the transaction; *at becomes NULL. Abandon does so after a failure, whatever comes of it. */
int table_leave(struct source **at, struct err *e);
void table_abandon(struct source **at);

/* The log line of a registered table that cannot be had. */
void table_log_missing(const struct settings_table *settings, const struct err *e);

#endif
