#include "lib/web/rows_plan.h"

#include <string.h>

#include "lib/export/lookup.h"
#include "lib/format/name_list.h"
#include "lib/query/columns.h"

static int choose_key(const struct catalog_table *t, struct rows_plan *plan, struct err *e)
{
	const struct catalog_column *c = t->primary_key;

	if (!c)
		return err_set(e, ERR_UNPROCESSABLE,
			"table %s has no key of one column to make pages by; ask for it whole",
			t->key);
	plan->key = (struct page_key){
		.table = t->quoted,
		.column = c->quoted,
		.nullable = c->nullable,
		.rows = t->rows,
		.blocks = t->blocks,
	};
	if (page_key_type(c->base_type, &plan->key))
		return 0;
	return err_set(e, ERR_UNPROCESSABLE,
		"table %s cannot be cut into pages by a key of type %s; ask for it whole", t->key,
		c->source_type);
}

/* Refuse with what would do instead. An estimate below what was counted comes from a table that has
 * not been analyzed: then the rows are counted, as far as the most pages could take them. */
static int refuse_page(struct response *rs, struct source *source, const struct rows_ask *ask,
	const struct rows_plan *plan, int64_t most, struct err *e)
{
	struct arena *a = &rs->request->arena;
	int64_t rows = -1;

	if (lookup_estimate(source, a, &plan->select, &rows, e) < 0)
		return -1;
	if (rows <= most &&
		lookup_count(source, a, &plan->select, most * PAGE_TOTAL_MAX, &rows, e) < 0)
		return -1;
	/* A tenth more than the estimate asks for: neither it nor the pages are exact. */
	double pages = (double)ask->total_pages * (double)rows * 1.1 / (double)most + 1;

	response_member(rs, "estimatedRows", arena_printf(a, "%lld", (long long)rows));
	response_member(rs, "limit", arena_printf(a, "%lld", (long long)most));
	if (pages > PAGE_TOTAL_MAX)
		return err_set(e, ERR_TOO_LARGE,
			"the page has about %lld rows, more than the %lld allowed, and %d pages "
			"would be too few; ask for the whole table as one stream",
			(long long)rows, (long long)most, PAGE_TOTAL_MAX);
	response_member(rs, "totalPages", arena_printf(a, "%lld", (long long)pages));
	return err_set(e, ERR_TOO_LARGE,
		"the page has about %lld rows, more than the %lld allowed; ask for %lld pages",
		(long long)rows, (long long)most, (long long)pages);
}

static int plan_page(struct app *app, struct response *rs, struct source *source,
	const struct catalog_table *t, const struct rows_ask *ask, struct rows_plan *plan,
	struct err *e)
{
	struct arena *a = &rs->request->arena;
	int32_t total = (int32_t)ask->total_pages;
	int64_t most = app->settings.limits_page_rows, rows = 0;

	if (choose_key(t, plan, e) < 0)
		return -1;
	if (ask->bounds) {
		plan->bounds_token = ask->bounds;
		if (page_token_read(a, &plan->key, total, ask->bounds, &plan->bounds, e) < 0)
			return -1;
	} else if (lookup_bounds(source, a, &plan->key, total, &plan->bounds, e) < 0 ||
		   page_token_write(a, &plan->key, &plan->bounds, &plan->bounds_token, e) < 0) {
		return -1;
	}
	page_predicate(a, &plan->key, &plan->bounds, (int32_t)ask->page, 1, &plan->predicate);
	plan->select.page = &plan->predicate;
	if (ask->limit >= 0 && ask->limit <= most)
		return 0; /* cannot be too large */
	if (lookup_count(source, a, &plan->select, most, &rows, e) < 0)
		return -1;
	return rows > most ? refuse_page(rs, source, ask, plan, most, e) : 0;
}

/* In the snapshot that the rows are read in; before a page or limit makes the select smaller. */
static int plan_count(struct arena *a, struct source *source, const struct rows_ask *ask,
	struct rows_plan *plan, struct err *e)
{
	struct select all = plan->select;

	all.limit = -1;
	if (ask->count == COUNT_EXACT)
		return lookup_count(source, a, &all, INT64_MAX, &plan->total, e);
	if (ask->count == COUNT_PLANNED)
		return lookup_estimate(source, a, &all, &plan->total, e);
	return 0;
}

static bool has_name(const struct select *s, const char *name)
{
	for (size_t i = 0; i < s->columns_n; i++)
		if (strcmp(s->names[i], name) == 0)
			return true;
	return false;
}

/* Columns that an option names are those of the export. */
static int check_bloom(const struct select *s, const char *list, struct err *e)
{
	struct buf name = { 0 };
	int status = 0;

	while (list && status == 0 && name_list_next(&list, &name) > 0)
		if (!has_name(s, name.data))
			status = err_set(e, ERR_BAD_REQUEST,
				"bloom: there is no column \"%.63s\" in this export", name.data);
	buf_free(&name);
	return status;
}

int rows_plan(struct app *app, struct response *rs, struct source *source,
	const struct catalog_table *t, const struct rows_ask *ask, struct rows_plan *plan,
	struct err *e)
{
	struct arena *a = &rs->request->arena;

	*plan = (struct rows_plan){ .select = {
					    .table = t,
					    .limit = ask->limit,
					    .nested_as_text = ask->options.nested == NESTED_SERVER,
				    } };
	if (select_columns(a, &plan->select, ask->columns, e) < 0 ||
		check_bloom(&plan->select, ask->options.bloom, e) < 0 ||
		plan_count(a, source, ask, plan, e) < 0)
		return -1;
	if (ask->paged && plan_page(app, rs, source, t, ask, plan, e) < 0)
		return -1;
	select_compile(a, &plan->select, &plan->statement);
	return 0;
}
