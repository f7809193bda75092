#include "lib/web/query_validate.h"

#include <string.h>

#include "lib/export/lookup.h"
#include "lib/sink/memory.h"
#include "lib/web/describe.h"
#include "lib/web/schema_json.h"

enum { SAMPLE_ROWS = 10 };

/* What a query takes beside its planner's cost: what one worker sends in a second, and what a unit of cost is
 * worth on a machine of today. Both are rough. */
#define BYTES_A_SECOND 200e6
#define COST_A_SECOND  100e3

static void put_string(struct buf *b, const char *s)
{
	buf_put_json(b, s, strlen(s));
}

static void put_columns(struct buf *b, const struct schema *schema, const struct compiled *c)
{
	buf_puts(b, "\"columns\":[");
	for (size_t i = 0; i < schema->n; i++) {
		const struct catalog_column *column = c->outputs[i].column;

		buf_puts(b, i ? ",{" : "{");
		schema_json_members(b, &schema->fields[i]);
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
static void put_tenant(struct buf *b, const struct scope *s)
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

static void put_limit(struct buf *b, size_t *n, const char *name, double value, double most)
{
	if (value <= most)
		return;
	buf_printf(b, "%s{\"limit\":\"%s\",\"value\":%.0f,\"most\":%.0f}", (*n)++ ? "," : "", name,
		value, most);
}

/* Those that the query would trip over. */
static bool put_limits(struct buf *b, const struct settings *s, const struct query *q,
	const struct rights *rights, const struct plan *plan)
{
	size_t n = 0;

	buf_puts(b, ",\"limits\":[");
	if (s->limits_query_cost)
		put_limit(b, &n, "limits.query_cost", plan->cost, (double)s->limits_query_cost);
	if (s->limits_query_scan)
		put_limit(
			b, &n, "limits.query_scan", plan->scan_bytes, (double)s->limits_query_scan);
	bool is_dear = n > 0;

	put_limit(b, &n, "limits.query_rows", (double)q->limit, (double)s->limits_query_rows);
	if (rights->rows >= 0)
		put_limit(b, &n, "policies.rows", q->limit >= 0 ? (double)q->limit : plan->rows,
			(double)rights->rows);
	buf_putc(b, ']');
	return is_dear;
}

/* Some rows, not the first in any order: so that none has to be sorted for it. */
static int sample(struct request *rq, struct source *source, const struct query_ask *ask,
	const struct compile *c, struct buf *b, struct err *e)
{
	struct query query = *c->query;
	struct compile few = *c;
	struct compiled compiled;
	const struct schema *described;
	struct schema schema;
	struct batch batch;
	struct memory_sink *memory = memory_sink_new();
	int status;

	query.limit = query.limit >= 0 && query.limit < SAMPLE_ROWS ? query.limit : SAMPLE_ROWS;
	query.offset = 0;
	query.sort_n = 0;
	few.query = &query;
	status = compile_query(&few, &compiled, e);
	if (status == 0)
		status = source_open(source, &compiled.statement, &described, e);
	if (status == 0) {
		compiled_schema(&rq->arena, &compiled, described, &schema);
		struct format *f = ask->rows.format->new (&memory->base, &ask->rows.options);

		format_begin(f, &schema);
		batch_init(&batch, described);
		while ((status = source_next(source, &batch, e)) > 0)
			format_batch(f, &batch);
		batch_free(&batch);
		if (status == 0)
			format_end(f);
		format_free(f);
		buf_put(b, memory->bytes.data, memory->bytes.len);
	}
	sink_free(&memory->base);
	return status;
}

int query_validate(struct app *app, struct request *rq, struct source *source,
	const struct query_ask *ask, const struct table *t, struct compile *c, struct buf *json,
	struct err *e)
{
	struct compiled compiled;
	struct schema schema;
	struct plan plan;

	if (compile_query(c, &compiled, e) < 0 || describe_query(rq, source, c, &schema, e) < 0 ||
		lookup_plan(source, c->scope, &compiled.statement, &plan, e) < 0)
		return -1;
	buf_puts(json, "{\"valid\":true,");
	put_columns(json, &schema, &compiled);
	put_tenant(json, c->scope);
	buf_printf(json,
		",\"estimatedRows\":%.0f,\"estimatedBytes\":%.0f,\"estimatedSeconds\":%.3f,"
		"\"estimatedCost\":%.0f",
		plan.rows, plan.rows * plan.width,
		plan.cost / COST_A_SECOND + plan.rows * plan.width / BYTES_A_SECOND, plan.cost);
	bool is_dear = put_limits(json, &app->settings, c->query, &t->rights, &plan);

	buf_puts(json, ",\"sample\":");
	if (is_dear)
		buf_puts(json, "null");
	else if (sample(rq, source, ask, c, json, e) < 0)
		return -1;
	buf_puts(json, "}\n");
	return 0;
}
