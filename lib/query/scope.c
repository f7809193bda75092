#include "lib/query/scope.h"

#include <string.h>

#include "lib/query/kind.h"

static void use(struct scope_table *t, struct arena *a)
{
	t->used = arena_zero(a, t->table->columns_n + 1, sizeof *t->used);
}

void scope_init(struct scope *s, struct arena *a, const struct settings *settings,
	const struct settings_table *from, struct catalog_table *t, const uint8_t *mask_key)
{
	*s = (struct scope){
		.settings = settings,
		.arena = a,
		.n = 1,
		.mask_key = mask_key,
	};
	s->tables[0] = (struct scope_table){ .path = "", .settings = from, .table = t };
	use(&s->tables[0], a);
}

/* ---- joins */

/* One of tables.*.joins: NAME:COLUMN:TABLE, as the settings were checked to have it. */
struct join {
	const char *column;
	const struct settings_table *to;
};

static bool find_join(const struct scope *s, const struct settings_table *from, const char *name,
	size_t len, struct join *join)
{
	for (size_t i = 0; i < from->joins.n; i++) {
		const char *text = from->joins.items[i], *to = strrchr(text, ':');

		if (strncmp(text, name, len) || text[len] != ':' || !to || to == text + len)
			continue;
		join->column =
			arena_strndup(s->arena, text + len + 1, (size_t)(to - text) - len - 1);
		join->to = settings_table(s->settings, to + 1);
		return join->to != NULL;
	}
	return false;
}

static struct scope_table *find_table(struct scope *s, const char *path, size_t len)
{
	for (size_t i = 0; i < s->n; i++)
		if (strlen(s->tables[i].path) == len && !memcmp(s->tables[i].path, path, len))
			return &s->tables[i];
	return NULL;
}

/* "users.email" in a query from users is "email". */
static const char *skip_from(const struct scope *s, const char *name)
{
	const char *key = s->tables[0].settings->key;
	size_t len = strlen(key);
	struct join join;

	if (!strncmp(name, key, len) && name[len] == '.' &&
		!find_join(s, s->tables[0].settings, key, len, &join))
		return name + len + 1;
	return name;
}

int scope_no_join(const struct scope_table *from, const char *name, size_t len, struct err *e)
{
	return err_set(e, ERR_BAD_REQUEST, "table %s has no join \"%.*s\"", from->settings->key,
		(int)(len < 63 ? len : 63), name);
}

static bool is_there(struct scope *s, const struct settings_table *t)
{
	struct rights rights;
	struct err e;

	return !s->principal ||
	       policy_rights(s->settings, t, s->principal, s->arena, &rights, &e) == 0 ||
	       e.code != ERR_NOT_FOUND;
}

/* The key of the row that a join finds is the value it goes by, which must be the caller's to see as it is. */
static bool is_plain_to_caller(struct scope *s, const struct settings_table *t, const char *column)
{
	struct rights rights;
	struct err ignored;

	return !s->principal ||
	       (policy_rights(s->settings, t, s->principal, s->arena, &rights, &ignored) == 0 &&
		       rights_column(&rights, column) &&
		       rights_mask_of(&rights, column) == MASK_NONE);
}

static int add_join(struct scope *s, struct scope_table *parent, const char *path, size_t len,
	size_t own_len, struct err *e)
{
	struct join join;

	if (s->n == SCOPE_TABLES_MAX)
		return err_set(e, ERR_BAD_REQUEST, "a query reaches no more than %d tables",
			SCOPE_TABLES_MAX);
	if (!find_join(s, parent->settings, path + len - own_len, own_len, &join) ||
		!is_there(s, join.to) || !is_plain_to_caller(s, parent->settings, join.column))
		return scope_no_join(parent, path + len - own_len, own_len, e);
	s->tables[s->n] = (struct scope_table){
		.path = arena_strndup(s->arena, path, len),
		.settings = join.to,
		.parent = parent,
		.via = join.column,
		.number = s->n,
	};
	s->n++;
	return 0;
}

