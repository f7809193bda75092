#include "lib/web/rows_ask.h"

#include <string.h>

#include "lib/access/policy.h"
#include "lib/query/columns.h"
#include "lib/query/filters.h"
#include "lib/query/page.h"
#include "lib/web/coding.h"
#include "lib/web/negotiate.h"
#include "lib/web/option_params.h"
#include "lib/web/quality.h"

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

static bool is_there(struct app *app, struct request *rq, const struct settings_table *t)
{
	struct rights rights;
	struct err e;

	return t &&
	       (policy_rights(&app->settings, t, &rq->principal, &rq->arena, &rights, &e) == 0 ||
		       e.code != ERR_NOT_FOUND);
}

int rows_ask_filters(struct app *app, struct request *rq, const char *table,
	const char *const names[], struct query *q, struct err *e)
{
	const struct settings_table *t = settings_table(&app->settings, table);
	bool knows = is_there(app, rq, t);

	for (size_t i = 0; knows && i < rq->params_n; i++) {
		const struct request_param *p = &rq->params[i];

		if (!option_params_knows(names, p->name) &&
			filters_add(&rq->arena, &app->settings, t, p->name, p->value, q, e) < 0)
			return -1;
	}
	return 0;
}

static int ask_options(struct app *app, struct request *rq, struct rows_ask *ask, struct err *e)
{
	static const char *const names[] = { "columns", "limit", "page", "total_pages", "bounds",
		"digest", "format", "compression", "level", NULL };

	/* Where a body can be compressed, `level` is of that; else it is the format's. */
	const char *own = ask->format->traits & FORMAT_ENCODABLE ? "level" : NULL;

	if (option_params_read(rq, ask->format, own, &ask->options, e) < 0)
		return -1;
	ask->options.table = rq->captures[0];
	return rows_ask_filters(app, rq, rq->captures[0], names, &ask->query, e);
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

/* ---- the format */

static int no_format(struct response *rs, const char *name, struct err *e)
{
	list_formats(rs);
	return err_set(e, ERR_NOT_ACCEPTABLE, "there is no format \"%s\"", name);
}

/* "csv", "csv.gz": a format's suffix, and that of a compression. */
static int ask_suffix(struct request *rq, struct response *rs, const char *suffix,
	struct rows_ask *ask, struct err *e)
{
	const char *dot = strchrnul(suffix, '.');

	ask->format = format_by_suffix(arena_strndup(&rq->arena, suffix, (size_t)(dot - suffix)));
	if (ask->format && *dot)
		ask->file = compress_by_suffix(dot + 1);
	return ask->format && (!*dot || ask->file) ? 0 : no_format(rs, suffix, e);
}

static int ask_accept(struct request *rq, struct response *rs, struct rows_ask *ask, struct err *e)
{
	ask->format = negotiate_format(request_env(rq, "HTTP_ACCEPT"));
	ask->negotiated = true;
	if (ask->format)
		return 0;
	list_formats(rs);
	return err_set(e, ERR_NOT_ACCEPTABLE, "none of the formats is what Accept asks for");
}

static int ask_format(struct request *rq, struct response *rs, struct rows_ask *ask, struct err *e)
{
	const char *name = request_param(rq, "format");

	if (!name)
		return 0;
	const struct format_type *format = format_by_suffix(name);

	if (!format)
		return no_format(rs, name, e);
	if (ask->format && ask->format != format)
		return err_set(e, ERR_BAD_REQUEST, "format and the path's suffix do not agree");
	ask->format = format;
	return 0;
}

/* ---- compression */

/* The names, as the end of a sentence. */
static const char *list_compressions(struct request *rq)
{
	const char *list = "none";

	for (const struct compress_type *const *t = compress_types; *t; t++)
		list = arena_printf(&rq->arena, "%s, %s", list, (*t)->name);
	return list;
}

static int ask_file(struct request *rq, struct rows_ask *ask, struct err *e)
{
	const char *name = request_param(rq, "compression");

	if (!name)
		return 0;
	const struct compress_type *file = compress_by_name(name);

	if (!file && strcmp(name, "none"))
		return err_set(e, ERR_BAD_REQUEST, "compression must be one of: %s",
			list_compressions(rq));
	if (ask->file && ask->file != file)
		return err_set(
			e, ERR_BAD_REQUEST, "compression and the path's suffix do not agree");
	ask->file = file;
	return 0;
}

/* What is compressed as a file is not coded again on its way. */
static int ask_compression(struct request *rq, struct rows_ask *ask, struct err *e)
{
	int64_t level;

	if (ask_file(rq, ask, e) < 0)
		return -1;
	if (ask->file && !(ask->format->traits & FORMAT_ENCODABLE))
		return err_set(
			e, ERR_BAD_REQUEST, "%s is not compressed as a whole", ask->format->name);
	ask->may_code = !ask->file && ask->format->traits & FORMAT_ENCODABLE;
	if (ask->may_code &&
		coding_choose(request_env(rq, "HTTP_ACCEPT_ENCODING"), &ask->coding, e) < 0)
		return -1;
	const struct compress_type *by = ask->file ? ask->file : ask->coding;

	if (!by)
		return request_param(rq, "level") && ask->may_code
			       ? err_set(e, ERR_BAD_REQUEST,
					 "level is of a compression, and none is asked for")
			       : 0;
	if (request_int(
		    rq, "level", by->level_least, by->level_most, by->level_default, &level, e) < 0)
		return -1;
	ask->level = (int)level;
	return 0;
}

/* Prefer: count=exact, count=planned (RFC 7240); what is not known is no error there. */
static void ask_count(const struct request *rq, struct rows_ask *ask)
{
	const char *prefer = request_env(rq, "HTTP_PREFER");
	struct quality element;

	for (const char *p = prefer ? prefer : ""; (p = quality_next(p, &element));) {
		if (ask->count != COUNT_NONE)
			return; /* the first counts (§2) */
		if (quality_is(&element, "count=exact") || quality_is(&element, "count=\"exact\""))
			ask->count = COUNT_EXACT;
		else if (quality_is(&element, "count=planned") ||
			 quality_is(&element, "count=\"planned\""))
			ask->count = COUNT_PLANNED;
	}
}

/* ---- all of it, once the format is known */

static int ask_rest(struct app *app, struct request *rq, struct rows_ask *ask, struct err *e)
{
	const char *columns = request_param(rq, "columns");

	ask_count(rq, ask);
	if (columns && columns_read(&rq->arena, columns, &ask->query, e) < 0)
		return -1;
	if (ask_options(app, rq, ask, e) < 0 || ask_page(rq, ask, e) < 0 ||
		ask_digest(rq, ask, e) < 0 || ask_compression(rq, ask, e) < 0)
		return -1;
	return request_int(rq, "limit", 0, INT64_MAX, -1, &ask->query.limit, e);
}

int rows_ask(struct app *app, struct request *rq, struct response *rs, struct rows_ask *ask,
	struct err *e)
{
	const char *suffix = rq->captures[1];

	if (*suffix && *suffix != '.')
		return err_set(e, ERR_NOT_FOUND, "there is nothing at this path");
	if (*suffix && ask_suffix(rq, rs, suffix + 1, ask, e) < 0)
		return -1;
	if (ask_format(rq, rs, ask, e) < 0 || (!ask->format && ask_accept(rq, rs, ask, e) < 0))
		return -1;
	ask->suffix = ask->format->suffix;
	return ask_rest(app, rq, ask, e);
}

int rows_ask_page(struct app *app, struct request *rq, struct response *rs, struct rows_ask *ask,
	struct err *e)
{
	const struct format_type *ndjson = format_by_suffix("ndjson");

	if (ask_format(rq, rs, ask, e) < 0)
		return -1;
	if (!ask->format)
		ask->format = ndjson;
	/* As the clients of this route know it. */
	ask->suffix = ask->format == ndjson ? "jsonl" : ask->format->suffix;
	if (ask_rest(app, rq, ask, e) < 0)
		return -1;
	ask->paged = true;
	return 0;
}

int rows_ask_query(
	struct request *rq, struct response *rs, bool is_page, struct rows_ask *ask, struct err *e)
{
	static const char *const names[] = { "q", "digest", "format", "compression", "level",
		NULL };

	if (is_page)
		ask->format = format_by_suffix("json");
	else if (ask_format(rq, rs, ask, e) < 0 || (!ask->format && ask_accept(rq, rs, ask, e) < 0))
		return -1;
	ask->negotiated = !request_param(rq, "format");
	ask->suffix = ask->format->suffix;
	const char *own = ask->format->traits & FORMAT_ENCODABLE ? "level" : NULL;

	if (option_params_check(rq, names, e) < 0 ||
		option_params_read(rq, ask->format, own, &ask->options, e) < 0)
		return -1;
	ask->options.table = ask->query.from;
	return ask_digest(rq, ask, e) < 0 ? -1 : ask_compression(rq, ask, e);
}

void rows_ask_free(struct rows_ask *ask)
{
	format_options_free(&ask->options);
}
