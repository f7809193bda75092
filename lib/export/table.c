#include "lib/export/table.h"

#include <string.h>

#include "lib/base/log.h"
#include "lib/export/identity.h"
#include "lib/export/lookup.h"

int table_leave(struct source **at, struct err *e)
{
	struct source *s = *at;

	*at = NULL;
	return s ? source_end(s, e) : 0;
}

void table_abandon(struct source **at)
{
	struct err ignored; /* the caller has a better one */

	table_leave(at, &ignored);
}

void table_log_missing(const struct settings_table *settings, const struct err *e)
{
	log_begin(LOG_WARN, "a registered table is not available");
	log_str("table", settings->key);
	log_str("cause", e->cause);
	log_end();
}

/* *at is set only when the database knows the visitor: nothing is to run in a transaction that does not. */
static int begin(const struct visitor *v, const struct settings_database *db, struct source *s,
	struct source **at, struct err *e)
{
	struct statement who;

	if (identity_statement(db, v->principal, v->arena, &who, e) < 0 || table_leave(at, e) < 0 ||
		source_begin(s, v->id, e) < 0 || identity_assume(s, &who, e) < 0)
		return -1;
	*at = s;
	return 0;
}

int table_enter(const struct visitor *v, const struct settings_table *settings, struct source **at,
	struct table *t, struct err *e)
{
	const struct settings_database *db = settings_database(v->settings, settings->database);
	struct source *s = v->sources[db - v->settings->databases];

	s->hangup_fd = v->hangup_fd;
	*t = (struct table){ .settings = settings };
	if (policy_rights(v->settings, settings, v->principal, v->arena, &t->rights, e) < 0)
		return -1;
	if (*at != s && begin(v, db, s, at, e) < 0)
		return -1;
	if (lookup_table(s, v->arena, settings, &t->catalog, e) == 0 &&
		catalog_restrict(v->arena, &t->catalog, &t->rights, e) == 0)
		return 0;
	if (e->code == ERR_NOT_FOUND)
		table_log_missing(settings, e);
	return -1;
}

/* Of a table that is closed, or that the database does not have: the log has said so. */
static int no_join(const struct scope_table *joined, struct err *e)
{
	const char *dot = strrchr(joined->path, '.'), *name = dot ? dot + 1 : joined->path;

	return scope_no_join(joined->parent, name, strlen(name), e);
}

/* What holds for an answer with rows of the one holds for one with rows of both. */
static int check_rights(
	const struct visitor *v, const struct rights *rights, const char *format, struct err *e)
{
	return rights_purpose(rights, v->purpose, e) < 0 || rights_format(rights, format, e) < 0
		       ? -1
		       : 0;
}

static int join_rights(const struct visitor *v, struct rights *all, const struct rights *joined,
	const char *format, struct err *e)
{
	if (check_rights(v, joined, format, e) < 0)
		return -1;
	if (joined->rows >= 0 && (all->rows < 0 || joined->rows < all->rows))
		all->rows = joined->rows;
	return 0;
}

int table_reach(const struct visitor *v, struct source **at, struct table *t, const struct query *q,
	const char *format, struct scope *scope, const char **where, struct err *e)
{
	scope_init(scope, v->arena, v->settings, t->settings, &t->catalog, v->mask_key);
	scope->principal = v->principal;
	if (check_rights(v, &t->rights, format, e) < 0 || scope_collect(scope, q, where, e) < 0)
		return -1;
	for (size_t i = 1; i < scope->n; i++) {
		struct scope_table *joined = &scope->tables[i];
		struct table *to = arena_zero(v->arena, 1, sizeof *to);

		*where = joined->where;
		if (table_enter(v, joined->settings, at, to, e) < 0)
			return e->code == ERR_NOT_FOUND ? no_join(joined, e) : -1;
		if (join_rights(v, &t->rights, &to->rights, format, e) < 0)
			return -1;
		joined->table = &to->catalog;
		t->joined_rights = arena_printf(v->arena, "%s%s %s\n",
			t->joined_rights ? t->joined_rights : "", joined->path, to->rights.text);
	}
	return scope_check(scope, e);
}
