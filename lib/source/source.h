/*
 * Source: a session with a database that rows come from.
 *
 * Order of calls:  begin (open next* )* end,  any number of times;  close once.
 *	begin   starts one read-only transaction with one snapshot; connects first, or again, if need be
 *	open    runs a statement; *schema is the source's until the next open or close
 *	next    fills the batch (reset by it) and returns 1, or 0 at the end of the rows; a batch may be
 *	        short when the database is slow, so that first rows travel early, never empty
 *	share   between begin and end: lets other sessions read under the same snapshot
 *	end     ends the transaction; to be called after the last next returned 0
 *	cancel  asks the database to stop what runs, and drops the connection; safe at any time
 *	close   frees the source
 * Any -1 leaves the source without a transaction and with its connection dropped where its state is in
 * doubt; begin may be called again. What is waited for in open and next ends early (wait_gave_up, wait.h), the query
 * cancelled, when `hangup_fd` reports that its other end has closed.
 */
#ifndef SLUICE_SOURCE_SOURCE_H
#define SLUICE_SOURCE_SOURCE_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/settings.h"
#include "lib/rows/batch.h"
#include "lib/rows/statement.h"

struct source;

struct source_ops {
	int (*begin)(struct source *, const char *tag, struct err *);
	int (*open)(
		struct source *, const struct statement *, const struct schema **, struct err *);
	int (*next)(struct source *, struct batch *, struct err *);
	int (*end)(struct source *, struct err *);
	int (*share)(struct source *, struct arena *, const char **, struct err *);
	void (*cancel)(struct source *);
	void (*close)(struct source *);
};

#define SOURCE_LOCKED "55P03" /* SQLSTATE */

struct source {
	const struct source_ops *ops;
	int hangup_fd; /* -1: nobody to watch */
	/* What begin is to read under, as source_share told it of another session; NULL: a new one. That session's transaction
	 * has locked what is read, so that who waits to change it waits for that transaction. To wait behind them, and have
	 * that transaction wait for us, would be for ever: a lock that is not had within a second is a failure
	 * (SOURCE_LOCKED). So it is to wait for a pooler's server, when all are held by such sessions: begin fails
	 * (ERR_UNAVAILABLE) after twice databases.*.connect_timeout. */
	const char *snapshot;
};

/* Whether that is what the database said: an SQLSTATE, or how it begins. */
bool source_has_said(const struct err *e, const char *sqlstate);

/* A session is opened (connected) at its first begin. `db` must outlive the source. */
struct source *postgres_new(const struct settings_database *db);

/* One for each of the settings' databases; closed together. */
struct source **sources_new(const struct settings *s);
void sources_close(struct source **sources, const struct settings *s); /* NULL is let be */

/* tag: shown in the database's list of sessions behind "sluice/", or NULL; digits, small letters, '-'. */
static inline int source_begin(struct source *s, const char *tag, struct err *e)
{
	return s->ops->begin(s, tag, e);
}

static inline int source_open(
	struct source *s, const struct statement *st, const struct schema **schema, struct err *e)
{
	return s->ops->open(s, st, schema, e);
}

static inline int source_next(struct source *s, struct batch *b, struct err *e)
{
	return s->ops->next(s, b, e);
}

static inline int source_end(struct source *s, struct err *e)
{
	return s->ops->end(s, e);
}

/* The name of the transaction's snapshot, in the arena, under which other sessions can read the same rows for as long as this transaction
 * lasts (https://www.postgresql.org/docs/15/functions-admin.html, "Snapshot Synchronization Functions"). */
static inline int source_share(
	struct source *s, struct arena *a, const char **snapshot, struct err *e)
{
	return s->ops->share(s, a, snapshot, e);
}

static inline void source_cancel(struct source *s)
{
	s->ops->cancel(s);
}

static inline void source_close(struct source *s)
{
	if (s)
		s->ops->close(s);
}

#endif
