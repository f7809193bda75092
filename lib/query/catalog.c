#include "lib/query/catalog.h"

#include <string.h>

#include "lib/query/kind.h"
#include "lib/query/page_value.h"

/* A name as SQL spells it, quoted or not: x, public."X". An unquoted part begins with a letter, also
 * one beyond ASCII, or _, and goes on with these, digits and $. */
#define QUOTED "\"([^\"]|\"\")+\""
#define PLAIN  "[^\\x01-@\\x5b-\\x5e`\\x7b-\\x7f][^\\x01-#%-/:-@\\x5b-\\x5e`\\x7b-\\x7f]*"
#define PART   "\\s*(" QUOTED "|" PLAIN ")\\s*"

/* The table of that name, if there is one. to_regclass fails for what is no name, and where the schema may not be used;
 * such a table is as good as missing. */
#define OF_TABLE                                                                                   \
	" WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.oid = CASE WHEN $1 !~ '^" PART        \
	"(\\." PART ")?$' THEN NULL"                                                               \
	"  WHEN cardinality(parse_ident($1)) = 2 AND NOT has_schema_privilege("                    \
	"   to_regnamespace(quote_ident((parse_ident($1))[1])), 'USAGE') THEN NULL"                \
	"  ELSE to_regclass($1) END ORDER BY a.attnum"

/* What both statements begin with. A NOT NULL: a domain's is not held against a subquery's NULL, a foreign table's is not
 * checked, and a child may have dropped its parent's. */
#define TABLE_AND_COLUMN                                                                           \
	"SELECT n.nspname::text, c.relname::text, (c.relkind IN ('v', 'f'))::bool,"                \
	" CASE WHEN c.reltuples < 0 OR c.relkind = 'v' THEN -1 ELSE c.reltuples END::bigint,"      \
	" a.attname::text, format_type(a.atttypid, a.atttypmod), format_type(b.oid, NULL),"        \
	" NOT (a.attnotnull AND (c.relkind = 'p' OR (c.relkind = 'r' AND NOT c.relhassubclass))),"

#define FROM_TABLE                                                                                 \
	" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"                           \
	" LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"

/* hstore, citext …: not an enum, array, range or composite, whose comparisons are the server's own. */
#define IS_FROM_OUTSIDE                                                                            \
	" coalesce(b.typtype = 'b' AND b.typcategory <> 'A'"                                       \
	"  AND b.typnamespace <> 'pg_catalog'::regnamespace, false)"

/* Of tables as most are: no partitions, no column of a domain or a composite type. The last column but one says of which this
 * is not so. It takes the server a quarter of the time to plan that the whole statement does. */
static const char plain_sql[] = TABLE_AND_COLUMN
	" (CASE WHEN b.typname IN ('int2vector', 'oidvector') THEN 4 WHEN b.typcategory = 'A' THEN "
	"2"
	"  WHEN b.typname = 'hstore' THEN 3 WHEN b.typname = 'jsonb' THEN 1 ELSE 0 END)::int2,"
	" CASE el.typtype WHEN 'e' THEN 'text' WHEN 'b' THEN el.typname::text END,"
	" coalesce(i.indnkeyatts = 1 AND i.indkey[0] = a.attnum, false),"
	" CASE WHEN c.relkind IN ('r', 'm') THEN c.relpages END::bigint,"
	" c.relkind = 'p' OR coalesce(b.typtype IN ('d', 'c'), false)," IS_FROM_OUTSIDE FROM_TABLE
	" LEFT JOIN pg_type b ON b.oid = a.atttypid"
	" LEFT JOIN pg_type el ON b.typcategory = 'A' AND el.oid = b.typelem"
	" LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary" OF_TABLE;

