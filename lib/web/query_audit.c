#include "lib/web/query_audit.h"

#include "lib/query/query_json.h"
#include "lib/web/request_audit.h"

/* What is known of the names in a query. */
struct names {
	struct scope *scope; /* NULL: nothing */
	bool is_looked_up; /* the tables are the database's, else they have the masked columns alone */
};

static bool hides(const void *of, const char *name)
{
	const struct names *known = of;
	struct scope_table *in;
	bool is_tenant;

	if (!known->scope)
		return true;
	const struct catalog_column *c = scope_column(known->scope, name, &in, &is_tenant);

	return !in || is_tenant || (c ? c->mask != MASK_NONE : known->is_looked_up);
}

static bool is_complete(const struct scope *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->tables[i].table)
			return false;
	return s->n > 0;
}

/* ---- without the database */

/* Of the table what the caller's rights tell: its masked columns, and the tenant's. NULL when it is not there for them. */
static struct catalog_table *rights_table(
	struct app *app, struct request *rq, const struct settings_table *settings)
{
	struct catalog_table *t = arena_zero(&rq->arena, 1, sizeof *t);
	struct rights rights;
	struct err ignored;

	if (policy_rights(&app->settings, settings, &rq->principal, &rq->arena, &rights, &ignored) <
		0)
		return NULL;
	t->columns = t->all = arena_zero(&rq->arena, rights.masks_n + 1, sizeof *t->columns);
	t->columns_n = t->all_n = rights.masks_n;
	for (size_t i = 0; i < rights.masks_n; i++) {
		t->columns[i].name = rights.masks[i].column;
		t->columns[i].mask = (uint8_t)rights.masks[i].mask;
	}
	if (rights.tenant_column) {
		struct catalog_column *tenant = &t->columns[rights.masks_n];

		tenant->name = rights.tenant_column;
		t->tenant = tenant;
	}
	return t;
}

/* The tables that the query's names reach, by the registry. */
static void rights_scope(
	struct app *app, struct request *rq, const struct query *asked, struct scope *s)
{
	const struct settings_table *from = settings_table(&app->settings, asked->from);
	struct catalog_table *t = from ? rights_table(app, rq, from) : NULL;
	const char *where;
	struct err ignored;

	*s = (struct scope){ 0 };
	if (!t)
		return;
	scope_init(s, &rq->arena, &app->settings, from, t, app->mask_key);
	if (scope_collect(s, asked, &where, &ignored) < 0)
		s->n = 0;
	for (size_t i = 1; i < s->n; i++)
		s->tables[i].table = rights_table(app, rq, s->tables[i].settings);
}

/* ---- what is told */

/* Each key once, in the order of the names. */
static const char *joined(struct request *rq, const struct scope *s)
{
	const char *list = NULL;

	for (size_t i = 1; i < s->n; i++) {
		size_t first = 1;

		while (s->tables[first].settings != s->tables[i].settings)
			first++;
		if (first == i)
			list = arena_printf(&rq->arena, "%s%s%s", list ? list : "", list ? "," : "",
				s->tables[i].settings->key);
	}
	return list;
}

struct query query_audit_asked(struct request *rq, const struct query *q)
{
	struct query asked = *q;

	asked.select = arena_zero(&rq->arena, q->select_n + 1, sizeof *asked.select);
	if (q->select_n)
		memcpy(asked.select, q->select, q->select_n * sizeof *asked.select);
	return asked;
}

void query_audit(struct app *app, struct request *rq, const struct query *asked,
	struct scope *scope, bool names_hold)
{
	struct names known = { 0 };
	struct scope by_rights;
	struct buf b = { 0 };

	if (is_complete(scope)) {
		known = (struct names){ scope, true };
	} else {
		rights_scope(app, rq, asked, &by_rights);
		scope = &by_rights;
		if (names_hold && is_complete(scope))
			known.scope = scope;
	}
	query_json(&b, asked, hides, &known);
	rq->audit.definition = arena_strdup(&rq->arena, buf_str(&b));
	rq->audit.joined = joined(rq, scope);
	buf_free(&b);
}

/* ---- parameters */

struct filters {
	const struct query *query;
	const struct names *names;
};

/* How many columns the parameter's condition is about; *hidden: one of them is. */
static size_t count_columns(
	const struct filters *f, const struct expr *x, const char *param, bool *hidden)
{
	size_t n = 0;

	if (x && x->op == EXPR_COLUMN && !strcmp(x->where, param)) {
		*hidden = *hidden || hides(f->names, x->text);
		return 1;
	}
	for (size_t i = 0; x && i < x->args_n; i++)
		n += count_columns(f, x->args[i], param, hidden);
	return n;
}

static bool shows(const void *of, const char *param)
{
	const struct filters *f = of;
	bool hidden = false;

	return count_columns(f, f->query->filter, param, &hidden) && !hidden;
}

void query_audit_params(struct request *rq, const struct query *q, struct scope *scope)
{
	const struct names known = { is_complete(scope) ? scope : NULL, true };
	const struct filters filters = { q, &known };

	rq->audit.definition = request_audit_params(rq, shows, &filters);
	if (known.scope)
		rq->audit.joined = joined(rq, scope);
}
