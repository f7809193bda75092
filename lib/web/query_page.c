#include "lib/web/query_page.h"

#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/export/lookup.h"
#include "lib/format/text.h"
#include "lib/sink/digest.h"
#include "lib/sink/memory.h"
#include "lib/export/schema_json.h"

/* One page in the making. */
struct run {
	struct app *app;
	struct request *rq;
	struct source *source;
	const struct query_ask *ask;
	struct compile *compile;
	struct compiled compiled;
	const struct schema *described; /* of the source's result */
	struct memory_sink *memory;
	struct sink *out; /* hashes on the way to memory */
	uint64_t rows;
	bool has_more;
	const char *last[CURSOR_VALUES_MAX]; /* sort values of the last row */
};

static void put(struct run *r, const struct buf *b)
{
	sink_put(r->out, b->data, b->len);
}

static void put_columns(struct run *r, const struct schema *schema)
{
	struct buf b = { 0 };

	buf_puts(&b, "{\"columns\":");
	schema_json_columns(&b, schema);
	buf_puts(&b, ",\"rows\":");
	put(r, &b);
	buf_free(&b);
}

/* ---- the rows */

/* A value as text that the server reads as the same. */
static const char *spell(
	struct arena *a, const struct column *c, const struct field *f, int32_t row)
{
	size_t len;

	if (column_is_null(c, row))
		return NULL;
	if (type_is_variable(c->type)) {
		const uint8_t *text = column_bytes(c, row, &len);

		return arena_strndup(a, (const char *)text, len);
	}
	char *text = arena_alloc(a, text_room(f) + 1);

	*text_value(text, c, row, f->scale) = '\0';
	return text;
}

static void keep_last(struct run *r, const struct batch *b, int32_t row)
{
	for (size_t i = 0; i < r->compiled.keys_n && i < CURSOR_VALUES_MAX; i++) {
		size_t at = r->compiled.keys[i];

		r->last[i] = spell(&r->rq->arena, &b->columns[at], &r->described->fields[at], row);
	}
}

/* Less the row beyond the page's limit, and the columns behind the outputs. */
static int take_batch(struct run *r, struct format *f, const struct batch *b, struct err *e)
{
	struct batch seen = *b;
	uint64_t left = (uint64_t)r->compile->query->limit - r->rows;

	if ((uint64_t)b->rows > left) {
		r->has_more = true;
		seen.rows = (int32_t)left;
	}
	seen.columns_n = r->compiled.outputs_n;
	if (seen.rows == 0)
		return 0;
	format_batch(f, &seen);
	keep_last(r, b, seen.rows - 1);
	r->rows += (uint64_t)seen.rows;
	if (r->memory->bytes.len <= (size_t)r->app->settings.limits_query_bytes)
		return 0;
	return err_set(e, ERR_TOO_LARGE,
		"the page is larger than %lld bytes: ask for fewer rows or columns, or for a "
		"stream",
		(long long)r->app->settings.limits_query_bytes);
}

static int each_batch(struct run *r, struct format *f, struct err *e)
{
	struct batch b;
	int status;

	batch_init(&b, r->described);
	while ((status = source_next(r->source, &b, e)) > 0)
		if (take_batch(r, f, &b, e) < 0) {
			source_cancel(r->source); /* with rows unread */
			status = -1;
			break;
		}
	batch_free(&b);
	return status;
}

static int put_rows(struct run *r, struct err *e)
{
	const struct schema *described;
	struct schema schema;
	const struct rows_ask *ask = &r->ask->rows;

	if (source_open(r->source, &r->compiled.statement, &described, e) < 0)
		return -1;
	r->described = described;
	compiled_schema(&r->rq->arena, &r->compiled, described, &schema);
	put_columns(r, &schema);
	struct format *f = ask->format->new (r->out, &ask->options);

	format_begin(f, &schema);
	int status = each_batch(r, f, e);

	if (status == 0)
		format_end(f);
	format_free(f);
	return status;
}

/* ---- what stands behind them */

