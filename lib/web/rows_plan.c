#include "lib/web/rows_plan.h"

#include <assert.h>
#include <string.h>

#include "lib/export/lookup.h"
#include "lib/web/negotiate.h"

static int ask_digest(const struct request *rq, struct rows_ask *ask, struct err *e)
{
	const char *digest = request_param(rq, "digest");

	if (digest && strcmp(digest, "sha-256"))
		return err_set(e, ERR_BAD_REQUEST, "digest must be sha-256");
	ask->digest = digest != NULL;
	return 0;
}

/* A page is asked for by any of its parameters. */
static int ask_page(const struct request *rq, struct rows_ask *ask, struct err *e)
{
	if (request_int(rq, "total_pages", 1, PAGE_TOTAL_MAX, 1, &ask->total_pages, e) < 0 ||
		request_int(rq, "page", 1, PAGE_TOTAL_MAX, 1, &ask->page, e) < 0)
		return -1;
	if (ask->page > ask->total_pages)
		return err_set(e, ERR_BAD_REQUEST,
			"page must not be larger than total_pages (%lld)",
			(long long)ask->total_pages);
	ask->bounds = request_param(rq, "bounds");
	ask->paged = ask->bounds || request_param(rq, "page") || request_param(rq, "total_pages");
	return 0;
}

static const char *get_param(const void *from, const char *name)
{
	return request_param(from, name);
}

static int ask_options(struct request *rq, struct rows_ask *ask, struct err *e)
{
	format_options_init(&ask->options, !strcmp(ask->format->name, "tsv"));
	return format_options_read(
		&ask->options, ask->format->families, get_param, rq, &rq->arena, e);
}

/* The parameters of every route for rows, and every option: one of another format gets an error of its own. */
static int check_params(struct request *rq, struct err *e)
{
	static const char *const common[] = { "columns", "limit", "page", "total_pages", "bounds",
		"digest" };
	enum { COMMON = sizeof common / sizeof common[0], MOST = 64 };
	const char *known[MOST];
	size_t n = COMMON;

	memcpy(known, common, sizeof common);
	for (const struct format_option *o = format_option_table; o->name; o++) {
		assert(n + 3 <= MOST);
		known[n++] = o->name;
		if (o->alias)
			known[n++] = o->alias;
	}
	known[n] = NULL;
	return request_known_params(rq, known, e);
}

static int ask_common(struct request *rq, struct rows_ask *ask, struct err *e)
{
	ask->columns = request_param(rq, "columns");
	if (check_params(rq, e) < 0 || ask_page(rq, ask, e) < 0 || ask_digest(rq, ask, e) < 0 ||
		ask_options(rq, ask, e) < 0)
		return -1;
	return request_int(rq, "limit", 0, INT64_MAX, -1, &ask->limit, e);
}

/* The list that a 406 owes: the suffixes and media types of every format. */
static void list_formats(struct response *rs)
{
	struct buf b = { 0 };

	for (size_t i = 0; format_types[i]; i++)
		buf_printf(&b, "%c{\"suffix\":\"%s\",\"mediaType\":\"%.*s\"}", i ? ',' : '[',
			format_types[i]->suffix, (int)strcspn(format_types[i]->media, ";"),
			format_types[i]->media);
	buf_putc(&b, ']');
	response_member(rs, "formats", buf_str(&b));
	buf_free(&b);
}

int rows_ask(struct request *rq, struct response *rs, struct rows_ask *ask, struct err *e)
{
	const char *suffix = rq->captures[1];

	if (*suffix == '.') {
		ask->format = format_by_suffix(suffix + 1);
		if (!ask->format) {
			list_formats(rs);
			return err_set(
				e, ERR_NOT_ACCEPTABLE, "there is no format \"%s\"", suffix + 1);
		}
	} else if (*suffix) {
		return err_set(e, ERR_NOT_FOUND, "there is nothing at this path");
	} else {
		ask->format = negotiate_format(request_env(rq, "HTTP_ACCEPT"));
		ask->negotiated = true;
		if (!ask->format) {
			list_formats(rs);
			return err_set(e, ERR_NOT_ACCEPTABLE,
				"none of the formats is what Accept asks for");
		}
	}
	ask->suffix = ask->format->suffix;
	return ask_common(rq, ask, e);
}

int rows_ask_page(struct request *rq, struct rows_ask *ask, struct err *e)
{
	ask->format = format_by_suffix("ndjson");
	ask->suffix = "jsonl"; /* as the clients of this route know it */
	if (ask_common(rq, ask, e) < 0)
		return -1;
	ask->paged = true;
	return 0;
}

void rows_ask_free(struct rows_ask *ask)
{
	format_options_free(&ask->options);
}

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

int rows_plan(struct app *app, struct response *rs, struct source *source,
	const struct catalog_table *t, const struct rows_ask *ask, struct rows_plan *plan,
	struct err *e)
{
	struct arena *a = &rs->request->arena;

	*plan = (struct rows_plan){ .select = { .table = t, .limit = ask->limit } };
	if (select_columns(a, &plan->select, ask->columns, e) < 0)
		return -1;
	if (ask->paged && plan_page(app, rs, source, t, ask, plan, e) < 0)
		return -1;
	select_compile(a, &plan->select, &plan->statement);
	return 0;
}
