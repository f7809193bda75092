#include "lib/web/query_validate.h"

#include <string.h>

#include "lib/export/lookup.h"
#include "lib/sink/memory.h"
#include "lib/export/describe.h"
#include "lib/export/schema_json.h"

enum {
	SAMPLE_ROWS = 10,
	SAMPLE_COST = 10000,    /* most, in the planner's unit: about a tenth of a second */
	SAMPLE_US = 2 * 1000000 /* however wrong the planner was */
};

/* What a query takes beside its planner's cost: what one worker sends in a second, and what a unit of cost is
 * worth on a machine of today. Both are rough. */
#define BYTES_A_SECOND 200e6
#define COST_A_SECOND  100e3

struct validation {
	struct app *app;
	struct request *rq;
	struct source *source;
	const struct query_ask *ask;
	const struct table *table;
	struct compile *compile;
	struct compiled compiled;
	struct schema schema;
	struct plan plan;
	bool is_counted;   /* the page would have totalRows counted … */
	struct plan count; /* … at this cost */
	struct buf sample; /* JSON; empty: there is none */
	uint64_t sample_rows;
	double width;                /* bytes of a row's outputs, as the planner has it */
	double rows, bytes, seconds; /* estimated */
};

static void put_string(struct buf *b, const char *s)
{
	buf_put_json(b, s, strlen(s));
}

