/*
 * A PostgreSQL session, as the files lib/source/postgres*.c share it. Others use source.h.
 */
#ifndef SLUICE_SOURCE_POSTGRES_H
#define SLUICE_SOURCE_POSTGRES_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "lib/base/mem.h"
#include "lib/base/settings.h"
#include "lib/source/pgwire.h"
#include "lib/source/postgres_connect.h"
#include "lib/source/source.h"

struct postgres {
	struct source base;
	const struct settings_database *db;
	PGconn *conn; /* NULL: not connected */
	PGcancel *canceler;
	int64_t connected_us; /* monotonic */
	int64_t until_us; /* monotonic, postgres_result waits no longer; 0: as long as it takes */
	bool plain;       /* this result is read by libpq */
	bool single_row;  /* plain: rows are still to come */
	struct pgwire wire;
	struct arena arena; /* of the open result */
	struct schema schema;
	struct pgcolumn *columns;
};

/* Wait until libpq has a result, watching for hang-up and the time: NULL at the end. *r is the caller's to clear. */
int postgres_result(struct postgres *pg, PGresult **r, struct err *e);

/* Run one command without rows. */
int postgres_command(struct postgres *pg, const char *sql, struct err *e);

/* The error of a failed result, or of the connection when r is NULL. */
int postgres_error(struct postgres *pg, const PGresult *r, struct err *e);

/* Fill pg->schema and pg->columns, in the arena. */
void postgres_describe(struct postgres *pg, const struct pgwire_field *fields, size_t n);

/* The plain path: libpq's single-row mode (postgres_plain.c). As source_open and source_next. */
int postgres_plain_open(struct postgres *pg, const struct statement *st, struct err *e);
int postgres_plain_rows(struct postgres *pg, struct batch *b, struct err *e);

#endif
