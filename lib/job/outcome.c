#include "lib/job/outcome.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"
#include "lib/job/metadata.h"
#include "lib/job/problem.h"

enum {
	PURGE_EVERY = 256 /* exports between two purges of what has expired, by one process */
};

struct outcome_store {
	struct metadata *metadata; /* borrowed */
	int64_t keep_s;
	char lock[24]; /* of the running export, as text */
	unsigned begun_n;
};

struct outcome_store *outcome_open(struct metadata *m, const struct settings *s)
{
	if (!m)
		return NULL;
	struct outcome_store *o = mem_zero(1, sizeof *o);

	o->metadata = m;
	o->keep_s = s->metadata_keep_us / 1000000;
	return o;
}

void outcome_close(struct outcome_store *o)
{
	free(o);
}

static void purge(struct outcome_store *o)
{
	struct err ignored; /* the next purge takes what this one left */

	if (o->begun_n++ % PURGE_EVERY == 0)
		PQclear(metadata_run(o->metadata,
			"DELETE FROM sluice.outcomes WHERE expires < now()", NULL, 0, &ignored));
}

int outcome_begin(struct outcome_store *o, const struct outcome_begin *b, struct err *e)
{
	static const char sql[] =
		"INSERT INTO sluice.outcomes (id, state, sub, route, table_key, format, started,"
		" rows, bytes, lock_key, expires)"
		" SELECT $1::uuid, 'running', $2, $3, $4, $5, clock_timestamp(), 0, 0, $6::bigint,"
		" now() + $7::bigint * interval '1 second'"
		" FROM pg_advisory_lock($6::bigint)";
	char keep[24];
	int64_t key;

	purge(o);
	random_bytes(&key, sizeof key);
	snprintf(o->lock, sizeof o->lock, "%lld", (long long)key);
	snprintf(keep, sizeof keep, "%lld", (long long)o->keep_s);
	const char *params[] = { b->id, b->subject, b->route, b->table, b->format, o->lock, keep };
	PGresult *r = metadata_run(o->metadata, sql, params, 7, e);

	PQclear(r);
	/* The lock may have been taken, and would stay with the session. */
	if (!r)
		metadata_disconnect(o->metadata);
	return r ? 0 : -1;
}

/* Only once the end is committed: the lock is let go of at once, and a reader must not find it free beside a row that
 * still says running. */
static void unlock(struct outcome_store *o)
{
	const char *params[] = { o->lock };
	struct err ignored; /* without a session there is no lock */
	PGresult *r = metadata_run(
		o->metadata, "SELECT pg_advisory_unlock($1::bigint)", params, 1, &ignored);

	if (!r)
		metadata_disconnect(o->metadata);
	PQclear(r);
}

int outcome_end(struct outcome_store *o, const struct outcome_end *end, struct err *e)
{
	static const char sql[] =
		"UPDATE sluice.outcomes SET state = $2, ended = clock_timestamp(),"
		" rows = $3::bigint, bytes = $4::bigint, sha256 = $5, error = $6::jsonb,"
		" schema_fingerprint = $7, lossy = $8::jsonb"
		" WHERE id = $1::uuid";
	struct buf problem = { 0 };
	char rows[24], bytes[24];

	snprintf(rows, sizeof rows, "%llu", (unsigned long long)end->rows);
	snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)end->bytes);
	if (end->err)
		problem_put(&problem, end->err);
	const char *params[] = { end->id, end->err ? "failed" : "succeeded", rows, bytes,
		end->sha256, end->err ? buf_str(&problem) : NULL, end->fingerprint, end->lossy };
	PGresult *r = metadata_run(o->metadata, sql, params, 8, e);

	if (!r) {
		/* The lock ends with its session: what cannot be noted must not read as running. */
		metadata_disconnect(o->metadata);
		r = metadata_run(o->metadata, sql, params, 8, e);
		metadata_disconnect(o->metadata);
	} else {
		unlock(o);
	}
	buf_free(&problem);
	PQclear(r);
	return r ? 0 : -1;
}

/* The outcome's JSON and whether its process has died; NULL on failure, no row when there is none. */
static PGresult *look(struct outcome_store *o, const char *id, const char *subject, struct err *e)
{
	/* A bigint's advisory lock shows as two halves (pg_locks, objsubid 1). */
	static const char sql[] =
		"SELECT json_build_object('id', id,"
		" 'state', CASE WHEN died THEN 'failed' ELSE state END,"
		" 'table', table_key, 'format', format, 'startedAt', started, 'endedAt', ended,"
		" 'rows', CASE WHEN state = 'running' THEN NULL ELSE rows END,"
		" 'bytes', CASE WHEN state = 'running' THEN NULL ELSE bytes END, 'sha256', sha256,"
		" 'schema', schema_fingerprint, 'lossy', lossy,"
		" 'error', CASE WHEN died THEN jsonb_build_object("
		"   'type', 'urn:sluice:problem:internal', 'title', 'Internal error', 'status', "
		"500,"
		"   'detail', 'the process that served the export died') ELSE error END,"
		" 'expiresAt', expires)::text, died"
		" FROM (SELECT *, state = 'running' AND NOT EXISTS (SELECT FROM pg_locks l"
		"   JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()"
		"   WHERE locktype = 'advisory' AND objsubid = 1 AND granted"
		"   AND (classid::bigint << 32 | objid::bigint) = lock_key) AS died"
		"  FROM sluice.outcomes WHERE id = $1::uuid AND sub = $2 AND expires > now()) o";
	const char *params[] = { id, subject };

	return metadata_run(o->metadata, sql, params, 2, e);
}

int outcome_read(struct outcome_store *o, const char *id, const char *subject, struct buf *json,
	struct err *e)
{
	PGresult *r = look(o, id, subject, e);

	/* pg_locks is read later than the row: an export that ended in between looks dead, once. */
	if (PQntuples(r) == 1 && *PQgetvalue(r, 0, 1) == 't') {
		PQclear(r);
		r = look(o, id, subject, e);
	}
	if (!r)
		return -1;
	bool found = PQntuples(r) == 1;

	if (found) {
		buf_puts(json, PQgetvalue(r, 0, 0));
		buf_putc(json, '\n');
	} else {
		err_set(e, ERR_NOT_FOUND, "there is no export by that id, or it is no longer kept");
	}
	PQclear(r);
	return found ? 0 : -1;
}

int outcome_purge(struct metadata *m, int64_t *n, struct err *e)
{
	/* So many at a time as are certain to be done within a statement's time. */
	static const char sql[] =
		"WITH gone AS (DELETE FROM sluice.outcomes WHERE id IN (SELECT id FROM "
		"sluice.outcomes"
		"  WHERE expires < now() LIMIT 10000 FOR UPDATE SKIP LOCKED) RETURNING 1)"
		" SELECT count(*) FROM gone";

	return metadata_run_out(m, sql, NULL, 0, n, e);
}
