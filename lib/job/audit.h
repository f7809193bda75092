/*
 * Audit: who took what, when, and what came of it; every query, export, download and refusal. An append-only table in the metadata
 * schema (etc/schema/0003_audit.sql) whose lines form a hash chain, so that a line that was changed, removed or put
 * in between is found out (sluice audit verify).
 */
#ifndef SLUICE_JOB_AUDIT_H
#define SLUICE_JOB_AUDIT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/err.h"
#include "lib/base/settings.h"

struct metadata;
struct audit;

struct audit_line {
	const char *id;      /* of the request: UUID */
	const char *subject; /* NULL: nobody */
	const char *tenant;  /* NULL: none */
	const char
		*action; /* "query", "export", "schema", "tables", … or what the route is called */
	const char *table;  /* key, or NULL */
	const char *joined; /* keys of further tables, parted by commas, or NULL */
	const char *
		definition; /* JSON of what was asked, values of masked and tenant columns as "***"; or NULL */
	const char *format;  /* or NULL */
	const char *purpose; /* as the caller said it, or NULL */
	const char *address; /* of the client */
	int status;          /* HTTP */
	const char *outcome; /* "ok", or the name of the error (err.h) */
	const char *reason;  /* what the caller was told, or NULL */
	int64_t rows, bytes, ms;
};

/* NULL when m is: then nothing is kept but the log. m must outlive it. */
struct audit *audit_open(struct metadata *m);
void audit_close(struct audit *a);

/* Append a line. Lines of processes that write at once are put into one order. */
int audit_write(struct audit *a, const struct audit_line *line, struct err *e);

/* For `sluice audit`. verify: says to out how many lines hold, or names the first that does not: then *broken is true.
 * who: one line of TSV for each export or query of the table since `since` (RFC 3339, or NULL). */
int audit_verify(const struct settings_database *db, FILE *out, bool *broken, struct err *e);
int audit_who_exported(const struct settings_database *db, const char *table, const char *since,
	FILE *out, struct err *e);

#endif