static int collect_name(struct scope *s, const char *name, const char *where, struct err *e)
{
	struct scope_table *t = &s->tables[0];
	size_t depth = 0;

	if (catalog_column(t->table, name) || catalog_any_column(t->table, name))
		return 0;
	name = skip_from(s, name);
	for (const char *p = name, *dot; (dot = strchr(p, '.')); p = dot + 1) {
		size_t len = (size_t)(dot - name);
		struct scope_table *next = find_table(s, name, len);

		if (++depth > SCOPE_DEPTH_MAX)
			return err_set(e, ERR_BAD_REQUEST,
				"a name goes through no more than %d joins", SCOPE_DEPTH_MAX);
		if (!next && add_join(s, t, name, len, (size_t)(dot - p), e) < 0)
			return -1;
		t = next ? next : &s->tables[s->n - 1];
		if (!next)
			t->where = where;
	}
	return 0;
}

static int collect(struct scope *s, const struct expr *x, const char **where, struct err *e)
{
	if (!x)
		return 0;
	*where = x->where;
	if (x->op == EXPR_COLUMN)
		return collect_name(s, x->text, x->where, e);
	for (size_t i = 0; i < x->args_n; i++)
		if (collect(s, x->args[i], where, e) < 0)
			return -1;
	return 0;
}

static bool is_output(const struct query *q, const char *name)
{
	for (size_t i = 0; i < q->select_n; i++)
		if (q->select[i].name && !strcmp(q->select[i].name, name))
			return true;
	return false;
}

int scope_collect(struct scope *s, const struct query *q, const char **where, struct err *e)
{
	for (size_t i = 0; i < q->select_n; i++)
		if (collect(s, q->select[i].expr, where, e) < 0)
			return -1;
	for (size_t i = 0; i < q->group_by_n; i++)
		if (collect(s, q->group_by[i], where, e) < 0)
			return -1;
	for (size_t i = 0; i < q->sort_n; i++)
		if (!(q->sort[i].expr->op == EXPR_COLUMN && is_output(q, q->sort[i].expr->text)) &&
			collect(s, q->sort[i].expr, where, e) < 0)
			return -1;
	return collect(s, q->filter, where, e) < 0 || collect(s, q->having, where, e) < 0 ? -1 : 0;
}

int scope_check(const struct scope *s, struct err *e)
{
	for (size_t i = 1; i < s->n; i++) {
		const struct scope_table *t = &s->tables[i];
		bool has_via = catalog_any_column(t->parent->table, t->via);

		if (has_via && t->table->unique_key)
			continue;
		err_set(e, ERR_NOT_FOUND, "the table is not available");
		return err_cause(e, "join %s: %s", t->path,
			has_via ? "the table has no primary key of one column"
				: "there is no such column");
	}
	return 0;
}

bool scope_has_tenants(const struct scope *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->tables[i].table->tenant)
			return true;
	return false;
}

bool scope_has_others(const struct scope *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct settings_database *db =
			settings_database(s->settings, s->tables[i].settings->database);

		if (*db->role_claim || db->session.n)
			return true;
	}
	return scope_has_tenants(s);
}

/* ---- names */

const struct catalog_column *scope_column(
	struct scope *s, const char *name, struct scope_table **in, bool *is_tenant)
{
	const struct catalog_column *c;

	*in = &s->tables[0];
	*is_tenant = false;
	if (!catalog_any_column((*in)->table, name)) {
		name = skip_from(s, name);
		const char *dot = strrchr(name, '.');

		if (dot) {
			*in = find_table(s, name, (size_t)(dot - name));
			name = dot + 1;
		}
	}
	if (!*in)
		return NULL;
	c = catalog_column((*in)->table, name);
	*is_tenant = (*in)->table->tenant && !strcmp((*in)->table->tenant->name, name);
	if (c && !(*in)->used)
		use(*in, s->arena);
	return c;
}

const char *scope_put_column(
	struct scope *s, struct scope_table *in, const struct catalog_column *c)
{
	size_t i = (size_t)(c - in->table->columns);

	if (!in->used)
		use(in, s->arena);
	in->used[i] = true;
	return arena_printf(s->arena, "t%zu.c%zu", in->number, i);
}

const char *scope_put_key(struct scope *s)
{
	s->tables[0].key_used = true;
	return "t0.k";
}

const char *scope_put_mine(struct scope *s, struct scope_table *in)
{
	in->mine_used = true;
	return arena_printf(s->arena, "t%zu.mine", in->number);
}

/* ---- SQL */

