#include "lib/job/metadata.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/wait.h"
#include "lib/source/postgres_connect.h"

enum {
	ANSWER_MS = 15000, /* longer than the server's own limit for a statement */
	LOST_MS = 10000
};

struct metadata {
	const struct settings_database *db;
	PGconn *conn;    /* NULL: not connected */
	int64_t lost_us; /* monotonic, when connecting failed; 0: it did not */
};

struct metadata *metadata_open(const struct settings *s)
{
	const struct settings_database *db = settings_database(s, s->metadata_database);

	if (!db)
		return NULL;
	struct metadata *m = mem_zero(1, sizeof *m);

	m->db = db;
	return m;
}

void metadata_close(struct metadata *m)
{
	if (!m)
		return;
	PQfinish(m->conn);
	free(m);
}

void metadata_disconnect(struct metadata *m)
{
	PQfinish(m->conn);
	m->conn = NULL;
}

bool metadata_is_lost(const struct metadata *m)
{
	return m->lost_us && clock_monotonic_us() - m->lost_us < (int64_t)LOST_MS * 1000;
}

static int failed(struct metadata *m, const PGresult *r, struct err *e)
{
	const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;

	err_set(e, ERR_UNAVAILABLE, "the outcomes of exports cannot be reached");
	return err_cause(e, "metadata: %s%s%s", state ? state : "", state ? ": " : "",
		PQerrorMessage(m->conn));
}

/* The result of what was sent, waited for no longer than ANSWER_MS; NULL when it does not come: then the connection is
 * of no use. */
static PGresult *answer(struct metadata *m)
{
	PGresult *last = NULL, *r;
	int64_t end_us = clock_monotonic_us() + (int64_t)ANSWER_MS * 1000;

	for (;;) {
		int64_t left_ms = (end_us - clock_monotonic_us()) / 1000;

		if (!PQisBusy(m->conn)) {
			r = PQgetResult(m->conn);
			if (!r)
				return last;
			PQclear(last);
			last = r;
		} else if (left_ms <= 0 ||
			   wait_fd(PQsocket(m->conn), POLLIN, -1, (int)left_ms) != WAIT_READY ||
			   !PQconsumeInput(m->conn)) {
			PQclear(last);
			return NULL;
		}
	}
}

/* What the connection's error says to the log, under words that tell it from the data's database. */
static int unreachable(struct err *e)
{
	struct err found = *e;

	err_set(e, ERR_UNAVAILABLE, "the metadata database cannot be reached");
	return err_cause(e, "metadata: %s", found.cause);
}

static bool is_outdated(const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	/* no such schema, table or column */
	return state &&
	       (!strcmp(state, "3F000") || !strcmp(state, "42P01") || !strcmp(state, "42703"));
}

static int connect_store(struct metadata *m, struct err *e)
{
	/* An outcome lost to a crash of the server is no worse than one lost with the process. The last statement
	 * asks for what the newest migration has made. */
	static const char setup[] = "SET statement_timeout = '10s'; SET synchronous_commit = off;"
				    " SELECT lossy FROM sluice.outcomes WHERE false AND EXISTS "
				    "(SELECT FROM sluice.schemas)";

	metadata_disconnect(m);
	m->conn = postgres_connect(m->db, -1, e);
	m->lost_us = m->conn ? 0 : clock_monotonic_us();
	if (!m->conn)
		return unreachable(e);
	PGresult *r = PQsendQuery(m->conn, setup) ? answer(m) : NULL;
	int status = PQresultStatus(r) == PGRES_TUPLES_OK ? 0 : failed(m, r, e);

	if (status < 0 && is_outdated(r)) {
		err_set(e, ERR_UNAVAILABLE,
			"the metadata database is not ready for this version: run sluice migrate");
		err_cause(e, "metadata: %s", PQerrorMessage(m->conn));
	}
	PQclear(r);
	if (status < 0)
		metadata_disconnect(m);
	return status;
}

struct pg_result *metadata_run(
	struct metadata *m, const char *sql, const char *const *params, int n, struct err *e)
{
	for (bool fresh = false;; fresh = true) {
		if (!m->conn || PQstatus(m->conn) != CONNECTION_OK) {
			if (connect_store(m, e) < 0)
				return NULL;
			fresh = true;
		}
		PGresult *r = PQsendQueryParams(m->conn, sql, n, NULL, params, NULL, NULL, 0)
				      ? answer(m)
				      : NULL;
		ExecStatusType is = PQresultStatus(r);

		if (is == PGRES_TUPLES_OK || is == PGRES_COMMAND_OK)
			return r;
		bool is_dead = PQstatus(m->conn) != CONNECTION_OK;

		failed(m, r, e);
		if (!r)
			metadata_disconnect(m);
		PQclear(r);
		if (fresh || !is_dead)
			return NULL;
	}
}
