#include "lib/source/postgres_catalog.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "lib/source/postgres_connect.h"

/* One row a table: schema; name; both as SQL spells them; columns as a JSON array; the only column
 * of the primary key, or ''. A partition is left out where the table that it is a part of can be
 * read. */
static const char tables_sql[] =
	"SELECT n.nspname, c.relname, format('%I.%I', n.nspname, c.relname),"
	" json_agg(a.attname ORDER BY a.attnum),"
	" coalesce(max(a.attname) FILTER (WHERE i.indkey[0] = a.attnum), '')"
	" FROM pg_class c"
	" JOIN pg_namespace n ON n.oid = c.relnamespace"
	" JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
	"  AND has_column_privilege(c.oid, a.attnum, 'SELECT')"
	" LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary AND i.indnkeyatts = 1"
	" WHERE c.relkind IN ('r', 'p', 'v', 'm') AND has_schema_privilege(n.oid, 'USAGE')"
	"  AND NOT (c.relispartition"
	"   AND has_any_column_privilege(pg_partition_root(c.oid)::oid, 'SELECT'))"
	"  AND CASE WHEN $1::text IS NULL THEN n.nspname !~ '^pg_'"
	"   AND n.nspname NOT IN ('information_schema', 'sluice') ELSE n.nspname = $1 END"
	" GROUP BY n.nspname, c.relname"
	" ORDER BY n.nspname <> 'public', n.nspname, c.relname";

enum { AT_SCHEMA, AT_TABLE, AT_QUOTED, AT_COLUMNS, AT_PRIMARY_KEY };

/* The keys given so far, as a tree of strings that it owns (tsearch(3)). */
struct keys {
	void *root;
};

static int compare_keys(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Note the key: false when it is taken. */
static bool claim(struct keys *keys, const char *key)
{
	char *mine = mem_strdup(key);
	char **node = tsearch(mine, &keys->root, compare_keys);

	if (!node) /* as every other failure to get memory ends */
		abort();
	if (*node == mine)
		return true;
	free(mine);
	return false;
}

static void free_keys(struct keys *keys)
{
	while (keys->root) {
		char *key = *(char **)keys->root;

		tdelete(key, &keys->root, compare_keys);
		free(key);
	}
}

/* Append the name with what a key cannot hold as _, one for a character (UTF-8). */
static void put_valid(struct buf *b, const char *name)
{
	if (b->len == 0 && *name >= '0' && *name <= '9')
		buf_putc(b, '_');
	for (; *name; name++) {
		bool is_letter = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z');

		if (is_letter || *name == '_' || (*name >= '0' && *name <= '9'))
			buf_putc(b, *name);
		else if ((*name & 0xc0) != 0x80)
			buf_putc(b, '_');
	}
}

/* A key that is valid and new: the table's name, else with its schema before it, else with a
 * number behind. */
static void make_key(struct keys *keys, const char *schema, const char *table, struct buf *key)
{
	key->len = 0;
	put_valid(key, table);
	if (claim(keys, buf_str(key)))
		return;
	key->len = 0;
	put_valid(key, schema);
	buf_putc(key, '_');
	put_valid(key, table);
	size_t len = key->len;

	for (int n = 2; !claim(keys, buf_str(key)); n++) {
		key->len = len;
		buf_printf(key, "_%d", n);
	}
}

static void put_string(struct buf *out, const char *name, const char *value, const char *end)
{
	buf_printf(out, "      \"%s\": ", name);
	buf_put_json(out, value, strlen(value));
	buf_puts(out, end);
}

static void put_tables(const PGresult *r, const char *database, struct buf *out)
{
	struct keys keys = { 0 };
	struct buf key = { 0 };

	buf_puts(out, "{\n  \"tables\": {");
	for (int i = 0; i < PQntuples(r); i++) {
		make_key(&keys, PQgetvalue(r, i, AT_SCHEMA), PQgetvalue(r, i, AT_TABLE), &key);
		buf_printf(out, "%s\n    \"%s\": {\n", i ? "," : "", buf_str(&key));
		put_string(out, "database", database, ",\n");
		put_string(out, "name", PQgetvalue(r, i, AT_QUOTED), ",\n");
		buf_printf(out, "      \"columns\": %s,\n", PQgetvalue(r, i, AT_COLUMNS));
		put_string(out, "primary_key", PQgetvalue(r, i, AT_PRIMARY_KEY), "\n    }");
	}
	buf_puts(out, "\n  }\n}\n");
	buf_free(&key);
	free_keys(&keys);
}

static int fail(PGconn *conn, const PGresult *r, struct err *e)
{
	const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

	err_set(e, ERR_DATABASE, "the tables cannot be listed");
	return err_cause(e, "%s", message ? message : PQerrorMessage(conn));
}

/* A schema that is not there is a mistake; one without tables is none. */
static int check_schema(PGconn *conn, const char *schema, struct err *e)
{
	PGresult *r = PQexecParams(conn, "SELECT FROM pg_namespace WHERE nspname = $1", 1, NULL,
		&schema, NULL, NULL, 0);
	int failed = 0;

	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		failed = fail(conn, r, e);
	else if (PQntuples(r) == 0)
		failed = err_set(e, ERR_NOT_FOUND, "the database has no schema \"%s\"", schema);
	PQclear(r);
	return failed;
}

int postgres_catalog(
	const struct settings_database *db, const char *schema, struct buf *out, struct err *e)
{
	PGconn *conn = postgres_connect(db, -1, e);
	int failed = 0;

	if (!conn)
		return -1;
	if (schema)
		failed = check_schema(conn, schema, e);
	if (!failed) {
		PGresult *r = PQexecParams(conn, tables_sql, 1, NULL, &schema, NULL, NULL, 0);

		if (PQresultStatus(r) == PGRES_TUPLES_OK)
			put_tables(r, db->key, out);
		else
			failed = fail(conn, r, e);
		PQclear(r);
	}
	PQfinish(conn);
	return failed;
}
