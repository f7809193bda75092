#include "lib/job/schema_store.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/job/metadata.h"
#include "lib/rows/fingerprint.h"

enum {
	WRITTEN_N = 256,   /* schemas a process knows to be stored */
	PURGE_EVERY = 256, /* schemas between two purges of the forgotten, by one process */
};

#define REFRESH_US (INT64_C(12) * 3600 * 1000000)

struct schema_store {
	struct metadata *metadata; /* borrowed */
	unsigned put_n;
	unsigned turn; /* the entry of written that comes next */
	struct {
		char fingerprint[FINGERPRINT_TEXT];
		int64_t at_us; /* monotonic */
	} written[WRITTEN_N];
};

struct schema_store *schema_store_open(struct metadata *m)
{
	if (!m)
		return NULL;
	struct schema_store *s = mem_zero(1, sizeof *s);

	s->metadata = m;
	return s;
}

void schema_store_close(struct schema_store *s)
{
	free(s);
}

bool schema_store_wants(const struct schema_store *s, const char *fingerprint)
{
	int64_t fresh_us = clock_monotonic_us() - REFRESH_US;

	for (unsigned i = 0; i < WRITTEN_N; i++)
		if (!strcmp(s->written[i].fingerprint, fingerprint) &&
			s->written[i].at_us > fresh_us)
			return false;
	return !metadata_is_lost(s->metadata);
}

static void note_written(struct schema_store *s, const char *fingerprint)
{
	unsigned i = s->turn++ % WRITTEN_N;

	memcpy(s->written[i].fingerprint, fingerprint, FINGERPRINT_TEXT);
	s->written[i].at_us = clock_monotonic_us();
}

static void purge(struct schema_store *s)
{
	struct err ignored; /* the next purge takes what this one left */

	if (s->put_n++ % PURGE_EVERY == 0)
		PQclear(metadata_run(s->metadata,
			"DELETE FROM sluice.schemas WHERE seen < now() - interval '1 year'", NULL,
			0, &ignored));
}

int schema_store_put(
	struct schema_store *s, const char *fingerprint, const char *columns, struct err *e)
{
	static const char sql[] = "INSERT INTO sluice.schemas AS s (fingerprint, columns, seen)"
				  " VALUES ($1, $2::jsonb, now())"
				  " ON CONFLICT (fingerprint) DO UPDATE SET seen = excluded.seen"
				  " WHERE s.seen < now() - interval '1 day'";
	const char *params[] = { fingerprint, columns };
	PGresult *r = metadata_run(s->metadata, sql, params, 2, e);

	PQclear(r);
	if (!r)
		return -1;
	note_written(s, fingerprint);
	purge(s);
	return 0;
}

int schema_store_difference(struct schema_store *s, const char *fingerprints, const char *columns,
	struct buf *json, struct err *e)
{
	static const char sql[] =
		"WITH known AS (SELECT fingerprint, columns"
		"  FROM jsonb_array_elements_text($1::jsonb) WITH ORDINALITY AS a (fingerprint, at)"
		"  JOIN sluice.schemas USING (fingerprint) ORDER BY at LIMIT 1),"
		" old AS (SELECT c, at"
		"  FROM known, jsonb_array_elements(columns) WITH ORDINALITY AS x (c, at)),"
		" new AS (SELECT c, at"
		"  FROM jsonb_array_elements($2::jsonb) WITH ORDINALITY AS x (c, at)),"
		" kept AS (SELECT old.c AS was, new.c AS now, old.at AS old_at, new.at"
		"  FROM old JOIN new ON old.c->'name' = new.c->'name')"
		" SELECT json_build_object('from', fingerprint,"
		" 'added', (SELECT coalesce(json_agg(c ORDER BY at), '[]') FROM new"
		"  WHERE c->'name' NOT IN (SELECT c->'name' FROM old)),"
		" 'removed', (SELECT coalesce(json_agg(c ORDER BY at), '[]') FROM old"
		"  WHERE c->'name' NOT IN (SELECT c->'name' FROM new)),"
		" 'changed', (SELECT coalesce(json_agg(json_build_object("
		"   'name', now->'name', 'was', was - 'name', 'is', now - 'name')"
		"  ORDER BY at), '[]')"
		"  FROM kept WHERE was <> now),"
		" 'reordered', (SELECT coalesce(bool_or(old_at < before), false) FROM"
		"  (SELECT old_at, lag(old_at) OVER (ORDER BY at) AS before FROM kept) AS pairs)"
		" )::text FROM known";
	const char *params[] = { fingerprints, columns };
	PGresult *r = metadata_run(s->metadata, sql, params, 2, e);

	if (!r)
		return -1;
	int found = PQntuples(r) == 1;

	if (found)
		buf_puts(json, PQgetvalue(r, 0, 0));
	PQclear(r);
	return found;
}