static const char whole_sql[] = TABLE_AND_COLUMN
	/* enum json_kind; from 2 on types that to_json takes apart */
	" (CASE WHEN b.typname IN ('int2vector', 'oidvector') THEN 4 WHEN b.typcategory = 'A' THEN "
	"2"
	"  WHEN b.typname = 'hstore' THEN 3 WHEN b.typname = 'jsonb' THEN 1 WHEN b.typtype <> 'c' "
	"THEN 0"
	"  WHEN (WITH RECURSIVE m AS (SELECT b.* UNION SELECT p.* FROM m JOIN pg_type p"
	"   ON p.oid = m.typbasetype OR (m.typtype = 'c' AND p.oid IN (SELECT atttypid FROM "
	"pg_attribute"
	"    WHERE attrelid = m.typrelid AND attnum > 0 AND NOT attisdropped)))"
	"   SELECT bool_or((typcategory = 'A' AND typname NOT IN ('int2vector', 'oidvector'))"
	"    OR typname IN ('json', 'jsonb')) FROM m) THEN 2 ELSE 3 END)::int2,"
	" (SELECT CASE e.typtype WHEN 'e' THEN 'text' WHEN 'b' THEN e.typname::text END"
	"  FROM pg_type e WHERE b.typcategory = 'A' AND e.oid = b.typelem),"
	" coalesce(i.indnkeyatts = 1 AND i.indkey[0] = a.attnum, false),"
	/* relpages; of a partitioned table, all partitions' */
	" CASE c.relkind WHEN 'r' THEN c.relpages WHEN 'm' THEN c.relpages WHEN 'p' THEN"
	"  (SELECT CASE WHEN bool_and(l.relkind = 'r') THEN sum(greatest(l.relpages, 0)) END"
	"   FROM pg_partition_tree(c.oid) p JOIN pg_class l ON l.oid = p.relid WHERE p.isleaf)"
	"  END::bigint, false," IS_FROM_OUTSIDE FROM_TABLE
	" LEFT JOIN pg_type t ON t.oid = a.atttypid"
	" LEFT JOIN pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN"
	"  (WITH RECURSIVE d(oid, base) AS (SELECT t.oid, t.typbasetype UNION ALL"
	"   SELECT p.oid, p.typbasetype FROM d JOIN pg_type p ON p.oid = d.base)"
	"   SELECT oid FROM d WHERE base = 0) ELSE t.oid END"
	" LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary" OF_TABLE;

enum {
	AT_SCHEMA,
	AT_TABLE,
	AT_IS_VIEW,
	AT_ROWS,
	AT_NAME,
	AT_SOURCE_TYPE,
	AT_BASE_TYPE,
	AT_NULLABLE,
	AT_JSON,
	AT_ELEMENT,
	AT_PRIMARY_KEY,
	AT_BLOCKS,
	AT_IS_MORE,
	AT_IS_FROM_OUTSIDE
};

void catalog_statement(
	struct arena *a, const struct settings_table *t, bool whole, struct statement *st)
{
	const char **params = arena_alloc(a, sizeof *params);

	params[0] = t->name;
	*st = (struct statement){
		.sql = whole ? whole_sql : plain_sql, .params = params, .params_n = 1
	};
}

static const char *text_at(struct arena *a, const struct batch *b, size_t column, int32_t row)
{
	size_t len;
	const uint8_t *p = column_bytes(&b->columns[column], row, &len);

	return arena_strndup(a, (const char *)p, len);
}

const char *catalog_quote(struct arena *a, const char *name)
{
	size_t len = 2;

	for (const char *p = name; *p; p++)
		len += *p == '"' ? 2 : 1;
	char *quoted = arena_alloc(a, len + 1), *to = quoted;

	*to++ = '"';
	for (const char *p = name; *p; p++) {
		if (*p == '"')
			*to++ = '"';
		*to++ = *p;
	}
	*to++ = '"';
	*to = '\0';
	return quoted;
}

/* Columns are kept in an array that doubles; the arena keeps the outgrown ones. */
static struct catalog_column *add_column(struct arena *a, struct catalog_table *t)
{
	size_t n = t->columns_n;

	if ((n & (n - 1)) == 0) { /* 0, or a power of two: full */
		struct catalog_column *more = arena_zero(a, n ? 2 * n : 1, sizeof *more);

		if (n)
			memcpy(more, t->columns, n * sizeof *more);
		t->columns = more;
	}
	return &t->columns[t->columns_n++];
}

void catalog_add(struct arena *a, const struct batch *b, struct catalog_table *t)
{
	for (int32_t row = 0; row < b->rows; row++) {
		if (!t->name) {
			const char *schema = text_at(a, b, AT_SCHEMA, row);
			const char *name = text_at(a, b, AT_TABLE, row);

			t->name = arena_printf(a, "%s.%s", schema, name);
			t->quoted = arena_printf(
				a, "%s.%s", catalog_quote(a, schema), catalog_quote(a, name));
			t->is_view = column_bool(&b->columns[AT_IS_VIEW], row);
			t->rows = COLUMN_VALUE(&b->columns[AT_ROWS], int64_t, row);
			t->blocks = COLUMN_VALUE(&b->columns[AT_BLOCKS], int64_t, row);
		}
		t->is_more = t->is_more || column_bool(&b->columns[AT_IS_MORE], row);
		if (column_is_null(&b->columns[AT_NAME], row))
			continue; /* a table without columns */
		struct catalog_column *c = add_column(a, t);

		c->name = text_at(a, b, AT_NAME, row);
		c->quoted = catalog_quote(a, c->name);
		c->source_type = text_at(a, b, AT_SOURCE_TYPE, row);
		c->base_type = text_at(a, b, AT_BASE_TYPE, row);
		c->nullable = column_bool(&b->columns[AT_NULLABLE], row);
		c->json = (uint8_t)COLUMN_VALUE(&b->columns[AT_JSON], int16_t, row);
		if (!column_is_null(&b->columns[AT_ELEMENT], row))
			c->element = text_at(a, b, AT_ELEMENT, row);
		c->is_from_outside = column_bool(&b->columns[AT_IS_FROM_OUTSIDE], row);
		if (column_bool(&b->columns[AT_PRIMARY_KEY], row))
			t->primary_key = c;
	}
}

