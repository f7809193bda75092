/*
 * The cache in the metadata database (etc/schema/0004_cache.sql). No server of databases bounds a table, as Redis does what it
 * keeps (maxmemory): so each process looks now and then at what all have kept, and adds nothing while that is too much.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/job/cache_store.h"
#include "lib/job/metadata.h"

enum { PURGE_EVERY = 4 /* answers put by one process between two purges */ };

/* What all processes keep together, in bytes and in answers; a test has less. The answers are counted too so that adding
 * them up takes no longer than a call may. */
#ifndef CACHE_DATABASE_BYTES
#define CACHE_DATABASE_BYTES   "1073741824"
#define CACHE_DATABASE_ANSWERS "20000"
#endif

struct database_store {
	struct cache_store base;
	struct metadata *metadata; /* its own */
	char keep_us[24];          /* as text */
	unsigned put_n;
	bool is_full; /* at the last purge */
};

static int get(struct cache_store *base, const char *key, struct buf *value, struct err *e)
{
	static const char sql[] =
		"SELECT value FROM sluice.cache WHERE key = $1 AND expires > now()";
	struct database_store *s = (struct database_store *)base;
	const char *params[] = { key };
	const int lens[] = { METADATA_TEXT };
	PGresult *r = metadata_run_bytes(s->metadata, sql, params, lens, 1, e);

	if (!r)
		return -1;
	int found = PQntuples(r) == 1;

	if (found)
		buf_put(value, PQgetvalue(r, 0, 0), (size_t)PQgetlength(r, 0, 0));
	PQclear(r);
	return found;
}

/* More leaves than comes in between two of these, yet no more than can be deleted while a call may wait: 4 MB are two
 * thousand rows to the server. */
static int purge(struct database_store *s, struct err *e)
{
	static const char sql[] =
		"WITH gone AS (DELETE FROM sluice.cache WHERE key = ANY (ARRAY("
		"  SELECT key FROM sluice.cache WHERE expires <= now()"
		"  ORDER BY expires LIMIT 8 FOR UPDATE SKIP LOCKED)))"
		" SELECT FROM (SELECT value FROM sluice.cache LIMIT 1 + " CACHE_DATABASE_ANSWERS
		" ) AS kept HAVING sum(octet_length(value)) > " CACHE_DATABASE_BYTES
		" OR count(*) > " CACHE_DATABASE_ANSWERS;
	PGresult *r = metadata_run(s->metadata, sql, NULL, 0, e);

	if (!r)
		return -1;
	s->is_full = PQntuples(r) == 1;
	PQclear(r);
	return 0;
}

static int put(
	struct cache_store *base, const char *key, const void *value, size_t len, struct err *e)
{
	static const char sql[] = "INSERT INTO sluice.cache (key, value, expires)"
				  " VALUES ($1, $2, now() + $3::bigint * interval '1 microsecond')"
				  " ON CONFLICT (key) DO UPDATE SET value = excluded.value, "
				  "expires = excluded.expires";
	struct database_store *s = (struct database_store *)base;
	const char *params[] = { key, len ? value : "", s->keep_us }; /* NULL would be SQL's */
	const int lens[] = { METADATA_TEXT, (int)len, METADATA_TEXT };

	if (s->put_n++ % PURGE_EVERY == 0 && purge(s, e) < 0)
		return -1;
	if (s->is_full) {
		err_set(e, ERR_TOO_LARGE, "sluice.cache holds all that it may");
		return 0;
	}
	PGresult *r = metadata_run_bytes(s->metadata, sql, params, lens, 3, e);

	PQclear(r);
	return r ? 1 : -1;
}

static void close_store(struct cache_store *base)
{
	struct database_store *s = (struct database_store *)base;

	metadata_close(s->metadata);
	free(s);
}

struct cache_store *cache_database_open(const struct settings *settings)
{
	static const struct cache_store_ops ops = { get, put, close_store };
	struct metadata *m = metadata_open(settings);

	if (!m)
		return NULL;
	struct database_store *s = mem_zero(1, sizeof *s);

	metadata_limit(m, CACHE_WAIT_MS);
	s->base.ops = &ops;
	s->metadata = m;
	snprintf(s->keep_us, sizeof s->keep_us, "%lld", (long long)settings->cache_keep_us);
	return &s->base;
}
