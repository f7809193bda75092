#include "lib/web/validation.h"

#include <string.h>

#include "lib/export/schema_json.h"

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

static void put_number(struct buf *b, const char *name, int decimals, double value, bool is_told)
{
	buf_printf(b, ",\"%s\":", name);
	if (is_told)
		buf_printf(b, "%.*f", decimals, value);
	else
		buf_puts(b, "null");
}

/* node: of the plan, where it is about one; or NULL. */
static void put_limit(struct limits *l, const char *name, const char *of, double value,
	bool is_told, double most, const struct plan_node *node)
{
	if (value <= most)
		return;
	buf_printf(l->out, "%s{\"limit\":\"%s\",\"of\":\"%s\"", l->n++ ? "," : "", name, of);
	put_number(l->out, "value", 0, value, is_told);
	put_number(l->out, "most", 0, most, true);
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
	const struct validation *v, struct limits *l, const char *of, const struct plan *plan)
{
	const struct settings *s = &v->app->settings;
	bool is_told = !v->has_others;

	if (s->limits_query_scan)
		put_limit(l, "limits.query_scan", of, plan->scan_bytes, is_told,
			(double)s->limits_query_scan, is_told ? &plan->scan : NULL);
	if (s->limits_query_cost)
		put_limit(l, "limits.query_cost", of, plan->cost, is_told,
			(double)s->limits_query_cost, is_told ? &plan->dear : NULL);
}

/* A stream has none of a page's. */
static void put_limits(const struct validation *v, struct buf *b)
{
	const struct settings *s = &v->app->settings;
	const struct query *q = v->compile->query;
	bool is_page = v->ask->is_page, is_asked = is_page && q->limit >= 0;
	double rows = is_asked ? (double)q->limit : v->rows;
	bool has_rows = is_asked || v->has_rows;
	struct limits l = { .out = b };

	buf_puts(b, ",\"limits\":[");
	if (is_page) {
		put_plan_limits(v, &l, "rows", &v->plan);
		if (v->is_counted)
			put_plan_limits(v, &l, "totalRows", &v->count);
		put_limit(&l, "limits.query_rows", "rows", rows, has_rows,
			(double)s->limits_query_rows, NULL);
		put_limit(&l, "limits.query_bytes", "rows", v->bytes, v->has_bytes,
			(double)s->limits_query_bytes, NULL);
		put_limit(&l, "limits.query_time", "rows", v->seconds, v->has_bytes,
			(double)s->limits_query_time_us / 1e6, NULL);
	}
	if (v->table->rights.rows >= 0)
		put_limit(&l, "policies.rows", "rows", rows, has_rows,
			(double)v->table->rights.rows, NULL);
	buf_putc(b, ']');
}

/* ---- all of it */

void validation_put(const struct validation *v, bool is_shown, struct buf *b)
{
	buf_puts(b, "{\"valid\":true,");
	put_columns(v, b);
	put_tenants(v->compile->scope, b);
	put_number(b, "estimatedRows", 0, v->rows, v->has_rows);
	put_number(b, "estimatedBytes", 0, v->bytes, v->has_bytes);
	put_number(b, "estimatedSeconds", 3, v->seconds, v->has_bytes);
	put_number(b, "estimatedCost", 0, v->plan.cost, !v->has_others);
	put_limits(v, b);
	buf_puts(b, ",\"sample\":");
	if (is_shown)
		buf_put(b, v->sample.data, v->sample.len);
	else
		buf_puts(b, "null");
	buf_puts(b, "}\n");
}
