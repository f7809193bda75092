/*
 * A registered table as somebody may see it: the session with a transaction open, their rights, and
 * the catalog entry less what these do not show.
 */
#ifndef SLUICE_EXPORT_TABLE_H
#define SLUICE_EXPORT_TABLE_H

#include "lib/access/policy.h"
#include "lib/access/principal.h"
#include "lib/query/catalog.h"
#include "lib/query/scope.h"
#include "lib/source/source.h"

/* Who looks at tables, and by what means. */
struct visitor {
	const struct settings *settings;
	const struct principal *principal;
	struct arena *arena;     /* everything that is found lives in it */
	const uint8_t *mask_key; /* SECRET_KEY_BYTES */
	const char *id;          /* shown in the database's list of sessions (source_begin) */
	const char *purpose;     /* what the rows are for, as was said; or NULL */
	struct source **sources; /* one for each of settings->databases */
	int hangup_fd;           /* watched while the database is waited for; -1: nobody */
};

struct table {
	const struct settings_table *settings;
	struct rights rights;
	struct catalog_table catalog;
	const char *joined_rights; /* texts of those that table_reach has joined; NULL: none */
};

/* Begin a transaction in the table's database, which takes the visitor for whom the settings say
 * (unless *at is already in one there), leaving that of another, and read the catalog entry. *at is
 * set as soon as there is a transaction. ERR_NOT_FOUND when the table is not visible to the
 * visitor, or its database does not have it (then the log says so); ERR_FORBIDDEN when they have no
 * tenant. */
int table_enter(const struct visitor *v, const struct settings_table *settings, struct source **at,
	struct table *t, struct err *e);

/* The tables that the query's names reach from t through joins, entered in turn: the scope is
 * complete then. A joined table that the caller may not see is as good as no join: ERR_BAD_REQUEST,
 * *where the place of the name. A table, t or a joined one, that needs a purpose, or is not to be had
 * in the format (as struct format_type has it), is refused; t->rights.rows becomes the least of all
 * tables'. */
int table_reach(const struct visitor *v, struct source **at, struct table *t, const struct query *q,
	const char *format, struct scope *scope, const char **where, struct err *e);

/* End the transaction; *at becomes NULL. Abandon does so after a failure, whatever comes of it. */
int table_leave(struct source **at, struct err *e);
void table_abandon(struct source **at);

/* The log line of a registered table that cannot be had. */
void table_log_missing(const struct settings_table *settings, const struct err *e);

#endif