static struct catalog_column *find(struct catalog_column *columns, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(columns[i].name, name))
			return &columns[i];
	return NULL;
}

const struct catalog_column *catalog_column(const struct catalog_table *t, const char *name)
{
	return find(t->columns, t->columns_n, name);
}

const struct catalog_column *catalog_any_column(const struct catalog_table *t, const char *name)
{
	return find(t->all, t->all_n, name);
}

static int missing_column(const char *table, const char *name, struct err *e)
{
	err_set(e, ERR_NOT_FOUND, "the table is not available");
	return err_cause(e, "table %s: the database has no column \"%s\"", table, name);
}

/* Only what the registry lists, in its order. */
static int keep_listed(struct arena *a, const struct settings_table *settings,
	struct catalog_table *t, struct err *e)
{
	struct catalog_column *kept = arena_zero(a, settings->columns.n, sizeof *kept);

	for (size_t i = 0; i < settings->columns.n; i++) {
		const struct catalog_column *c = catalog_column(t, settings->columns.items[i]);

		if (!c)
			return missing_column(settings->key, settings->columns.items[i], e);
		kept[i] = *c;
	}
	t->columns = kept;
	t->columns_n = settings->columns.n;
	return 0;
}

int catalog_finish(struct arena *a, const struct settings_table *settings, struct catalog_table *t,
	struct err *e)
{
	const struct catalog_column *key;

	t->key = settings->key;
	t->all = t->columns;
	t->all_n = t->columns_n;
	if (!t->name) {
		err_set(e, ERR_NOT_FOUND, "the table is not available");
		return err_cause(e,
			"table %s: the database has no table %s, or its schema is closed to this "
			"role",
			settings->key, settings->name);
	}
	const char *named = settings->primary_key[0] ? settings->primary_key
			    : t->primary_key         ? arena_strdup(a, t->primary_key->name)
						     : NULL;

	/* Of a table that others inherit from, it holds in that table alone: their rows may have the same values, or none. */
	t->unique_key = t->primary_key && !t->primary_key->nullable ? t->primary_key : NULL;
	t->primary_key = NULL;
	if (named) {
		key = catalog_column(t, named);
		if (!key)
			return missing_column(settings->key, named, e);
		struct catalog_column *own = arena_alloc(a, sizeof *own);

		*own = *key;
		t->order_by = own;
	}
	if (settings->columns.n && keep_listed(a, settings, t, e) < 0)
		return -1;
	/* What the registry does not show may order rows, but the bounds of pages would show it. */
	if (named && catalog_column(t, named))
		t->primary_key = t->order_by;
	return 0;
}

/* ---- what the caller may see of it */

/* A masked column is text, or nothing, whatever stands in the database. */
static int put_mask(
	const struct catalog_table *t, struct catalog_column *c, enum mask mask, struct err *e)
{
	if (mask == MASK_YEAR && !kind_is_point_in_time(kind_of(c->base_type))) {
		err_set(e, ERR_NOT_FOUND, "the table is not available");
		return err_cause(
			e, "table %s: column \"%s\" has no year to mask it by", t->key, c->name);
	}
	c->mask = (uint8_t)mask;
	c->source_type = c->base_type = "text";
	c->nullable = mask != MASK_STARS;
	c->json = JSON_TEXT;
	c->element = NULL;
	c->is_from_outside = false;
	return 0;
}

static int keep_columns(
	struct arena *a, struct catalog_table *t, const struct rights *rights, struct err *e)
{
	struct catalog_column *kept = arena_zero(a, t->columns_n, sizeof *kept);
	size_t n = 0;