/* A page that shows the end needs no counting; a cursor brings what its first page has counted. */
static int find_total(struct run *r, int64_t *total, struct err *e)
{
	const struct query *q = r->compile->query;
	const struct cursor *after = r->compile->after;
	struct compile all = *r->compile;
	struct query unlimited = *q;
	struct statement st;
	struct plan plan;

	*total = -1;
	if (q->count == QUERY_COUNT_NONE)
		return 0;
	if (after && after->total >= 0) {
		*total = after->total;
		return 0;
	}
	if (!after && !r->has_more && (q->offset == 0 || r->rows > 0)) {
		*total = q->offset + (int64_t)r->rows;
		return 0;
	}
	unlimited.limit = -1;
	unlimited.offset = 0;
	all.query = &unlimited;
	all.cursor = false;
	all.after = NULL;
	if (q->count == QUERY_COUNT_PLANNED && !scope_has_others(all.scope))
		return lookup_estimate(r->source, &all, total, e);
	if (compile_count(&all, INT64_MAX, &st, e) < 0 ||
		lookup_plan(r->source, all.scope, &st, &plan, e) < 0)
		return -1;
	if (plan_check(all.scope, &plan, e) < 0) {
		struct err why = *e;

		return err_set(e, ERR_UNPROCESSABLE,
			"counting totalRows is refused, ask with \"count\": \"none\"%s: %s",
			scope_has_others(all.scope) ? "" : " or \"planned\"", why.text);
	}
	return lookup_count(r->source, &all, INT64_MAX, total, e);
}

/* "next": a token, or null. */
static int put_next(struct run *r, const char *bound, int64_t total, struct buf *b, struct err *e)
{
	const struct compile *c = r->compile;
	int64_t skipped = c->after && c->after->offset >= 0 ? c->after->offset : c->query->offset;
	bool by_values = r->compiled.by_values && r->compiled.keys_n <= CURSOR_VALUES_MAX;
	struct cursor next = { .total = total, .offset = -1 };
	const char *token;

	if (!r->has_more) {
		buf_puts(b, "null");
		return 0;
	}
	if (by_values) {
		next.values_n = r->compiled.keys_n;
		memcpy(next.values, r->last, next.values_n * sizeof *next.values);
	} else {
		next.offset = skipped + (int64_t)r->rows;
	}
	if (cursor_write(&r->rq->arena, r->app->cursor_key, bound, &next, &token, e) < 0)
		return -1;
	buf_printf(b, "\"%s\"", token);
	return 0;
}

static int put_tail(struct run *r, const char *bound, struct err *e)
{
	struct buf b = { 0 };
	int64_t total;
	int status = find_total(r, &total, e);

	if (status == 0) {
		if (total < 0)
			buf_puts(&b, ",\"totalRows\":null,\"next\":");
		else
			buf_printf(&b, ",\"totalRows\":%lld,\"next\":", (long long)total);
		status = put_next(r, bound, total, &b, e);
		put(r, &b);
	}
	buf_free(&b);
	return status;
}

/* ---- all of it */

static int make(struct run *r, const char *bound, struct query_page *page, struct err *e)
{
	char hex[DIGEST_HEX];

	if (compile_query(r->compile, &r->compiled, e) < 0 || put_rows(r, e) < 0 ||
		put_tail(r, bound, e) < 0 || sink_finish(r->out, e) < 0)
		return -1;
	digest_sink_hex(r->out, hex);
	snprintf(page->etag, sizeof page->etag, "W/\"%.32s\"", hex);
	page->rows = r->rows;
	page->body = r->memory->bytes;
	r->memory->bytes = (struct buf){ 0 };
	buf_printf(&page->body, ",\"executionMs\":%.1f,\"etag\":\"W/\\\"%.32s\\\"\"}\n",
		(double)(clock_monotonic_us() - r->rq->started_us) / 1000, hex);
	return 0;
}

int query_page_run(struct app *app, struct request *rq, struct source *source,
	const struct query_ask *ask, struct compile *c, const char *bound, struct query_page *page,
	struct err *e)
{
	struct run r = { .app = app,
		.rq = rq,
		.source = source,
		.ask = ask,
		.compile = c,
		.memory = memory_sink_new() };

	r.out = digest_sink_new(&r.memory->base);
	c->cursor = true;
	int status = make(&r, bound, page, e);

	sink_free(r.out);
	return status;
}
