#include "lib/export/increment.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/export/identity.h"
#include "lib/export/lookup.h"

/* ---- what the database knows */

enum fact {
	LOW,
	HIGH,
	SYSTEM,
	TIMELINE,
	DATABASE,
	TABLE,
	IS_STANDBY,
	POSITION,
	HAS_VERSIONS,
	MAY_READ,
	IS_ALONE,
	OLD_MEMBERS,
	NEW_MEMBERS
};

/* $1: the table; $2: the cursor's transaction, or NULL.
 *
 * A partition, or a child, brings the rows that it had before it was attached: they are as young as that. pg_inherits
 * is asked in the transaction's snapshot, so that one attached later is in neither list, and its rows come next time. A
 * child of two parents is there as soon as either way leads to it.
 *
 * The timeline in pg_control is that of the last checkpoint, which a server that has just been promoted does not have yet: where
 * there is a log that is written, its files' names tell it. */
static const char *find_sql(struct arena *a)
{
	return arena_printf(a,
		"WITH RECURSIVE snapshot AS MATERIALIZED (SELECT pg_snapshot_xmin(s)::text::bigint "
		"AS low,"
		"  pg_snapshot_xmax(s)::text::bigint AS high FROM pg_current_snapshot() AS s),"
		" tree(oid, attached) AS (SELECT $1::regclass::oid, 0::bigint UNION"
		"  SELECT i.inhrelid, greatest(t.attached, high - (%s))"
		"  FROM snapshot, tree t JOIN pg_inherits i ON i.inhparent = t.oid),"
		" member AS (SELECT oid, min(attached) AS attached FROM tree GROUP BY oid)"
		" SELECT low, high, (SELECT system_identifier FROM pg_control_system())::bigint,"
		" CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM "
		"pg_control_checkpoint())"
		"  ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), "
		"8))::bit(32)::bigint"
		"  END::bigint,"
		" (SELECT oid FROM pg_database WHERE datname = current_database())::bigint,"
		" $1::regclass::oid::bigint, pg_is_in_recovery(),"
		" CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_insert_lsn()::text END,"
		" (SELECT bool_and(relkind = 'p' OR (relkind IN ('r', 'm') AND amname = 'heap')) "
		"IS TRUE"
		"  FROM member LEFT JOIN pg_class c ON c.oid = member.oid"
		"  LEFT JOIN pg_am ON pg_am.oid = c.relam),"
		" (SELECT bool_and(has_column_privilege(attrelid, attnum, 'SELECT')) IS TRUE"
		"  FROM pg_attribute WHERE attrelid = $1::regclass AND attnum < 0"
		"  AND attname IN ('xmin', 'tableoid')),"
		" (SELECT count(*) = 1 FROM member),"
		" (SELECT coalesce(array_agg(oid), '{}')::text FROM member"
		"  WHERE attached < coalesce($2::bigint, low)),"
		" (SELECT coalesce(array_agg(oid), '{}')::text FROM member"
		"  WHERE attached >= coalesce($2::bigint, low) AND attached < low)"
		" FROM snapshot",
		increment_distance(a, "i.xmin", "high"));
}

struct known {
	uint64_t low, high;
	struct increment_cursor place;
	bool is_standby, has_versions, may_read, is_alone;
	const char *position, *old_members, *new_members;
};

static uint64_t number(const struct batch *b, enum fact c)
{
	return (uint64_t)COLUMN_VALUE(&b->columns[c], int64_t, 0);
}

static const char *text(struct arena *a, const struct batch *b, enum fact c)
{
	size_t len;

	if (column_is_null(&b->columns[c], 0))
		return NULL;
	const uint8_t *p = column_bytes(&b->columns[c], 0, &len);

	return arena_strndup(a, (const char *)p, len);
}

static void read_known(struct arena *a, const struct batch *b, struct known *k)
{
	*k = (struct known){ .low = number(b, LOW),
		.high = number(b, HIGH),
		.place = { .system = number(b, SYSTEM),
			.timeline = (uint32_t)number(b, TIMELINE),
			.database = (uint32_t)number(b, DATABASE),
			.table = (uint32_t)number(b, TABLE) },
		.is_standby = column_bool(&b->columns[IS_STANDBY], 0),
		.has_versions = column_bool(&b->columns[HAS_VERSIONS], 0),
		.may_read = column_bool(&b->columns[MAY_READ], 0),
		.is_alone = column_bool(&b->columns[IS_ALONE], 0),
		.position = text(a, b, POSITION),
		.old_members = text(a, b, OLD_MEMBERS),
		.new_members = text(a, b, NEW_MEMBERS) };
}

/* What the role, or the server, is not up to. */
static int explain(struct err *e)
{
	struct err why = *e;

	if (why.code == ERR_DATABASE && source_has_said(&why, "42501"))
		err_set(e, ERR_UNPROCESSABLE,
			"there are no increments here: the database's role may not ask "
			"which cluster it is in");
	else if (why.code == ERR_DATABASE && source_has_said(&why, "42883"))
		err_set(e, ERR_UNPROCESSABLE,
			"there are no increments here: they need PostgreSQL 13 or later");
	else
		return -1;
	return err_cause(e, "%s", why.cause);
}

static int ask(struct arena *a, struct source *s, const char *table, const char *from,
	struct known *k, struct err *e)
{
	const char *params[] = { table, from };
	struct statement st = { .sql = find_sql(a), .params = params, .params_n = 2 };
	const struct schema *schema;
	struct batch b;
	int r;

