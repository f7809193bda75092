#include "lib/export/identity.h"

#include <string.h>
#include <strings.h>

/* ---- what the token says */

static int need_claim(const char *name, const struct principal *p, struct arena *a,
	const char **value, struct err *e)
{
	*value = principal_claim(a, p, name);
	if (*value)
		return 0;
	return err_set(e, ERR_FORBIDDEN,
		"the token has no claim %s, by which the database knows its caller", name);
}

/* To PostgreSQL "none" is no role, but the way back to that of the connection. */
static int need_role(const struct settings_database *db, const struct principal *p, struct arena *a,
	const char **role, struct err *e)
{
	if (need_claim(db->role_claim, p, a, role, e) < 0)
		return -1;
	if (strcasecmp(*role, "none") != 0)
		return 0;
	return err_set(e, ERR_FORBIDDEN, "the token's claim %s names no role of the database",
		db->role_claim);
}

/* Session variables, then the role, which need not be allowed to set anything. Whether it may be taken is asked first, since
 * a failure would cost the connection: NULL where not. As text, since a name would be cut to one's length. */
static int put_calls(const struct settings_database *db, const struct principal *p, struct arena *a,
	struct buf *sql, struct statement *st, struct err *e)
{
	const char **params = arena_zero(a, 2 * db->session.n + 1, sizeof *params);
	size_t n = 0;

	for (size_t i = 0; i < db->session.n; i++, n += 2) {
		const char *text = db->session.items[i];
		size_t len = strcspn(text, ":");

		params[n] = arena_strndup(a, text, len);
		if (need_claim(text + len + 1, p, a, &params[n + 1], e) < 0)
			return -1;
		buf_printf(sql, "%sset_config($%zu, $%zu, true)", n ? ", " : "", n + 1, n + 2);
	}
	if (*db->role_claim) {
		if (need_role(db, p, a, &params[n], e) < 0)
			return -1;
		buf_printf(sql,
			"%sCASE WHEN EXISTS (SELECT FROM pg_catalog.pg_roles"
			" WHERE rolname = $%zu::text AND pg_has_role(session_user, oid, 'MEMBER'))"
			" THEN set_config('role', $%zu::text, true) END",
			n ? ", " : "", n + 1, n + 1);
		n++;
	}
	*st = (struct statement){ .params = params, .params_n = n };
	return 0;
}

int identity_statement(const struct settings_database *db, const struct principal *p,
	struct arena *a, struct statement *st, struct err *e)
{
	struct buf sql = { 0 };

	buf_puts(&sql, "SELECT ");
	int status = put_calls(db, p, a, &sql, st, e);

	if (status == 0)
		st->sql = arena_strdup(a, buf_str(&sql));
	buf_free(&sql);
	return status;
}

/* ---- what the database says */

static int refuse(struct err *e)
{
	return err_set(e, ERR_FORBIDDEN,
		"the token names a role that the database does not let Sluice take");
}

/* Whether every value has been set, of the one row. */
static bool is_set(const struct batch *b)
{
	for (size_t i = 0; i < b->columns_n; i++)
		if (b->rows != 1 || column_is_null(&b->columns[i], 0))
			return false;
	return true;
}

static int run(struct source *s, const struct statement *st, bool *all_set, struct err *e)
{
	const struct schema *schema;
	struct batch b;
	int r;

	*all_set = false;
	if (source_open(s, st, &schema, e) < 0)
		return -1;
	batch_init(&b, schema);
	while ((r = source_next(s, &b, e)) > 0)
		*all_set = is_set(&b);
	batch_free(&b);
	return r;
}

int identity_assume(struct source *s, const struct statement *st, struct err *e)
{
	struct err ignored;
	bool all_set;

	if (st->params_n == 0)
		return 0;
	if (run(s, st, &all_set, e) < 0) {
		struct err why = *e;

		/* Values that the database's encoding has not, a role that has just gone, or that may be a member's but not
		 * be taken (GRANT … WITH SET FALSE). */
		if (source_has_said(e, "22") || source_has_said(e, "42501")) {
			refuse(e);
			err_cause(e, "%s", why.cause);
		}
		return -1;
	}
	if (all_set)
		return 0;
	source_end(s, &ignored); /* what is told is why */
	return refuse(e);
}

void identity_explain(const struct settings_database *db, struct err *e)
{
	struct err why = *e;

	if (!*db->role_claim || e->code != ERR_DATABASE || !source_has_said(e, "42501"))
		return;
	err_set(e, ERR_FORBIDDEN,
		"the database does not let the role that the token names read this");
	err_cause(e, "%s", why.cause);
}
