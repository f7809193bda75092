/*
 * Audit: who took what, when, and what came of it; every query, export, download and refusal. An
 * append-only table in the metadata schema (etc/schema/0003_audit.sql) whose lines form a hash
 * chain, so that a line that was changed, removed or put in between is found out (sluice audit
 * verify).
 *
 * Cost: one statement and one chain for all processes. An advisory lock puts the lines into one
 * order; it is held for the insert alone and never while the disk is waited for, so that lines come
 * about as fast as the server can insert them (some 4,000 a second on two cores, from two sessions
 * or eight), and no process needs a chain of its own.
 *
 * Durability: a line is committed without waiting for the disk, so that a metadata server that
 * crashes may lose the lines of its last moments (three times wal_writer_delay, 0.6 s), the newest
 * ones alone; the chain holds. With audit.required a second transaction then waits for the disk,
 * outside of the lock, where the sessions share what they wait for.
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

/* The outcome of a download that the web server was told to send. What it sent is a line of its own, later (deliveries.h). */
#define AUDIT_HANDED_OVER "handed-over"

/* Text that is not UTF-8 is kept with U+FFFD in place of each wrong byte. */
struct audit_line {
	const char *id;      /* of the request: UUID */
	const char *subject; /* NULL: nobody */
	const char *tenant;  /* NULL: none */
	const char
		*action; /* "query", "export", "schema", "tables", … or what the route is called */
	const char *table;  /* key, or NULL */
	const char *joined; /* keys of further tables, parted by commas, or NULL */
	/* JSON of what was asked, values of masked and tenant columns as "***"; or NULL. */
	const char *definition;
	const char *format;  /* or NULL */
	const char *purpose; /* as the caller said it, or NULL */
	const char *address; /* of the client */
	int status;          /* HTTP */
	const char *outcome; /* "ok", AUDIT_HANDED_OVER, or the name of the error (err.h) */
	const char *reason;  /* what the caller was told, or NULL */
	int64_t rows, bytes, ms;
};

/* NULL when m is: then nothing is kept but the log. Settings and m must outlive it. */
struct audit *audit_open(struct metadata *m, const struct settings *s);
void audit_close(struct audit *a);

/* Append a line. Lines of processes that write at once are put into one order. While the database
 * cannot be connected to, it is tried again no sooner than in some seconds; what could not be
 * written in between is not written later. (A line whose session died before it could say so may be
 * there twice.) */
int audit_write(struct audit *a, const struct audit_line *line, struct err *e);

/* ERR_UNAVAILABLE when audit.required is set and a line could not be written now. a may be NULL. */
int audit_ready(struct audit *a, struct err *e);

/* Remove the oldest lines, as far as they are of days (UTC) that ended so long ago, in pieces that keep nobody who adds lines
 * waiting; etc/schema/0010_audit_anchor.sql says what stays of them. *n: how many, of a failure too. */
int audit_prune(struct metadata *m, int64_t keep_us, int64_t *n, struct err *e);

/* For `sluice audit`. verify: says to out how many lines hold and the newest's "SEQ:HASH", or names
 * the first that does not: then *broken is true. head: what an earlier one said, which must still
 * be there, or NULL; ERR_BAD_REQUEST when it is not of that form. */
int audit_verify(const struct settings_database *db, const char *head, FILE *out, bool *broken,
	struct err *e);

/* A line of names, then one line of TSV (tab, line end and backslash as \t, \n, \r, \\; NULL as
 * nothing) for each export or query of the table, or that joined it, since `since` (RFC 3339, or a
 * date, which begins in UTC; or NULL). ERR_BAD_REQUEST for another form. */
int audit_who_exported(const struct settings_database *db, const char *table, const char *since,
	FILE *out, struct err *e);

#endif
