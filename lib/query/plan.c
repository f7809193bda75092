#include "lib/query/plan.h"

#include <json-c/json.h>
#include <string.h>

/* Of the JSON; a node of the plan takes two levels. */
enum { BLOCK = 8192, DEPTH_MAX = 256 };

/* cpu_tuple_cost, as it is unless somebody changed it. */
#define ROW_COST 0.01

/* More than there can be; what is more than that, and the planner goes to 1e100, is no int64_t. */
#define ROWS_MAX 9e18

struct walk {
	struct arena *arena;
	const struct scope *scope;
	struct plan *plan;
};

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

static bool is_one_of(const char *word, const char *const words[])
{
	for (size_t i = 0; words[i]; i++)
		if (!strcmp(words[i], word))
			return true;
	return false;
}

static size_t children_n(struct json_object *node)
{
	struct json_object *list;

	return json_object_object_get_ex(node, "Plans", &list) ? json_object_array_length(list) : 0;
}

static struct json_object *child_of(struct json_object *node, size_t i)
{
	struct json_object *list;

	json_object_object_get_ex(node, "Plans", &list);
	return json_object_array_get_idx(list, i);
}

/* ---- which table a node reads */

/* Of a partition the planner says that it is users, users_1, users_2 … */
static bool is_called(const char *name, const char *alias)
{
	const char *relation = strrchr(name, '.') + 1;
	size_t len = strlen(relation);

	if (strncmp(alias, relation, len) != 0)
		return false;
	alias += len;
	return !*alias ||
	       (alias[0] == '_' && alias[1] && !alias[1 + strspn(alias + 1, "0123456789")]);
}

static bool is_relation(const char *name, struct json_object *node)
{
	const char *schema = text(node, "Schema");
	size_t len = strlen(schema);

	return !strncmp(name, schema, len) && name[len] == '.' &&
	       !strcmp(name + len + 1, text(node, "Relation Name"));
}

/* The table of the scope that the node reads, or NULL. *is_whole: all of it is in this one relation. What a query of one table
 * reads under another name is what that table, a view, is made of. */
static const struct scope_table *table_of(
	const struct scope *s, struct json_object *node, bool *is_whole)
{
	*is_whole = true;
	for (size_t i = 0; i < s->n; i++)
		if (is_relation(s->tables[i].table->name, node))
			return &s->tables[i];
	*is_whole = false;
	for (size_t i = 0; i < s->n; i++)
		if (is_called(s->tables[i].table->name, text(node, "Alias")))
			return &s->tables[i];
	return s->n == 1 && s->tables[0].table->is_view ? &s->tables[0] : NULL;
}

static struct plan_node named(struct walk *w, struct json_object *node)
{
	struct json_object *ignored;
	bool is_whole;
	const struct scope_table *t = json_object_object_get_ex(node, "Relation Name", &ignored)
					      ? table_of(w->scope, node, &is_whole)
					      : NULL;

	return (struct plan_node){ arena_strdup(w->arena, text(node, "Node Type")),
		t ? t->settings->key : NULL };
}

/* ---- readings from end to end */

static bool is_whole_read(struct json_object *node)
{
	static const char *const always[] = { "Seq Scan", "Foreign Scan", "Custom Scan", NULL };
	static const char *const unless[] = { "Index Scan", "Index Only Scan", NULL };
	const char *type = text(node, "Node Type");
	struct json_object *ignored;

	return is_one_of(type, always) ||
	       (is_one_of(type, unless) &&
		       !json_object_object_get_ex(node, "Index Cond", &ignored));
}

/* What is not the table itself (a partition, what a view reads, an index) has as many pages as it costs, less what
 * its rows do. */
static double bytes_of(struct walk *w, struct json_object *node)
{
	bool is_whole, is_index = !strcmp(text(node, "Node Type"), "Index Only Scan");
	const struct scope_table *t = table_of(w->scope, node, &is_whole);
	double known = t && t->table->blocks > 0 ? (double)t->table->blocks : 0;
	double pages = number(node, "Total Cost") - number(node, "Plan Rows") * ROW_COST;

	if (known && is_whole && !is_index)
		return known * BLOCK;
	return (known && pages > known ? known : pages < 1 ? 1 : pages) * BLOCK;
}

static void note_scan(struct walk *w, struct json_object *node, double bytes)
{
	if (bytes <= w->plan->scan_bytes)
		return;
	w->plan->scan_bytes = bytes;
	w->plan->scan = named(w, node);
}

/* Partitions, or a table and those that inherit from it. */
static void note_append(struct walk *w, struct json_object *node, double part)
{
	struct json_object *first = NULL;
	double bytes = 0;
	bool is_whole;

	for (size_t i = 0; i < children_n(node); i++) {
		struct json_object *child = child_of(node, i);

		if (!is_whole_read(child))
			continue;
		first = first ? first : child;
		bytes += bytes_of(w, child);
	}
	const struct scope_table *t = first ? table_of(w->scope, first, &is_whole) : NULL;

	/* No more than the partitions have together. */
	if (t && !is_whole && t->table->blocks > 0 && bytes > (double)t->table->blocks * BLOCK)
		bytes = (double)t->table->blocks * BLOCK;
	if (first)
		note_scan(w, first, part * bytes);
}

/* ---- the nodes */

