#include "lib/web/rows_plan.h"

#include <string.h>

#include "lib/export/lookup.h"
#include "lib/format/name_list.h"
#include "lib/web/visit.h"

static int choose_key(const struct catalog_table *t, struct rows_plan *plan, struct err *e)
{
	const struct catalog_column *c = t->primary_key;

	if (!c)
		return err_set(e, ERR_UNPROCESSABLE,
			"table %s has no key of one column to make pages by; ask for it whole",
			t->key);
	if (catalog_page_key(t, &plan->key))
		return 0;
	return err_set(e, ERR_UNPROCESSABLE,
		"table %s cannot be cut into pages by a key of type %s; ask for it whole", t->key,
		c->source_type);
}

/* Refuse with what would do instead. An estimate below what was counted comes from a table that has
 * not been analyzed: then the rows are counted, as far as the most pages could take them. */
static int refuse_page(struct response *rs, struct source *source, const struct rows_ask *ask,
	struct rows_plan *plan, int64_t most, struct err *e)
{
	struct arena *a = &rs->request->arena;
	int64_t rows = -1;

	if (lookup_estimate(source, &plan->compile, &rows, e) < 0)
		return -1;
	if (rows <= most &&
		lookup_count(source, &plan->compile, most * PAGE_TOTAL_MAX, &rows, e) < 0)
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
	plan->page = (struct compile_page){ &plan->key, &plan->bounds, (int32_t)ask->page };
	plan->compile.page = &plan->page;
	if (plan->query.limit >= 0 && plan->query.limit <= most)
		return 0; /* cannot be too large */
	if (lookup_count(source, &plan->compile, most, &rows, e) < 0)
		return -1;
	return rows > most ? refuse_page(rs, source, ask, plan, most, e) : 0;
}

/* In the snapshot that the rows are read in; before a page or limit makes the select smaller. */
static int plan_count(
	struct source *source, const struct rows_ask *ask, struct rows_plan *plan, struct err *e)
{
	struct query all = plan->query;
	struct compile c = plan->compile;

	all.limit = -1;
	c.query = &all;
	if (ask->count == COUNT_EXACT)
		return lookup_count(source, &c, INT64_MAX, &plan->total, e);
	if (ask->count == COUNT_PLANNED)
		return lookup_estimate(source, &c, &plan->total, e);
	return 0;
}

/* The caller's own limit of rows in one answer: refused before the first, never cut off behind the last. */
static int check_rows(
	struct source *source, const struct rights *rights, struct rows_plan *plan, struct err *e)
{
	int64_t rows;

	if (rights->rows < 0 || (plan->query.limit >= 0 && plan->query.limit <= rights->rows))
		return 0;
	if (lookup_count(source, &plan->compile, rights->rows, &rows, e) < 0)
		return -1;
	if (rows <= rights->rows)
		return 0;
	return err_set(e, ERR_TOO_LARGE,
		"you may have no more than %lld rows in one answer: filter, or ask for limit=%lld",
		(long long)rights->rows, (long long)rights->rows);
}

static bool has_name(const struct compiled *c, const char *name)
{
	for (size_t i = 0; i < c->outputs_n; i++)
		if (strcmp(c->outputs[i].name, name) == 0)
			return true;
	return false;
}

/* Columns that an option names are those of the export. */
static int check_bloom(const struct compiled *c, const char *list, struct err *e)
{
	struct buf name = { 0 };
	int status = 0;

	while (list && status == 0 && name_list_next(&list, &name) > 0)
		if (!has_name(c, name.data))
			status = err_set(e, ERR_BAD_REQUEST,
				"bloom: there is no column \"%.63s\" in this export", name.data);
	buf_free(&name);
	return status;
}

int rows_plan(struct app *app, struct response *rs, struct source **source, struct table *t,
	const struct rows_ask *ask, struct rows_plan *plan, struct err *e)
{
	struct visitor visitor = visit(app, rs->request);

	*plan = (struct rows_plan){ .query = ask->query };
	plan->compile = (struct compile){ .scope = &plan->scope,
		.query = &plan->query,
		.nested_as_text = ask->options.nested == NESTED_SERVER };
	if (table_reach(&visitor, source, t, &plan->query, ask->format->name, &plan->scope,
		    &plan->compile.where, e) < 0 ||
		compile_query(&plan->compile, &plan->compiled, e) < 0 ||
		check_bloom(&plan->compiled, ask->options.bloom, e) < 0 ||
		plan_count(*source, ask, plan, e) < 0)
		return -1;
	if (ask->paged && plan_page(app, rs, *source, &t->catalog, ask, plan, e) < 0)
		return -1;
	if (check_rows(*source, &t->rights, plan, e) < 0)
		return -1;
	return ask->paged ? compile_query(&plan->compile, &plan->compiled, e) : 0;
}