	for (size_t i = 0; !rights->all_columns && i < rights->columns.n; i++)
		if (!find(t->all, t->all_n, rights->columns.items[i]))
			return missing_column(t->key, rights->columns.items[i], e);
	for (size_t i = 0; i < t->columns_n; i++)
		if (rights_column(rights, t->columns[i].name))
			kept[n++] = t->columns[i];
	t->columns = kept;
	t->columns_n = n;
	for (size_t i = 0; i < rights->masks_n; i++) {
		struct catalog_column *c = find(kept, n, rights->masks[i].column);

		if (!find(t->all, t->all_n, rights->masks[i].column))
			return missing_column(t->key, rights->masks[i].column, e);
		if (c && put_mask(t, c, rights->masks[i].mask, e) < 0)
			return -1;
	}
	return 0;
}

/* As the server itself spells it, so that no two tenants of the tokens' are one of the column's. */
static bool is_whole_number(const char *text, int64_t least, int64_t most)
{
	const char *digits = text + (*text == '-');
	int64_t number;

	return *digits && !digits[strspn(digits, "0123456789")] &&
	       (*digits != '0' || !strcmp(text, "0")) &&
	       page_number_parse(PAGE_INTEGER, text, &number) && number >= least && number <= most;
}

/* Can be compared as it is, for the sake of its indexes: where a text that is no value of the type is not an error. */
static bool is_text(const char *type)
{
	static const char *const types[] = { "text", "character varying", "character", "bpchar",
		"citext" };

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (!strcmp(types[i], type))
			return true;
	return false;
}

static bool has_value(const char *type, const char *text)
{
	uint8_t uuid[PAGE_UUID_BYTES];

	if (!strcmp(type, "smallint"))
		return is_whole_number(text, INT16_MIN, INT16_MAX);
	if (!strcmp(type, "integer"))
		return is_whole_number(text, INT32_MIN, INT32_MAX);
	if (!strcmp(type, "bigint") || !strcmp(type, "numeric"))
		return is_whole_number(text, INT64_MIN, INT64_MAX);
	return strcmp(type, "uuid") != 0 || page_uuid_parse(text, uuid);
}

static int keep_tenant(
	struct arena *a, struct catalog_table *t, const struct rights *rights, struct err *e)
{
	if (!rights->tenant_column)
		return 0;
	t->tenant = catalog_any_column(t, rights->tenant_column);
	t->tenant_value = rights->tenant;
	if (!t->tenant)
		return missing_column(t->key, rights->tenant_column, e);
	const char *type = t->tenant->base_type;
	enum kind kind = kind_of(type);
	bool is_plain =
		is_text(type) || kind == KIND_INTEGER || kind == KIND_NUMERIC || kind == KIND_UUID;

	if (!has_value(type, rights->tenant))
		return err_set(e, ERR_FORBIDDEN, "the token's tenant is none of table %s", t->key);
	t->tenant_type = is_plain ? type : "text";
	t->tenant_sql =
		is_plain ? t->tenant->quoted : arena_printf(a, "%s::text", t->tenant->quoted);
	return 0;
}

bool catalog_is_own_tenant(const struct catalog_table *t, const char *text)
{
	uint8_t own[PAGE_UUID_BYTES], named[PAGE_UUID_BYTES];

	if (kind_of(t->tenant->base_type) == KIND_UUID)
		return page_uuid_parse(t->tenant_value, own) && page_uuid_parse(text, named) &&
		       !memcmp(own, named, sizeof own);
	return !strcmp(text, t->tenant_value);
}

int catalog_restrict(
	struct arena *a, struct catalog_table *t, const struct rights *rights, struct err *e)
{
	const char *key = t->order_by ? t->order_by->name : NULL;

	if (keep_columns(a, t, rights, e) < 0 || keep_tenant(a, t, rights, e) < 0)
		return -1;
	const struct catalog_column *seen = key ? catalog_column(t, key) : NULL;

	t->primary_key = seen && !seen->mask ? t->primary_key : NULL;
	/* The order of what is masked would tell of it. */
	if (seen && seen->mask)
		t->order_by = NULL;
	return 0;
}

bool catalog_page_key(const struct catalog_table *t, struct page_key *key)
{
	const struct catalog_column *c = t->primary_key;

	if (!c)
		return false;
	*key = (struct page_key){
		.table = t->quoted,
		.column = c->quoted,
		.nullable = c->nullable,
		.rows = t->rows,
		.blocks = t->tenant ? 0 : t->blocks, /* a sample of all may have none of one */
		.tenant_column = t->tenant_sql,
		.tenant = t->tenant_value,
	};
	return page_key_type(c->base_type, key);
}
