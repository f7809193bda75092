#include "lib/web/query_validate.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/export/lookup.h"
#include "lib/sink/memory.h"
#include "lib/export/describe.h"
#include "lib/web/validation.h"

enum {
	SAMPLE_ROWS = 10,
	SAMPLE_COST = 10000,     /* most, in the planner's unit: about a tenth of a second */
	SAMPLE_US = 2 * 1000000, /* however wrong the planner was */
	COUNT_MAX = 100000       /* rows; beyond, it is said that there are more */
};

/* What a query takes beside its planner's cost: what one worker sends in a second, and what a unit of cost is
 * worth on a machine of today. Both are rough. */
#define BYTES_A_SECOND 200e6
#define COST_A_SECOND  100e3

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

/* What is run from here on ends when its time is over. 1: it is. */
static int limit_sample(struct validation *v, struct err *e)
{
	const struct settings *s = &v->app->settings;
	const struct settings_database *db = settings_database(s, v->table->settings->database);
	int64_t us = v->until_us - clock_monotonic_us();

	us = s->limits_query_time_us < us ? s->limits_query_time_us : us;
	us = db->statement_timeout_us && db->statement_timeout_us < us ? db->statement_timeout_us
								       : us;
	/* To the server 0 would be no limit. */
	if (us < 1000)
		return 1;
	const char *params[] = { arena_printf(&v->rq->arena, "%lld", (long long)us / 1000) };
	struct statement st = { "SELECT set_config('statement_timeout', $1, true)", params, 1,
		false };

	return lookup_run(v->source, &st, e);
}