static void put_columns(const struct validation *v, struct buf *b)
{
	buf_puts(b, "\"columns\":[");
	for (size_t i = 0; i < v->schema.n; i++) {
		const struct catalog_column *column = v->compiled.outputs[i].column;

		buf_puts(b, i ? ",{" : "{");
		schema_json_members(b, &v->schema.fields[i]);
		buf_puts(b, ",\"mask\":");
		if (column && column->mask)
			put_string(b, mask_name((enum mask)column->mask));
		else
			buf_puts(b, "null");
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

/* Of each table that has tenants. */
static void put_tenants(const struct scope *s, struct buf *b)
{
	size_t n = 0;

	buf_puts(b, ",\"tenantPredicates\":[");
	for (size_t i = 0; i < s->n; i++) {
		const struct catalog_table *t = s->tables[i].table;

		if (!t->tenant)
			continue;
		buf_puts(b, n++ ? ",{\"table\":" : "{\"table\":");
		put_string(b, s->tables[i].settings->key);
		buf_puts(b, ",\"column\":");
		put_string(b, t->tenant->name);
		buf_puts(b, ",\"value\":");
		put_string(b, t->tenant_value);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

/* ---- limits that the query would trip over */

struct limits {
	struct buf *out;
	size_t n;
};

/* node: of the plan, where it is about one; or NULL. */
static void put_limit(struct limits *l, const char *name, const char *of, double value, double most,
	const struct plan_node *node)
{
	if (value <= most)
		return;
	buf_printf(l->out, "%s{\"limit\":\"%s\",\"of\":\"%s\",\"value\":%.0f,\"most\":%.0f",
		l->n++ ? "," : "", name, of, value, most);
	if (node && node->type) {
		buf_puts(l->out, ",\"node\":");
		put_string(l->out, node->type);
	}
	if (node && node->table) {
		buf_puts(l->out, ",\"table\":");
		put_string(l->out, node->table);
	}
	buf_putc(l->out, '}');
}

static void put_plan_limits(
	struct limits *l, const struct settings *s, const char *of, const struct plan *plan)
{
	if (s->limits_query_scan)
		put_limit(l, "limits.query_scan", of, plan->scan_bytes,
			(double)s->limits_query_scan, &plan->scan);
	if (s->limits_query_cost)
		put_limit(l, "limits.query_cost", of, plan->cost, (double)s->limits_query_cost,
			&plan->dear);
}

/* A stream has none of a page's. */
static void put_limits(const struct validation *v, struct buf *b)
{
	const struct settings *s = &v->app->settings;
	const struct query *q = v->compile->query;
	bool is_page = v->ask->is_page;
	double rows = is_page && q->limit >= 0 ? (double)q->limit : v->rows;
	struct limits l = { .out = b };

	buf_puts(b, ",\"limits\":[");
	if (is_page) {
		put_plan_limits(&l, s, "rows", &v->plan);
		if (v->is_counted)
			put_plan_limits(&l, s, "totalRows", &v->count);
		put_limit(
			&l, "limits.query_rows", "rows", rows, (double)s->limits_query_rows, NULL);
		put_limit(&l, "limits.query_bytes", "rows", v->bytes, (double)s->limits_query_bytes,
			NULL);
		put_limit(&l, "limits.query_time", "rows", v->seconds,
			(double)s->limits_query_time_us / 1e6, NULL);
	}
	if (v->table->rights.rows >= 0)
		put_limit(&l, "policies.rows", "rows", rows, (double)v->table->rights.rows, NULL);
	buf_putc(b, ']');
}

/* ---- the sample */

static int64_t sample_limit(const struct validation *v)
{
	int64_t asked = v->compile->query->limit, own = v->table->rights.rows, n = SAMPLE_ROWS;

	n = asked >= 0 && asked < n ? asked : n;
	return own >= 0 && own < n ? own : n;
}

/* Some rows in no order, so that none has to be sorted for it. */
static int compile_sample(struct validation *v, struct compiled *compiled, struct err *e)
{
	struct query query = *v->compile->query;
	struct compile some = *v->compile;

	/* The limit would make an order of its own, by the table's key. */
	query.limit = -1;
	query.offset = 0;
	query.sort_n = 0;
	some.query = &query;
	some.cursor = false;
	some.after = NULL;
	if (compile_query(&some, compiled, e) < 0)
		return -1;
	compiled->statement.sql =
		arena_printf(&v->rq->arena, "SELECT * FROM (%s) AS sample LIMIT %lld",
			compiled->statement.sql, (long long)sample_limit(v));
	compiled->statement.parallel = false;
	return 0;
}

static int limit_sample(struct validation *v, struct err *e)
{
	const struct settings *s = &v->app->settings;
	const struct settings_database *db = settings_database(s, v->table->settings->database);
	int64_t us = SAMPLE_US;

	us = s->limits_query_time_us < us ? s->limits_query_time_us : us;
	us = db->statement_timeout_us && db->statement_timeout_us < us ? db->statement_timeout_us
								       : us;
	const char *params[] = { arena_printf(&v->rq->arena, "%lld", (long long)us / 1000) };
	struct statement st = { "SELECT set_config('statement_timeout', $1, true)", params, 1,
		false };

	return lookup_run(v->source, &st, e);
}

static int put_rows(
	struct validation *v, struct format *f, const struct schema *described, struct err *e)
{
	struct batch batch;
	int status;

	batch_init(&batch, described);
	while ((status = source_next(v->source, &batch, e)) > 0) {
		format_batch(f, &batch);
		v->sample_rows += (uint64_t)batch.rows;
	}
	batch_free(&batch);
	return status;
}

static int run_sample(struct validation *v, const struct compiled *compiled, struct err *e)
{
	const struct format_type *json = format_by_suffix("json");
	struct memory_sink *memory = memory_sink_new();
	struct format_options options;
	const struct schema *described;
	int status = source_open(v->source, &compiled->statement, &described, e);

	if (status == 0) {
		struct schema schema;

		compiled_schema(&v->rq->arena, compiled, described, &schema);
		format_options_init(&options, json->dialect);
		struct format *f = json->new (&memory->base, &options);

		format_begin(f, &schema);
		status = put_rows(v, f, described, e);
		if (status == 0)
			format_end(f);
		format_free(f);
		format_options_free(&options);
	}
	if (status == 0) {
		v->sample = memory->bytes;
		memory->bytes = (struct buf){ 0 };
	}
	sink_free(&memory->base);
	return status;
}

/* The last of what is run: where it takes too long the transaction is lost. */
static int sample(struct validation *v, struct err *e)
{
	struct compiled compiled;
	struct plan plan;

	if (compile_sample(v, &compiled, e) < 0 ||
		lookup_plan(v->source, v->compile->scope, &compiled.statement, &plan, e) < 0)
		return -1;
	v->width = plan.width;
	if (plan.cost > SAMPLE_COST)
		return 0;
	if (limit_sample(v, e) < 0)
		return -1;
	int status = run_sample(v, &compiled, e);

	if (status == 0 || e->code != ERR_TIMEOUT)
		return status;
	*e = (struct err){ 0 };
	v->sample_rows = 0;
	return 0;
}

/* ---- estimates */

/* The text of a row's values, without the names that JSON has in each. */
static double value_bytes(const struct validation *v, double names)
{
	if (v->sample_rows)
		return (double)v->sample.len / (double)v->sample_rows - names;
	return v->width + (double)v->schema.n;
}

static double row_bytes(const struct validation *v)
{
	const struct format_type *f = v->ask->rows.format;
	bool is_json = !strcmp(f->name, "json") || !strcmp(f->name, "ndjson");
	double names = 0;

	for (size_t i = 0; i < v->schema.n; i++)
		names += (double)strlen(v->schema.fields[i].name) + strlen("\"\":");
	if (f->traits & FORMAT_COLUMNAR)
		return v->width;
	return value_bytes(v, names) + (is_json ? names : 0);
}

static void estimate(struct validation *v)
{
	double limit = (double)v->compile->query->limit;

	/* A page asks for one row more than it has. */
	v->rows = limit >= 0 && v->plan.rows > limit ? limit : v->plan.rows;
	v->bytes = v->rows * row_bytes(v);
	v->seconds = (v->plan.cost + v->count.cost) / COST_A_SECOND + v->bytes / BYTES_A_SECOND;
}

/* ---- all of it */

/* The rows behind a page are counted, where it is not the last. */
static int plan_count(struct validation *v, struct err *e)
{
	const struct query *q = v->compile->query;
	const struct cursor *after = v->compile->after;
	struct query all = *q;
	struct compile c = *v->compile;
	struct statement st;

	v->is_counted = v->ask->is_page && q->count == QUERY_COUNT_EXACT && q->limit >= 0 &&
			!(after && after->total >= 0) &&
			(after || q->offset > 0 || v->plan.rows > (double)q->limit);
	if (!v->is_counted)
		return 0;
	all.limit = -1;
	all.offset = 0;
	c.query = &all;
	c.cursor = false;
	c.after = NULL;
	if (compile_count(&c, INT64_MAX, &st, e) < 0)
		return -1;
	return lookup_plan(v->source, c.scope, &st, &v->count, e);
}

static void put(const struct validation *v, struct buf *b)
{
	buf_puts(b, "{\"valid\":true,");
	put_columns(v, b);
	put_tenants(v->compile->scope, b);
	buf_printf(b,
		",\"estimatedRows\":%.0f,\"estimatedBytes\":%.0f,\"estimatedSeconds\":%.3f,"
		"\"estimatedCost\":%.0f",
		v->rows, v->bytes, v->seconds, v->plan.cost);
	put_limits(v, b);
	buf_puts(b, ",\"sample\":");
	if (v->sample.len)
		buf_put(b, v->sample.data, v->sample.len);
	else
		buf_puts(b, "null");
	buf_puts(b, "}\n");
}

int query_validate(struct app *app, struct request *rq, struct source *source,
	const struct query_ask *ask, const struct table *t, struct compile *c, struct buf *json,
	struct err *e)
{
	struct validation v = {
		.app = app, .rq = rq, .source = source, .ask = ask, .table = t, .compile = c
	};
	int status = -1;

	if (compile_query(c, &v.compiled, e) == 0 && describe_query(source, c, &v.schema, e) == 0 &&
		lookup_plan(source, c->scope, &v.compiled.statement, &v.plan, e) == 0 &&
		plan_count(&v, e) == 0)
		status = sample(&v, e);
	if (status == 0) {
		rq->rows = v.sample_rows;
		estimate(&v);
		put(&v, json);
	}
	buf_free(&v.sample);
	return status;
}