/* HMAC-SHA-256 (RFC 2104) with what PostgreSQL has: its key padded and mixed with the two constants is a parameter. */
static const char *hashed(struct scope *s, struct sql *sql, const char *text)
{
	char outer[SECRET_KEY_PAD_TEXT], inner[SECRET_KEY_PAD_TEXT];

	secret_key_pads(s->mask_key, outer, inner);
	return arena_printf(s->arena,
		"encode(sha256(%s::bytea || sha256(%s::bytea || convert_to(%s, 'UTF8'))), 'hex')",
		sql_param(sql, arena_strdup(s->arena, outer), "bytea"),
		sql_param(sql, arena_strdup(s->arena, inner), "bytea"), text);
}

/* What the caller sees of a column. original: as it is in the database. */
static const char *masked(
	struct scope *s, struct sql *sql, const struct catalog_column *original, enum mask mask)
{
	const char *text = arena_printf(s->arena, "%s::text", original->quoted);
	const char *at = arena_printf(s->arena, "strpos(reverse(%s), '@')", text);

	switch (mask) {
	case MASK_NONE: return original->quoted;
	case MASK_STARS: return "'***'::text";
	case MASK_NULL: return "NULL::text";
	case MASK_HASH: return hashed(s, sql, text);
	case MASK_YEAR:
		return arena_printf(s->arena,
			"CASE WHEN isfinite(%s) THEN extract(year FROM %s)::int::text END",
			original->quoted, original->quoted);
	case MASK_PARTIAL: break;
	}
	/* The first character, and what stands behind the last @; but where less than three characters stand before it, no
	 * character, and where nothing stands before the @, nothing behind it. */
	return arena_printf(s->arena,
		"CASE WHEN length(%s) - %s < 3 THEN left(%s, 0) ELSE left(%s, 1) END || '***'"
		" || CASE WHEN length(%s) > %s THEN right(%s, %s) ELSE '' END",
		text, at, text, text, text, at, text, at);
}

static const char *tenant_predicate(struct scope *s, struct sql *sql, const struct catalog_table *t)
{
	return arena_printf(s->arena, "%s = %s", t->tenant_sql,
		sql_param(sql, t->tenant_value, t->tenant_type));
}

/* Names of the columns that joins to other tables need of this one: tN.jM, where M is the other's number. */
static void put_join_columns(const struct scope *s, const struct scope_table *t, struct buf *b)
{
	for (size_t i = 1; i < s->n; i++)
		if (s->tables[i].parent == t)
			buf_printf(b, ", %s AS j%zu",
				catalog_any_column(t->table, s->tables[i].via)->quoted,
				s->tables[i].number);
}

static void put_table(struct scope *s, struct sql *sql, struct scope_table *t, struct buf *b)
{
	const struct catalog_table *c = t->table;

	/* A first column in any case: an empty list would be legal too, but nothing to put a comma behind. */
	buf_puts(b, "(SELECT 1 AS one");
	for (size_t i = 0; t->used && i < c->columns_n; i++)
		if (t->used[i])
			buf_printf(b, ", %s AS c%zu",
				masked(s, sql, catalog_any_column(c, c->columns[i].name),
					(enum mask)c->columns[i].mask),
				i);
	if (t->parent)
		buf_printf(b, ", %s AS k", c->unique_key->quoted);
	else if (t->key_used)
		buf_printf(b, ", %s AS k", c->order_by->quoted);
	if (t->mine_used)
		buf_printf(b, ", coalesce(%s, false) AS mine", tenant_predicate(s, sql, c));
	put_join_columns(s, t, b);
	buf_printf(b, " FROM %s", c->quoted);
	if (c->tenant)
		buf_printf(b, " WHERE %s", tenant_predicate(s, sql, c));
	if (!t->parent && s->increment)
		buf_printf(b, " %s %s", c->tenant ? "AND" : "WHERE",
			increment_condition(s->arena, s->increment));
	buf_printf(b, ") AS t%zu", t->number);
}

const char *scope_from(struct scope *s, struct sql *sql)
{
	struct buf b = { 0 };

	put_table(s, sql, &s->tables[0], &b);
	for (size_t i = 1; i < s->n; i++) {
		buf_puts(&b, " LEFT JOIN ");
		put_table(s, sql, &s->tables[i], &b);
		buf_printf(&b, " ON t%zu.k = t%zu.j%zu", i, s->tables[i].parent->number, i);
	}
	const char *from = arena_strdup(s->arena, buf_str(&b));

	buf_free(&b);
	return from;
}