	if (source_open(s, &st, &schema, e) < 0)
		return explain(e);
	batch_init(&b, schema);
	while ((r = source_next(s, &b, e)) > 0)
		read_known(a, &b, k);
	batch_free(&b);
	return r < 0 ? explain(e) : 0;
}

/* ---- whose rows */

static void add(struct buf *b, const char *value)
{
	buf_put(b, value ? value : "", value ? strlen(value) + 1 : 0);
	buf_putc(b, '\n');
}

/* Of the tenant, and of whom the database takes the visitor for. */
static int digest_rows(
	const struct visitor *v, const struct table *t, uint64_t *rows, struct err *e)
{
	const struct settings_database *db = settings_database(v->settings, t->settings->database);
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct buf b = { 0 };
	struct statement who;

	if (identity_statement(db, v->principal, v->arena, &who, e) < 0)
		return -1;
	add(&b, t->rights.tenant_column);
	add(&b, t->rights.tenant_column ? t->rights.tenant : NULL);
	for (size_t i = 0; i < who.params_n; i++)
		add(&b, who.params[i]);
	SHA256((const unsigned char *)b.data, b.len, digest);
	buf_free(&b);
	memcpy(rows, digest, sizeof *rows);
	return 0;
}

/* ---- whether it can be */

static int gone(const char *why, struct err *e)
{
	return err_set(e, ERR_GONE,
		"what has changed since cannot be told: %s; begin with \"since\": \"%s\"", why,
		INCREMENT_START);
}

static int check_table(const struct table *t, const struct known *k, struct err *e)
{
	const char *key = t->settings->key;

	if (!k->has_versions)
		return err_set(e, ERR_UNPROCESSABLE,
			"table %s has no increments: only the database's own tables know what "
			"changed, not "
			"views and foreign tables",
			key);
	if (!k->may_read)
		return err_set(e, ERR_UNPROCESSABLE,
			"table %s has no increments: the database's role may not read its columns "
			"xmin and "
			"tableoid",
			key);
	return 0;
}

/* A standby may be behind the server that the cursor is from: it has nothing new then. */
static int check_cursor(const struct increment_cursor *c, const struct known *k, struct err *e)
{
	const struct increment_cursor *here = &k->place;

	if (c->system != here->system || c->database != here->database)
		return gone("the cursor is of another database", e);
	if (c->timeline != here->timeline)
		return gone("the database has been restored or failed over", e);
	if (c->from > k->high && !k->is_standby)
		return gone("the database has been set back", e);
	if (c->table != here->table)
		return gone("the table has been replaced by another", e);
	if (c->rows != here->rows)
		return gone("the rows that you may see are not those that it is of", e);
	if (k->high > c->from && k->high - c->from > INCREMENT_REACH_MAX)
		return gone("the cursor is too old", e);
	return 0;
}

static int read_since(struct arena *a, const struct table *t, const char *since,
	struct increment_cursor *c, struct err *e)
{
	if (increment_cursor_read(a, since, c, e) < 0)
		return -1;
	if (!strcmp(c->key, t->settings->key))
		return 0;
	return err_set(e, ERR_UNPROCESSABLE, "the cursor is another table's");
}

int increment_find(const struct visitor *v, struct source *s, const struct table *t,
	const char *since, struct increment_found *out, struct err *e)
{
	struct arena *a = v->arena;
	bool is_start = !strcmp(since, INCREMENT_START);
	struct increment_cursor c = { 0 };
	struct known k = { 0 };

	if (!is_start && read_since(a, t, since, &c, e) < 0)
		return -1;
	const char *from = is_start ? NULL : arena_printf(a, "%" PRIu64, c.from);

	if (ask(a, s, t->catalog.quoted, from, &k, e) < 0 || check_table(t, &k, e) < 0 ||
		digest_rows(v, t, &k.place.rows, e) < 0 ||
		(!is_start && check_cursor(&c, &k, e) < 0))
		return -1;
	if (!is_start && c.from > k.low)
		k.low = c.from;
	if (k.high < k.low)
		k.high = k.low;
	out->range = (struct increment){
		.is_start = is_start, .from = c.from, .to = k.low, .next = k.high
	};
	if (!k.is_alone) {
		out->range.old_members = k.old_members;
		out->range.new_members = k.new_members;
	}
	k.place.from = k.low;
	k.place.key = t->settings->key;
	k.place.made_us = clock_wall_us();
	out->next_cursor = increment_cursor_write(a, &k.place);
	out->position = k.position;
	return 0;
}

/* ---- whether it will last */

int increment_is_safe(struct source *s, const struct increment_found *found, struct err *e)
{
	const char *params[] = { found->position };
	const struct statement st = {
		.sql = "SELECT (pg_current_wal_flush_lsn() >= $1::pg_lsn)::int::bigint",
		.params = params,
		.params_n = 1,
	};
	int64_t is = 1;

	return found->position && lookup_int(s, &st, &is, e) < 0 ? -1 : (int)is;
}

int increment_push(const struct visitor *v, struct source *s, struct err *e)
{
	/* With a number of its own its end is in the log, and what stands there before it is written with it. */
	static const struct statement st = { .sql = "SELECT pg_current_xact_id()" };

	return lookup_run(s, &st, e) < 0 || source_end(s, e) < 0 ? -1 : source_begin(s, v->id, e);
}
