/*
 * A PostgreSQL session as a source: one connection kept from request to request, one read-only
 * transaction with one snapshot for each.
 *
 * Everything that a request sets is local to its transaction, and the only prepared statement is the unnamed
 * one, so that the session works through a pooler that gives the server away after each
 * transaction. The big result is read by pgwire.c on libpq's socket; where that cannot be (GSS
 * encryption), or the configuration says so, by libpq itself.
 */
#include "lib/source/postgres.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/stop.h"
#include "lib/base/wait.h"

/* Of who reads under another's snapshot, which has locked what they read. */
enum { SHARED_LOCK_MS = 1000 };

static void forget_result(struct postgres *pg)
{
	pg->single_row = false;
	pg->columns = NULL;
	pg->schema = (struct schema){ 0 };
	arena_free(&pg->arena);
}

static void disconnect(struct postgres *pg)
{
	forget_result(pg);
	PQfreeCancel(pg->canceler);
	PQfinish(pg->conn);
	pg->canceler = NULL;
	pg->conn = NULL;
}

static void cancel(struct source *s)
{
	struct postgres *pg = (struct postgres *)s;
	char why[256];

	if (pg->conn && PQtransactionStatus(pg->conn) != PQTRANS_IDLE && pg->canceler &&
		!PQcancel(pg->canceler, why, sizeof why))
		log_line(LOG_WARN, "cancel: %s", why);
	disconnect(pg);
}

/* It was us who did not want to wait any longer (wait_gave_up). */
static bool gave_up(const struct err *e)
{
	return e->code == ERR_CLIENT_GONE || stop_overdue();
}

/* A failure leaves no transaction behind: when the other side may still be at work it is told to stop. */
static int failed(struct postgres *pg, const struct err *e)
{
	if (gave_up(e))
		cancel(&pg->base);
	else
		disconnect(pg);
	return -1;
}