/* What took too long is as good as not run; but the transaction is lost to it. */
static int give_up(struct validation *v, int status, struct err *e)
{
	if (status == 0 || e->code != ERR_TIMEOUT)
		return status;
	*e = (struct err){ 0 };
	v->is_lost = true;
	return 0;
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

/* Where others have rows the planner's word is not the measure, or its being there would tell what the planner
 * expects: the clock ends what takes too long, and the limits are those of any query. */
static bool is_too_dear(const struct validation *v, const struct plan *plan)
{
	struct err ignored;

	return v->has_others ? plan_check(v->compile->scope, plan, &ignored) < 0
			     : plan->cost > SAMPLE_COST;
}

static int sample(struct validation *v, struct err *e)
{
	struct compiled compiled;
	struct plan plan;

	v->until_us = clock_monotonic_us() + SAMPLE_US;
	if (compile_sample(v, &compiled, e) < 0 ||
		lookup_plan(v->source, v->compile->scope, &compiled.statement, &plan, e) < 0)
		return -1;
	v->width = plan.width;
	if (is_too_dear(v, &plan))
		return 0;
	int status = limit_sample(v, e);

	if (status == 0)
		status = give_up(v, run_sample(v, &compiled, e), e);
	if (v->is_lost)
		v->sample_rows = 0;
	return status < 0 ? -1 : 0;
}

/* It is JSON, which policies may not let the caller have of the tables. */
static bool may_show_sample(const struct validation *v)
{
	const struct scope *s = v->compile->scope;
	const struct principal *p = &v->rq->principal;
	struct arena *a = &v->rq->arena;
	struct rights rights;
	struct err ignored;

	for (size_t i = 0; i < s->n; i++)
		if (policy_rights(s->settings, s->tables[i].settings, p, a, &rights, &ignored) <
				0 ||
			rights_format(&rights, "json", &ignored) < 0)
			return false;
	return true;
}

/* ---- the rows, counted */

static int compile_behind(struct validation *v, int64_t most, struct statement *st, struct err *e)
{
	struct compile page = *v->compile;
	struct compiled compiled;

	if (compile_query(&page, &compiled, e) < 0)
		return -1;
	*st = compiled.statement;
	st->sql = arena_printf(&v->rq->arena,
		"SELECT count(*) FROM (SELECT 1 FROM (%s) AS page LIMIT %lld) AS counted", st->sql,
		(long long)most + 1);
	st->parallel = false;
	return 0;
}

/* Of the rows without page and order. */
static int compile_all(
	const struct validation *v, int64_t most, struct statement *st, struct err *e)
{
	struct query all = *v->compile->query;
	struct compile c = *v->compile;

	all.limit = -1;
	all.offset = 0;
	c.query = &all;
	c.cursor = false;
	c.after = NULL;
	return compile_count(&c, most, st, e);
}

/* counted: in all, but no further than most + 1. */
static void take_count(struct validation *v, int64_t counted, int64_t most, int64_t skipped)
{
	int64_t limit = v->compile->query->limit;
	int64_t rows = counted > skipped ? counted - skipped : 0;

	v->has_rows = counted <= most || (limit >= 0 && rows >= limit);
	v->rows = (double)(limit >= 0 && rows > limit ? limit : rows);
	/* All are on this page: that is their total. */
	if (v->has_rows && !v->compile->after && skipped == 0 && counted <= limit)
		v->is_counted = false;
}

/* As far as it goes in the time that is left. */
static int count_rows(struct validation *v, struct err *e)
{
	const struct query *q = v->compile->query;
	const struct cursor *after = v->compile->after;
	bool behind = after && after->offset < 0;
	int64_t skipped = behind ? 0 : after ? after->offset : q->offset;
	int64_t most = COUNT_MAX, counted;
	struct statement st;
	struct plan plan;

	if (v->is_lost || (v->ask->is_page && is_too_dear(v, &v->plan)))
		return 0;
	if (q->limit >= 0 && q->limit < most && skipped < most - q->limit)
		most = q->limit + skipped;
	if ((behind ? compile_behind(v, most, &st, e) : compile_all(v, most, &st, e)) < 0 ||
		lookup_plan(v->source, v->compile->scope, &st, &plan, e) < 0)
		return -1;
	if (is_too_dear(v, &plan))
		return 0;
	int status = limit_sample(v, e);

	if (status == 0) {
		status = give_up(v, lookup_int(v->source, &st, &counted, e), e);
		if (status == 0 && !v->is_lost)
			take_count(v, counted, most, skipped);
	}
	return status < 0 ? -1 : 0;
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
	/* Of others' rows too, that width. */
	if (f->traits & FORMAT_COLUMNAR && !v->has_others)
		return v->width;
	return value_bytes(v, names) + (is_json ? names : 0);
}

static void estimate(struct validation *v)
{
	double limit = (double)v->compile->query->limit;

	if (!v->has_others) {
		/* A page asks for one row more than it has. */
		v->rows = limit >= 0 && v->plan.rows > limit ? limit : v->plan.rows;
		v->has_rows = true;
		v->seconds = (v->plan.cost + v->count.cost) / COST_A_SECOND;
	}
	/* What no sample was weighed of has no known weight, unless it is nothing. */
	if (!v->has_others || v->sample_rows)
		v->bytes = v->rows * row_bytes(v);
	v->has_bytes = v->has_rows && (!v->has_others || v->sample_rows || v->rows == 0);
	v->seconds += v->bytes / BYTES_A_SECOND;
}

/* ---- all of it */

/* The rows behind a page are counted, where it is not the last. (Where others have rows that is seen when they have been
 * counted.) */
static int plan_count(struct validation *v, struct err *e)
{
	const struct query *q = v->compile->query;
	const struct cursor *after = v->compile->after;
	bool is_wanted =
		q->count == QUERY_COUNT_EXACT || (q->count == QUERY_COUNT_PLANNED && v->has_others);
	struct statement st;

	v->is_counted =
		v->ask->is_page && is_wanted && q->limit >= 0 && !(after && after->total >= 0) &&
		(after || q->offset > 0 || v->has_others || v->plan.rows > (double)q->limit);
	if (!v->is_counted)
		return 0;
	if (compile_all(v, INT64_MAX, &st, e) < 0)
		return -1;
	return lookup_plan(v->source, v->compile->scope, &st, &v->count, e);
}

int query_validate(struct app *app, struct request *rq, struct source *source,
	const struct query_ask *ask, const struct table *t, struct compile *c, struct buf *json,
	struct err *e)
{
	struct validation v = {
		.app = app,
		.rq = rq,
		.source = source,
		.ask = ask,
		.table = t,
		.compile = c,
		.has_others = scope_has_others(c->scope),
	};
	int status = -1;

	if (compile_query(c, &v.compiled, e) == 0 && describe_query(source, c, &v.schema, e) == 0 &&
		lookup_plan(source, c->scope, &v.compiled.statement, &v.plan, e) == 0 &&
		plan_count(&v, e) == 0)
		status = sample(&v, e);
	if (status == 0 && v.has_others)
		status = count_rows(&v, e);
	if (status == 0) {
		bool is_shown = v.sample.len && may_show_sample(&v);

		rq->rows = is_shown ? v.sample_rows : 0;
		estimate(&v);
		validation_put(&v, is_shown, json);
	}
	buf_free(&v.sample);
	return status;
}
