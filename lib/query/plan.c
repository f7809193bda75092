#include "lib/query/plan.h"

#include <json-c/json.h>
#include <string.h>

enum { BLOCK = 8192, NODES_MAX_DEPTH = 64 };

void plan_statement(struct arena *a, const struct statement *of, struct statement *st)
{
	*st = *of;
	st->parallel = false;
	st->sql = arena_printf(a, "EXPLAIN (FORMAT JSON, VERBOSE) %s", of->sql);
}

static double number(struct json_object *node, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(node, name, &value) ? json_object_get_double(value) : 0;
}

static const char *text(struct json_object *node, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(node, name, &value) ? json_object_get_string(value) : "";
}

/* The table of the scope that the node reads, or NULL. */
static const struct scope_table *table_of(const struct scope *s, struct json_object *node)
{
	size_t schema_len = strlen(text(node, "Schema"));

	for (size_t i = 0; i < s->n; i++) {
		const char *name = s->tables[i].table->name; /* "public.users" */

		if (!strncmp(name, text(node, "Schema"), schema_len) && name[schema_len] == '.' &&
			!strcmp(name + schema_len + 1, text(node, "Relation Name")))
			return &s->tables[i];
	}
	return NULL;
}

/* Of a table that is not known by name (a partition, what a view reads) the cost is at least that of its pages. */
static double bytes_of(const struct scope_table *t, struct json_object *node)
{
	double blocks =
		t && t->table->blocks > 0 ? (double)t->table->blocks : number(node, "Total Cost");

	return blocks * BLOCK;
}

static bool is_whole_read(const char *node_type)
{
	return !strcmp(node_type, "Seq Scan") || !strcmp(node_type, "Foreign Scan");
}

/* Can a limit above the node end it early? */
static bool passes_on(const char *node_type)
{
	static const char *const types[] = { "Limit", "Subquery Scan", "Result", "Append",
		"Merge Append", "Nested Loop", "Gather", "Gather Merge", "ProjectSet", "Seq Scan",
		"Foreign Scan", NULL };

	for (size_t i = 0; types[i]; i++)
		if (!strcmp(types[i], node_type))
			return true;
	return false;
}

/* part: how much of what the node gives is asked for, by a limit above it. */
static void walk(struct arena *a, const struct scope *s, struct json_object *node, double part,
	int depth, struct plan *plan)
{
	const char *type = text(node, "Node Type");
	struct json_object *children;

	if (is_whole_read(type)) {
		const struct scope_table *t = table_of(s, node);
		double bytes = part * bytes_of(t, node);

		if (bytes > plan->scan_bytes) {
			plan->scan_bytes = bytes;
			plan->scan_node = arena_strdup(a, type);
			plan->scan_table = t ? t->settings->key : NULL;
		}
	}
	if (depth == NODES_MAX_DEPTH || !json_object_object_get_ex(node, "Plans", &children))
		return;
	for (size_t i = 0; i < json_object_array_length(children); i++) {
		struct json_object *child = json_object_array_get_idx(children, i);
		double below = number(child, "Total Cost"), own = part;

		if (!strcmp(type, "Limit") && below > 0 && number(node, "Total Cost") < below)
			own = part * number(node, "Total Cost") / below;
		walk(a, s, child, passes_on(text(child, "Node Type")) ? own : 1, depth + 1, plan);
	}
}

int plan_read(struct arena *a, const struct scope *s, const char *json, size_t len,
	struct plan *plan, struct err *e)
{
	struct json_tokener *tokener = json_tokener_new_ex(4 * NODES_MAX_DEPTH);
	struct json_object *doc = json_tokener_parse_ex(tokener, json, (int)len);
	struct json_object *top = NULL;

	*plan = (struct plan){ 0 };
	if (json_object_is_type(doc, json_type_array))
		json_object_object_get_ex(json_object_array_get_idx(doc, 0), "Plan", &top);
	if (top) {
		plan->cost = number(top, "Total Cost");
		plan->rows = number(top, "Plan Rows");
		plan->width = number(top, "Plan Width");
		walk(a, s, top, 1, 0, plan);
	}
	int status = top ? 0 : err_set(e, ERR_DATABASE, "the database's plan cannot be read");

	json_object_put(doc);
	json_tokener_free(tokener);
	return status;
}

int plan_check(const struct settings *s, const struct plan *plan, struct err *e)
{
	if (s->limits_query_scan && plan->scan_bytes > (double)s->limits_query_scan)
		return err_set(e, ERR_UNPROCESSABLE,
			"the query reads %s%s whole (%s, about %.0f MB), and no more than %.0f MB "
			"may "
			"be: filter or sort by columns that have an index",
			plan->scan_table ? "table " : "a table",
			plan->scan_table ? plan->scan_table : "", plan->scan_node,
			plan->scan_bytes / 1e6, (double)s->limits_query_scan / 1e6);
	if (s->limits_query_cost && plan->cost > (double)s->limits_query_cost)
		return err_set(e, ERR_UNPROCESSABLE,
			"the query would cost about %.0f, and no more than %lld may it: ask for "
			"less",
			plan->cost, (long long)s->limits_query_cost);
	return 0;
}