/* Can a limit above the node end it early? */
static bool passes_on(const char *type)
{
	static const char *const types[] = { "Limit", "Subquery Scan", "Result", "Append",
		"Merge Append", "Incremental Sort", "Nested Loop", "Hash Join", "Merge Join",
		"Gather", "Gather Merge", "ProjectSet", "Seq Scan", "Foreign Scan", "Custom Scan",
		"Index Scan", "Index Only Scan", NULL };

	return is_one_of(type, types);
}

/* What a loop goes through again and again, and what is computed before or beside, is read to its end. */
static bool is_read_whole(const char *type, struct json_object *child)
{
	static const char *const beside[] = { "InitPlan", "SubPlan", NULL };
	const char *relation = text(child, "Parent Relationship");

	return !passes_on(text(child, "Node Type")) || is_one_of(relation, beside) ||
	       (!strcmp(relation, "Inner") && strcmp(type, "Merge Join") != 0);
}

/* How much of what the child gives is asked for, where `part` is of what the node gives. */
static double part_of(struct json_object *node, struct json_object *child, double part)
{
	const char *type = text(node, "Node Type");
	double whole = number(node, "Total Cost");
	double start = number(child, "Startup Cost"), end = number(child, "Total Cost");

	if (is_read_whole(type, child))
		return 1;
	/* The first of the groups that it sorts is read in any case. */
	if (!strcmp(type, "Incremental Sort") && whole > 0)
		part += number(node, "Startup Cost") / whole;
	/* What costs less than what it reads from, a limit or a merge that ends with its other side, reads a part of it. */
	if (whole < end && start < end)
		part *= whole > start ? (whole - start) / (end - start) : 0;
	return part < 1 ? part : 1;
}

static void note_cost(struct walk *w, struct json_object *node, double part)
{
	double own = number(node, "Total Cost");

	for (size_t i = 0; i < children_n(node); i++)
		own -= number(child_of(node, i), "Total Cost");
	if (own * part <= w->plan->dear_cost)
		return;
	w->plan->dear_cost = own * part;
	w->plan->dear = named(w, node);
}

/* part: how much of what the node gives is asked for, by a limit above it. */
static void walk(struct walk *w, struct json_object *node, double part)
{
	static const char *const appends[] = { "Append", "Merge Append", NULL };

	note_cost(w, node, part);
	if (is_whole_read(node))
		note_scan(w, node, part * bytes_of(w, node));
	if (is_one_of(text(node, "Node Type"), appends))
		note_append(w, node, part);
	for (size_t i = 0; i < children_n(node); i++) {
		struct json_object *child = child_of(node, i);

		walk(w, child, part_of(node, child, part));
	}
}

int plan_read(struct arena *a, const struct scope *s, const char *json, size_t len,
	struct plan *plan, struct err *e)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *doc = json_tokener_parse_ex(tokener, json, (int)len);
	struct json_object *top = NULL;

	*plan = (struct plan){ 0 };
	if (json_object_is_type(doc, json_type_array))
		json_object_object_get_ex(json_object_array_get_idx(doc, 0), "Plan", &top);
	if (top) {
		plan->cost = number(top, "Total Cost");
		plan->rows = number(top, "Plan Rows");
		if (plan->rows > ROWS_MAX)
			plan->rows = ROWS_MAX;
		plan->width = number(top, "Plan Width");
		walk(&(struct walk){ a, s, plan }, top, 1);
	}
	int status = top ? 0 : err_set(e, ERR_DATABASE, "the database's plan cannot be read");

	json_object_put(doc);
	json_tokener_free(tokener);
	return status;
}

/* "Seq Scan of table users", "Sort" */
static void put_node(struct buf *b, const struct plan_node *node)
{
	buf_puts(b, node->type ? node->type : "Result");
	if (node->table)
		buf_printf(b, " of table %s", node->table);
}

static int refuse_scan(const struct scope *s, const struct plan *plan, struct err *e)
{
	double most = (double)s->settings->limits_query_scan / 1e6;
	struct buf node = { 0 };

	if (scope_has_others(s))
		return err_set(e, ERR_UNPROCESSABLE,
			"the query reads a table of more than %.1f MB from end to end: filter or "
			"sort by columns that have an index",
			most);
	put_node(&node, &plan->scan);
	err_set(e, ERR_UNPROCESSABLE,
		"the query reads a table from end to end (%s, about %.1f MB), and no more "
		"than %.1f MB may be: filter or sort by columns that have an index",
		buf_str(&node), plan->scan_bytes / 1e6, most);
	buf_free(&node);
	return -1;
}

static int refuse_cost(const struct scope *s, const struct plan *plan, struct err *e)
{
	long long most = (long long)s->settings->limits_query_cost;
	struct buf node = { 0 };

	if (scope_has_others(s))
		return err_set(e, ERR_UNPROCESSABLE,
			"the query would cost more than %lld: ask for less", most);
	put_node(&node, &plan->dear);
	err_set(e, ERR_UNPROCESSABLE,
		"the query would cost about %.0f, most of it for one step (%s), and no more than "
		"%lld may it: ask for less",
		plan->cost, buf_str(&node), most);
	buf_free(&node);
	return -1;
}

int plan_check(const struct scope *s, const struct plan *plan, struct err *e)
{
	const struct settings *most = s->settings;

	if (most->limits_query_scan && plan->scan_bytes > (double)most->limits_query_scan)
		return refuse_scan(s, plan, e);
	if (most->limits_query_cost && plan->cost > (double)most->limits_query_cost)
		return refuse_cost(s, plan, e);
	return 0;
}
