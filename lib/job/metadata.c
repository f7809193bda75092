#include "lib/job/metadata.h"

#include <assert.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/wait.h"
#include "lib/source/postgres_connect.h"

enum {
	STATEMENT_MS = 10000, /* the server's own limit for a statement */
	ANSWER_MS = 15000,
	LOST_MS = 10000,
	PARAMS_MAX = 8,
	PREPARED_MAX = 128 /* statements; more than there are */
};

struct metadata {
	const struct settings_database *db;
	PGconn *conn;        /* NULL: not connected */
	uint64_t sessions;   /* so far */
	int64_t lost_us;     /* monotonic, when connecting failed; 0: it did not */
	const char *channel; /* NULL: none */
	int limit_ms;        /* of a call; 0: connecting and each answer have limits of their own */
	int64_t end_us;      /* monotonic, when the call at hand must end, where limit_ms is set */
	char *prepared[PREPARED_MAX]; /* texts of the session's statements s0, s1 … */
	size_t prepared_n;
};

static void forget_prepared(struct metadata *m)
{
	while (m->prepared_n > 0)
		free(m->prepared[--m->prepared_n]);
}

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
	metadata_disconnect(m);
	free(m);
}

void metadata_disconnect(struct metadata *m)
{
	PQfinish(m->conn);
	m->conn = NULL;
	forget_prepared(m);
}

uint64_t metadata_session(const struct metadata *m)
{
	return PQstatus(m->conn) == CONNECTION_OK ? m->sessions : 0;
}

bool metadata_is_lost(const struct metadata *m)
{
	return m->lost_us && clock_monotonic_us() - m->lost_us < (int64_t)LOST_MS * 1000;
}

void metadata_limit(struct metadata *m, int limit_ms)
{
	m->limit_ms = limit_ms;
}

static int failed(struct metadata *m, const PGresult *r, struct err *e)
{
	const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;

	err_set(e, ERR_UNAVAILABLE, "what is kept of exports cannot be reached");
	return err_cause(e, "metadata: %s%s%s", state ? state : "", state ? ": " : "",
		PQerrorMessage(m->conn));
}

/* The result of what was sent, waited for no longer than ANSWER_MS or the call's limit; NULL when it does not come: then the
 * connection is of no use. */
