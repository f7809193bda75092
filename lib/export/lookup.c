#include "lib/export/lookup.h"

/* Run a statement and hand each batch to `take`, which may fail. */
static int each_batch(struct source *s, const struct statement *st,
	int (*take)(void *to, const struct batch *, struct err *), void *to, struct err *e)
{
	const struct schema *schema;
	struct batch b;
	int r;

	if (source_open(s, st, &schema, e) < 0)
		return -1;
	batch_init(&b, schema);
	while ((r = source_next(s, &b, e)) > 0)
		if (take(to, &b, e) < 0) {
			source_cancel(s); /* with rows unread */
			r = -1;
			break;
		}
	batch_free(&b);
	return r;
}

struct table_target {
	struct arena *arena;
	struct catalog_table *table;
};

static int take_table(void *to, const struct batch *b, struct err *e)
{
	struct table_target *t = to;

	(void)e;
	catalog_add(t->arena, b, t->table);
	return 0;
}

int lookup_table(struct source *s, struct arena *a, const struct settings_table *settings,
	struct catalog_table *t, struct err *e)
{
	struct table_target target = { a, t };
	struct statement st;
	bool whole = false;

	do {
		*t = (struct catalog_table){ 0 };
		catalog_statement(a, settings, whole, &st);
		if (each_batch(s, &st, take_table, &target, e) < 0)
			return -1;
		whole = true;
	} while (t->is_more);
	return catalog_finish(a, settings, t, e);
}

struct bounds_target {
	struct arena *arena;
	const struct page_key *key;
	int32_t total;
	struct page_bounds *bounds;
};

static int take_bounds(void *to, const struct batch *b, struct err *e)
{
	struct bounds_target *t = to;

	return page_bounds_read(t->arena, t->key, t->total, b, t->bounds, e);
}

int lookup_bounds(struct source *s, struct arena *a, const struct page_key *key, int32_t total,
	struct page_bounds *b, struct err *e)
{
	struct bounds_target target = { a, key, total, b };
	struct statement st;

	page_bounds_statement(a, key, total, &st);
	return each_batch(s, &st, take_bounds, &target, e);
}

static int take_int(void *to, const struct batch *b, struct err *e)
{
	if (b->columns_n != 1 || b->columns[0].type != TYPE_INT64)
		return err_set(e, ERR_DATABASE, "the database's count cannot be read");
	*(int64_t *)to = COLUMN_VALUE(&b->columns[0], int64_t, 0);
	return 0;
}

int lookup_int(struct source *s, const struct statement *st, int64_t *value, struct err *e)
{
	return each_batch(s, st, take_int, value, e);
}

int lookup_count(struct source *s, struct compile *c, int64_t most, int64_t *count, struct err *e)
{
	struct statement st;

	return compile_count(c, most, &st, e) < 0 ? -1 : lookup_int(s, &st, count, e);
}

struct plan_target {
	const struct scope *scope;
	struct plan *plan;
};

static int take_plan(void *to, const struct batch *b, struct err *e)
{
	struct plan_target *t = to;
	size_t len;
	const uint8_t *text = column_bytes(&b->columns[0], 0, &len);

	return plan_read(t->scope->arena, t->scope, (const char *)text, len, t->plan, e);
}

int lookup_plan(struct source *s, const struct scope *scope, const struct statement *st,
	struct plan *plan, struct err *e)
{
	struct plan_target target = { scope, plan };
	struct statement explain;

	plan_statement(scope->arena, st, &explain);
	return each_batch(s, &explain, take_plan, &target, e);
}

int lookup_estimate(struct source *s, struct compile *c, int64_t *rows, struct err *e)
{
	struct compiled compiled;
	struct plan plan;

	if (scope_has_others(c->scope))
		return lookup_count(s, c, INT64_MAX, rows, e);
	if (compile_query(c, &compiled, e) < 0 ||
		lookup_plan(s, c->scope, &compiled.statement, &plan, e) < 0)
		return -1;
	*rows = (int64_t)plan.rows;
	return 0;
}

static int take_nothing(void *to, const struct batch *b, struct err *e)
{
	(void)to, (void)b, (void)e;
	return 0;
}

int lookup_run(struct source *s, const struct statement *st, struct err *e)
{
	return each_batch(s, st, take_nothing, NULL, e);
}
