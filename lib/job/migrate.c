#include "lib/job/migrate.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "lib/base/file.h"
#include "lib/source/postgres_connect.h"

enum {
	SQL_MAX = 4 * 1024 * 1024,
	NUMBER_LEN = 4,
	OID_BYTEA = 17 /* pg_type.dat */
};

/* "sluice" in ASCII: the advisory lock that one migration holds against another. */
#define LOCK "126909663503205"

/* to_regnamespace first: CREATE SCHEMA IF NOT EXISTS asks for the right to create schemas even
 * where there is one. */
static const char ledger_sql[] =
	"SET client_min_messages = warning;"
	"SELECT pg_advisory_lock(" LOCK ");"
	"DO $$ BEGIN"
	" IF to_regnamespace('sluice') IS NULL THEN CREATE SCHEMA sluice; END IF;"
	" IF to_regclass('sluice.migrations') IS NULL THEN"
	"  CREATE TABLE sluice.migrations (name text PRIMARY KEY, sha256 text NOT NULL,"
	"   applied timestamptz NOT NULL DEFAULT now());"
	" END IF;"
	"END $$";

struct migrations {
	struct dirent **files;
	int n;
};

static int database_error(PGconn *conn, const PGresult *r, const char *doing, struct err *e)
{
	const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

	err_set(e, ERR_DATABASE, "%s failed", doing);
	return err_cause(e, "%s", message ? message : PQerrorMessage(conn));
}

static int run(PGconn *conn, const char *sql, const char *doing, struct err *e)
{
	PGresult *r = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(r);
	int failed = 0;

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		failed = database_error(conn, r, doing, e);
	PQclear(r);
	return failed;
}

/* A statement with the file's name as $1 and its text as $2. NULL with the error set. */
static PGresult *run_with_file(
	PGconn *conn, const char *sql, const char *name, const struct buf *text, struct err *e)
{
	const Oid types[] = { 0, OID_BYTEA };
	const char *const values[] = { name, text->data };
	const int lengths[] = { 0, (int)text->len }, formats[] = { 0, 1 };
	PGresult *r = PQexecParams(conn, sql, 2, types, values, lengths, formats, 0);
	ExecStatusType status = PQresultStatus(r);

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return r;
	database_error(conn, r, name, e);
	PQclear(r);
	return NULL;
}

/* ---- files */