static PGresult *answer(struct metadata *m)
{
	PGresult *last = NULL, *r;
	int64_t end_us = m->limit_ms ? m->end_us : clock_monotonic_us() + (int64_t)ANSWER_MS * 1000;

	for (;;) {
		int64_t left_ms = (end_us - clock_monotonic_us()) / 1000;
		int unsent = PQflush(m->conn);

		if (unsent == 0 && !PQisBusy(m->conn)) {
			r = PQgetResult(m->conn);
			if (!r)
				return last;
			PQclear(last);
			last = r;
		} else if (unsent < 0 || left_ms <= 0 ||
			   wait_fd(PQsocket(m->conn), (short)(unsent ? POLLIN | POLLOUT : POLLIN),
				   -1, (int)left_ms) != WAIT_READY ||
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

	/* no such schema, table, column or function */
	return state && (!strcmp(state, "3F000") || !strcmp(state, "42P01") ||
				!strcmp(state, "42703") || !strcmp(state, "42883"));
}

/* By the limits of the settings, or what is left of the call's. */
static PGconn *connect_within(const struct metadata *m, struct err *e)
{
	struct settings_database db = *m->db;
	int64_t left_us = m->end_us - clock_monotonic_us();

	if (m->limit_ms && left_us < db.connect_timeout_us)
		db.connect_timeout_us = left_us;
	PGconn *conn = postgres_connect(&db, -1, e);

	/* Else sending waits for a server that does not read, without a limit. */
	if (conn)
		PQsetnonblocking(conn, 1);
	return conn;
}

/* An outcome lost to a crash of the server is no worse than one lost with the process. What an audit line follows must be seen once
 * its lock is had (0003_audit.sql), whatever else the role has for an isolation. The last statement asks for what the
 * migrations have made. */
static PGresult *set_up(struct metadata *m)
{
	struct buf sql = { 0 };

	buf_printf(&sql,
		"SET statement_timeout = %d; SET synchronous_commit = off;"
		" SET default_transaction_isolation = 'read committed';"
		" %s%s%s"
		" SELECT lossy FROM sluice.outcomes WHERE false AND EXISTS"
		" (SELECT jobs.next_cursor, jobs.rights FROM sluice.schemas, sluice.audit, "
		"sluice.cache,"
		"  sluice.links, sluice.jobs, sluice.schedules, sluice.audit_anchor,"
		"  sluice.delivery_logs,"
		"  sluice.job_claim(NULL, NULL, NULL, NULL, NULL))",
		m->limit_ms ? m->limit_ms : STATEMENT_MS, m->channel ? "LISTEN " : "",
		m->channel ? m->channel : "", m->channel ? ";" : "");
	PGresult *r = PQsendQuery(m->conn, buf_str(&sql)) ? answer(m) : NULL;

	buf_free(&sql);
	return r;
}

static int connect_store(struct metadata *m, struct err *e)
{
	metadata_disconnect(m);
	m->conn = connect_within(m, e);
	m->lost_us = m->conn ? 0 : clock_monotonic_us();
	if (!m->conn)
		return unreachable(e);
	PGresult *r = set_up(m);
	int status = PQresultStatus(r) == PGRES_TUPLES_OK ? 0 : failed(m, r, e);

	if (status < 0 && is_outdated(r)) {
		err_set(e, ERR_UNAVAILABLE,
			"the metadata database is not ready for this version: run sluice migrate");
		err_cause(e, "metadata: %s", PQerrorMessage(m->conn));
	}
	PQclear(r);
	m->sessions++;
	if (status < 0)
		metadata_disconnect(m);
	return status;
}

/* The number of the statement in the session, where it is prepared when it is first used: to parse and plan it takes the server
 * as long as the statement itself. -1: it cannot be, *r says why or is NULL. */
static int prepare(struct metadata *m, const char *sql, PGresult **r)
{
	char name[16];
	size_t i = 0;

	*r = NULL;
	while (i < m->prepared_n && strcmp(m->prepared[i], sql) != 0)
		i++;
	if (i < m->prepared_n)
		return (int)i;
	assert(i < PREPARED_MAX);
	snprintf(name, sizeof name, "s%zu", i);
	*r = PQsendPrepare(m->conn, name, sql, 0, NULL) ? answer(m) : NULL;
	if (PQresultStatus(*r) != PGRES_COMMAND_OK)
		return -1;
	PQclear(*r);
	*r = NULL;
	m->prepared[m->prepared_n++] = mem_strdup(sql);
	return (int)i;
}

/* lens: NULL when all parameters are text, and so is the result. */
static PGresult *run_once(
	struct metadata *m, const char *sql, const char *const *params, const int *lens, int n)
{
	int is_binary[PARAMS_MAX] = { 0 };
	char name[16];
	PGresult *failure;
	int number = prepare(m, sql, &failure);

	if (number < 0)
		return failure;
	snprintf(name, sizeof name, "s%d", number);

	assert(!lens || n <= PARAMS_MAX);
	for (int i = 0; lens && i < n; i++)
		is_binary[i] = lens[i] != METADATA_TEXT;
	return PQsendQueryPrepared(
		       m->conn, name, n, params, lens, lens ? is_binary : NULL, lens != NULL)
		       ? answer(m)
		       : NULL;
}

static PGresult *run(struct metadata *m, const char *sql, const char *const *params,
	const int *lens, int n, struct err *e)
{
	m->end_us = clock_monotonic_us() + (int64_t)m->limit_ms * 1000;
	for (bool fresh = false;; fresh = true) {
		if (!m->conn || PQstatus(m->conn) != CONNECTION_OK) {
			if (connect_store(m, e) < 0)
				return NULL;
			fresh = true;
		}
		PGresult *r = run_once(m, sql, params, lens, n);
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
		*e = (struct err){ 0 };
	}
}

void metadata_listen(struct metadata *m, const char *channel)
{
	assert(!m->conn);
	m->channel = channel;
}

/* What has come so far. */
static int hand_over(struct metadata *m, metadata_told *take, void *to)
{
	PGnotify *told;
	int n = 0;

	while ((told = PQnotifies(m->conn))) {
		take(to, told->extra);
		PQfreemem(told);
		n++;
	}
	return n > 0;
}

void metadata_hear(struct metadata *m, metadata_told *take, void *to)
{
	if (m->conn && PQconsumeInput(m->conn))
		hand_over(m, take, to);
}

int metadata_wait(struct metadata *m, int timeout_ms, metadata_told *take, void *to, struct err *e)
{
	if (!m->conn || PQstatus(m->conn) != CONNECTION_OK) {
		m->end_us = clock_monotonic_us() + (int64_t)m->limit_ms * 1000;
		return connect_store(m, e) < 0 ? -1 : 1;
	}
	struct pollfd fd = { PQsocket(m->conn), POLLIN, 0 };

	/* What came with an answer is with libpq, and the socket silent. */
	if (!PQconsumeInput(m->conn) || hand_over(m, take, to))
		return 1;
	/* Not wait_fd, which waits through signals: an idle worker that is told to stop does so. */
	if (poll(&fd, 1, timeout_ms) <= 0)
		return 0;
	return !PQconsumeInput(m->conn) || hand_over(m, take, to);
}

struct pg_result *metadata_run(
	struct metadata *m, const char *sql, const char *const *params, int n, struct err *e)
{
	return run(m, sql, params, NULL, n, e);
}

struct pg_result *metadata_run_bytes(struct metadata *m, const char *sql, const char *const *params,
	const int *lens, int n, struct err *e)
{
	return run(m, sql, params, lens, n, e);
}

int64_t metadata_count(
	struct metadata *m, const char *sql, const char *const *params, int params_n, struct err *e)
{
	PGresult *r = metadata_run(m, sql, params, params_n, e);

	if (!r)
		return -1;
	const char *value = PQgetvalue(r, 0, 0);
	int64_t count = *value == 't' ? 1 : strtoll(value, NULL, 10);

	PQclear(r);
	return count;
}

int metadata_run_out(struct metadata *m, const char *sql, const char *const *params, int params_n,
	int64_t *n, struct err *e)
{
	int64_t some;

	*n = 0;
	do {
		some = metadata_count(m, sql, params, params_n, e);
		if (some < 0)
			return -1;
		*n += some;
	} while (some > 0);
	return 0;
}
