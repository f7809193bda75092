/*
 * A registered table within a request, as its caller may see it: its session with a transaction open, the caller's
 * rights, and its catalog entry less what these do not show.
 */
#ifndef SLUICE_WEB_TABLE_H
#define SLUICE_WEB_TABLE_H

#include "lib/access/policy.h"
#include "lib/query/catalog.h"
#include "lib/query/scope.h"
#include "lib/source/source.h"
#include "lib/web/app.h"
#include "lib/web/request.h"

struct table {
	const struct settings_table *settings;
	struct rights rights;
	struct catalog_table catalog;
};

/* The table that the request's first capture names: begin a transaction in its database (unless *at is
 * already in one there) and read its catalog entry. *at is set as soon as there is a transaction. ERR_NOT_FOUND
 * when no such table is registered or visible to the caller, or its database does not have it (then the log says so);
 * ERR_FORBIDDEN when the caller has no tenant. */
int table_find(
	struct app *app, struct request *rq, struct source **at, struct table *t, struct err *e);

/* The same for a table of the registry, leaving the transaction of another database first. */
int table_enter(struct app *app, struct request *rq, const struct settings_table *settings,
	struct source **at, struct table *t, struct err *e);

/* The tables that the query's names reach from t through joins, entered in turn: the scope is complete then. A joined table that the caller may
 * not see is as good as no join: ERR_BAD_REQUEST, *where the place of the name. One that needs a purpose, or is not to be had in the format
 * (as struct format_type has it), is refused as by itself; t->rights.rows becomes the least of all tables'. */
int table_reach(struct app *app, struct request *rq, struct source **at, struct table *t,
	const struct query *q, const char *format, struct scope *scope, const char **where,
	struct err *e);

/* End the transaction; *at becomes NULL. Abandon does so after a failure, whatever comes of it. */
int table_leave(struct source **at, struct err *e);
void table_abandon(struct source **at);

/* The log line of a registered table that cannot be had. */
void table_log_missing(const struct settings_table *settings, const struct err *e);

#endif