static int is_migration(const struct dirent *f)
{
	const char *name = f->d_name;
	size_t len = strlen(name), digits = strspn(name, "0123456789");

	return digits == NUMBER_LEN && name[NUMBER_LEN] == '_' && len > NUMBER_LEN + 5 &&
	       !strcmp(name + len - 4, ".sql");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void free_migrations(struct migrations *m)
{
	for (int i = 0; i < m->n; i++)
		free(m->files[i]);
	free(m->files);
	*m = (struct migrations){ 0 };
}

static int list_migrations(struct migrations *m, const char *dir, struct err *e)
{
	int n = scandir(dir, &m->files, is_migration, by_name);

	if (n < 0)
		return err_set(e, ERR_CONFIG, "%s: %s", dir, strerror(errno));
	m->n = n;
	if (n == 0)
		return err_set(e, ERR_CONFIG, "%s: holds no migrations (NNNN_name.sql)", dir);
	for (int i = 1; i < n; i++)
		if (!strncmp(m->files[i - 1]->d_name, m->files[i]->d_name, NUMBER_LEN))
			return err_set(e, ERR_CONFIG, "%s: %s and %s have the same number", dir,
				m->files[i - 1]->d_name, m->files[i]->d_name);
	return 0;
}

static int read_migration(const char *dir, const char *name, struct buf *text, struct err *e)
{
	struct arena a = { 0 };
	const char *path = arena_printf(&a, "%s/%s", dir, name);
	int failed = 0;

	text->len = 0;
	if (file_read(path, SQL_MAX, text))
		failed = err_set(e, ERR_CONFIG, "%s: %s", path, strerror(errno));
	else if (strlen(buf_str(text)) != text->len)
		failed = err_set(e, ERR_CONFIG, "%s: holds a zero byte", path);
	arena_free(&a);
	return failed;
}

/* ---- one migration */

/* 1: it was applied as it stands, 0: it was not, -1: it was, with another text. */
static int is_applied(PGconn *conn, const char *name, const struct buf *text, struct err *e)
{
	PGresult *r = run_with_file(conn,
		"SELECT sha256 = encode(sha256($2), 'hex') FROM sluice.migrations WHERE name = $1",
		name, text, e);
	int applied = -1;

	if (!r)
		return -1;
	if (PQntuples(r) == 0)
		applied = 0;
	else if (!strcmp(PQgetvalue(r, 0, 0), "t"))
		applied = 1;
	else
		err_set(e, ERR_CONFIG, "%s was changed after it was applied", name);
	PQclear(r);
	return applied;
}

/* The line of the server's complaint. Its position counts characters, from 1; of UTF-8 the
 * continuation bytes (10xxxxxx) are none. */
static long line_of(const char *position, const char *text)
{
	long line = 1;

	for (long left = strtol(position, NULL, 10); left > 1 && *text; text++) {
		line += *text == '\n';
		left -= (text[1] & 0xc0) != 0x80;
	}
	return line;
}

static int statement_error(
	PGconn *conn, const PGresult *r, const char *name, const char *text, struct err *e)
{
	const char *position = PQresultErrorField(r, PG_DIAG_STATEMENT_POSITION);
	struct buf where = { 0 };

	buf_puts(&where, name);
	if (position)
		buf_printf(&where, ":%ld:", line_of(position, text));
	database_error(conn, r, buf_str(&where), e);
	buf_free(&where);
	return -1;
}

static int run_file(PGconn *conn, const char *name, struct buf *text, struct err *e)
{
	PGresult *r = PQexec(conn, buf_str(text));
	ExecStatusType status = PQresultStatus(r);
	int failed = 0;

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
		failed = statement_error(conn, r, name, buf_str(text), e);
	PQclear(r);
	if (!failed && PQtransactionStatus(conn) != PQTRANS_INTRANS)
		failed = err_set(e, ERR_CONFIG, "%s ends its transaction by itself", name);
	return failed;
}

static int apply(PGconn *conn, const char *name, struct buf *text, struct err *e)
{
	if (run(conn, "BEGIN", name, e) || run_file(conn, name, text, e))
		return -1;
	PGresult *r = run_with_file(conn,
		"INSERT INTO sluice.migrations (name, sha256)"
		" VALUES ($1, encode(sha256($2), 'hex'))",
		name, text, e);

	if (!r)
		return -1;
	PQclear(r);
	return run(conn, "COMMIT", name, e);
}

static int migrate_file(
	PGconn *conn, const char *dir, const char *name, FILE *out, struct buf *text, struct err *e)
{
	if (read_migration(dir, name, text, e))
		return -1;
	int applied = is_applied(conn, name, text, e);

	if (applied < 0 || (!applied && apply(conn, name, text, e)))
		return -1;
	if (fprintf(out, "%s: %s\n", name, applied ? "was applied before" : "applied") < 0)
		return err_set(e, ERR_CONFIG, "the output cannot be written: %s", strerror(errno));
	return 0;
}

int migrate(const struct settings_database *db, const char *dir, FILE *out, struct err *e)
{
	struct migrations m = { 0 };
	struct buf text = { 0 };
	PGconn *conn = NULL;
	int failed = list_migrations(&m, dir, e);

	if (!failed) {
		conn = postgres_connect(db, -1, e);
		failed = !conn || run(conn, ledger_sql, "preparing sluice.migrations", e);
	}
	for (int i = 0; i < m.n && !failed; i++)
		failed = migrate_file(conn, dir, m.files[i]->d_name, out, &text, e);
	PQfinish(conn); /* ends a transaction left open, and the lock */
	buf_free(&text);
	free_migrations(&m);
	return failed ? -1 : 0;
}