int postgres_error(struct postgres *pg, const PGresult *r, struct err *e)
{
	const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;

	if (state)
		return pgwire_error(e, state, PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
	err_set(e, ERR_DATABASE, "the connection to the database was lost");
	return err_cause(e, "%s", PQerrorMessage(pg->conn));
}

/* Nobody answers what a server answers at once, so there is none: a pooler has given all that it has to others. */
static int late(struct err *e)
{
	err_set(e, ERR_UNAVAILABLE, "the database has no connection to spare");
	return err_cause(e, "no answer within the time limit");
}

static int left_ms(const struct postgres *pg)
{
	int64_t left_us = pg->until_us - clock_monotonic_us();

	return !pg->until_us ? -1 : left_us > 0 ? (int)(left_us / 1000) : 0;
}

int postgres_result(struct postgres *pg, PGresult **r, struct err *e)
{
	for (;;) {
		int more = PQflush(pg->conn);

		if (more < 0)
			return postgres_error(pg, NULL, e);
		if (!more && !PQisBusy(pg->conn))
			break;
		switch (wait_fd(PQsocket(pg->conn), (short)(more ? POLLIN | POLLOUT : POLLIN),
			pg->base.hangup_fd, left_ms(pg))) {
		case WAIT_HANGUP: return wait_gave_up(e);
		case WAIT_TIMEOUT: return late(e);
		case WAIT_READY: break;
		}
		if (!PQconsumeInput(pg->conn))
			return postgres_error(pg, NULL, e);
	}
	*r = PQgetResult(pg->conn);
	return 0;
}

int postgres_command(struct postgres *pg, const char *sql, struct err *e)
{
	PGresult *r;
	int status = 0;

	if (!PQsendQuery(pg->conn, sql))
		return postgres_error(pg, NULL, e);
	for (;;) {
		if (postgres_result(pg, &r, e) < 0)
			return -1;
		if (!r)
			return status;
		ExecStatusType is = PQresultStatus(r);

		if (status == 0 && is != PGRES_COMMAND_OK && is != PGRES_TUPLES_OK)
			status = postgres_error(pg, r, e);
		PQclear(r);
	}
}

/* A connection that the server closed while nobody looked has an end of file, or a farewell, to read. */
static bool is_usable(const struct postgres *pg)
{
	if (!pg->conn || PQstatus(pg->conn) != CONNECTION_OK ||
		PQtransactionStatus(pg->conn) != PQTRANS_IDLE)
		return false;
	if (pg->db->max_age_us && clock_monotonic_us() - pg->connected_us > pg->db->max_age_us)
		return false;
	return wait_fd(PQsocket(pg->conn), POLLIN, -1, 0) == WAIT_TIMEOUT;
}

static int connect_session(struct postgres *pg, struct err *e)
{
	disconnect(pg);
	pg->conn = postgres_connect(pg->db, pg->base.hangup_fd, e);
	if (!pg->conn)
		return -1;
	pg->canceler = PQgetCancel(pg->conn);
	pg->connected_us = clock_monotonic_us();
	return 0;
}

/* The text of values must not depend on how the role or the server is set up. JIT gains nothing on rows that leave as
 * they stand, and takes half a second to compile what finds the bounds of pages in milliseconds. A server that can
 * (14 and later, on Linux) looks every second whether we are still there: a process that is killed cancels nothing,
 * and a cancel that comes between two messages of one query is dropped. */
static int begin_transaction(struct postgres *pg, const char *tag, struct err *e)
{
	struct buf sql = { 0 };
	int64_t timeout_ms = pg->db->statement_timeout_us / 1000;

	if (timeout_ms > INT32_MAX) /* the most that the server takes: 24 days */
		timeout_ms = INT32_MAX;
	/* "00000003-0000001B-1" */
	assert(!pg->base.snapshot ||
		pg->base.snapshot[strspn(pg->base.snapshot, "0123456789ABCDEF-")] == '\0');
	assert(!tag || tag[strspn(tag, "0123456789abcdefghijklmnopqrstuvwxyz-")] == '\0');
	buf_puts(&sql, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;");
	if (pg->base.snapshot)
		buf_printf(&sql, "SET TRANSACTION SNAPSHOT '%s'; SET LOCAL lock_timeout = %d;",
			pg->base.snapshot, SHARED_LOCK_MS);
	buf_printf(&sql,
		"SET LOCAL application_name = 'sluice%s%s';"
		"SET LOCAL statement_timeout = %lld;"
		"SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL timezone = 'UTC';"
		"SET LOCAL intervalstyle = iso_8601; SET LOCAL bytea_output = hex;"
		"SET LOCAL extra_float_digits = 1; SET LOCAL xmloption = content;"
		"SET LOCAL jit = off;"
		"SELECT set_config('client_connection_check_interval', '1000', true)"
		" WHERE current_setting('server_version_num')::int >= 140000 AND version() LIKE "
		"'%%linux%%'",
		tag ? "/" : "", tag ? tag : "", (long long)timeout_ms);
	pg->until_us =
		pg->base.snapshot ? clock_monotonic_us() + 2 * pg->db->connect_timeout_us : 0;
	int r = postgres_command(pg, buf_str(&sql), e);

	pg->until_us = 0;
	buf_free(&sql);
	/* Of all these only the snapshot is a value that can be wrong: whoever shared it has ended. */
	if (r < 0 && pg->base.snapshot && e->is_final) {
		struct err found = *e;

		err_set(e, ERR_DATABASE, "the snapshot that was to be read is no longer there");
		err_cause(e, "%s", found.cause);
	}
	return r;
}

static int begin(struct source *s, const char *tag, struct err *e)
{
	struct postgres *pg = (struct postgres *)s;
	bool fresh = !is_usable(pg);

	if (fresh && connect_session(pg, e) < 0)
		return -1;
	if (begin_transaction(pg, tag, e) == 0)
		return 0;
	/* A kept connection may have died without a sign; a new one tells for certain. */
	if (fresh || gave_up(e))
		return failed(pg, e);
	if (connect_session(pg, e) < 0)
		return -1;
	return begin_transaction(pg, tag, e) == 0 ? 0 : failed(pg, e);
}

void postgres_describe(struct postgres *pg, const struct pgwire_field *fields, size_t n)
{
	pg->schema.n = n;
	pg->schema.fields = arena_zero(&pg->arena, n, sizeof *pg->schema.fields);
	pg->columns = arena_zero(&pg->arena, n, sizeof *pg->columns);
	for (size_t i = 0; i < n; i++) {
		struct field *f = &pg->schema.fields[i];

		f->name = arena_strdup(&pg->arena, fields[i].name);
		f->nullable = true;
		pgdecode_choose(fields[i].oid, fields[i].typmod, f, &pg->columns[i]);
		f->source_type = type_name(f->type);
	}
}

static int wire_open(struct postgres *pg, const struct statement *st, struct err *e)
{
	struct pgwire_field *fields;
	size_t n;

	pgwire_lend(&pg->wire, PQsocket(pg->conn), PQsslStruct(pg->conn, "OpenSSL"),
		pg->base.hangup_fd);
	if (pgwire_prepare(&pg->wire, st->sql, &pg->arena, &fields, &n, e) < 0)
		return -1;
	postgres_describe(pg, fields, n);
	return pgwire_execute(&pg->wire, st, pg->columns, n, e);
}

/* For a statement whose values are dear: the planner weighs what a parallel worker hands on as if it had to be
 * copied with care, and would never part such work. One worker beside the leader, where the server's
 * settings grant any; more would only wait for the leader, which sends. */
static int allow_parallel(struct postgres *pg, struct err *e)
{
	return postgres_command(pg,
		"SELECT set_config('parallel_tuple_cost', '0', true),"
		" set_config('max_parallel_workers_per_gather',"
		"  least(current_setting('max_parallel_workers_per_gather')::int, 1)::text, true)",
		e);
}

static int open_result(
	struct source *s, const struct statement *st, const struct schema **schema, struct err *e)
{
	struct postgres *pg = (struct postgres *)s;

	forget_result(pg);
	if (st->parallel && allow_parallel(pg, e) < 0)
		return failed(pg, e);
	pg->plain = !strcmp(pg->db->wire, "plain") || PQgssEncInUse(pg->conn);
	if ((pg->plain ? postgres_plain_open(pg, st, e) : wire_open(pg, st, e)) < 0)
		return failed(pg, e);
	*schema = &pg->schema;
	return 0;
}

static int next(struct source *s, struct batch *b, struct err *e)
{
	struct postgres *pg = (struct postgres *)s;

	batch_reset(b);
	int r = pg->plain ? postgres_plain_rows(pg, b, e)
			  : pgwire_rows(&pg->wire, pg->columns, b, e);

	return r < 0 ? failed(pg, e) : b->rows > 0;
}

static int share(struct source *s, struct arena *a, const char **snapshot, struct err *e)
{
	struct postgres *pg = (struct postgres *)s;
	PGresult *r;

	*snapshot = NULL;
	/* It does nothing while the others read: no reason to end it. */
	if (postgres_command(pg,
		    "SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN"
		    " ('idle_in_transaction_session_timeout', 'transaction_timeout')",
		    e) < 0)
		return failed(pg, e);
	if (!PQsendQuery(pg->conn, "SELECT pg_export_snapshot()"))
		return postgres_error(pg, NULL, e);
	while (postgres_result(pg, &r, e) == 0 && r) {
		if (PQresultStatus(r) == PGRES_TUPLES_OK)
			*snapshot = arena_strdup(a, PQgetvalue(r, 0, 0));
		else
			postgres_error(pg, r, e);
		PQclear(r);
	}
	return *snapshot ? 0 : failed(pg, e);
}

static int end(struct source *s, struct err *e)
{
	struct postgres *pg = (struct postgres *)s;

	forget_result(pg);
	if (!pg->conn)
		return err_set(e, ERR_DATABASE, "the connection to the database was lost");
	return postgres_command(pg, "COMMIT", e) == 0 ? 0 : failed(pg, e);
}

static void close_source(struct source *s)
{
	struct postgres *pg = (struct postgres *)s;

	disconnect(pg);
	pgwire_free(&pg->wire);
	free(pg);
}

struct source *postgres_new(const struct settings_database *db)
{
	static const struct source_ops ops = { begin, open_result, next, end, share, cancel,
		close_source };
	struct postgres *pg = mem_zero(1, sizeof *pg);

	pg->base = (struct source){ .ops = &ops, .hangup_fd = -1 };
	pg->db = db;
	return &pg->base;
}
