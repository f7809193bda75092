#include "lib/query/definition.h"

#include <stdlib.h>

#include "lib/base/shown.h"
#include "lib/query/definition_expr.h"
#include "lib/query/limits.h"

enum { MEMBERS_MAX = 9 };

/* One member of an object, and what reads it. */
struct member_type {
	const char *name;
	int (*read)(struct definition_reader *r, const struct json_node *node, void *into);
};

/* Each member by the table's row; `what`: "a query", for the text of an error. */
static int read_members(struct definition_reader *r, const struct json_node *object,
	const struct member_type *types, const char *what, void *into)
{
	const char *known[MEMBERS_MAX + 1];
	size_t n = 0;

	if (object->kind != JSON_KIND_OBJECT)
		return definition_fail(r, object, "%s is an object, not %s", what,
			json_tree_kind_name(object->kind));
	while (types[n].name) {
		known[n] = types[n].name;
		n++;
	}
	known[n] = NULL;
	for (const struct json_node *m = object->first; m; m = m->next) {
		const struct member_type *t = types;

		while (t->name && strcmp(t->name, m->name) != 0)
			t++;
		if (!t->name)
			return definition_fail(r, m, "%s has no member %s%s", what,
				shown(r->arena, m->name), definition_hint(r, m->name, known));
		if (t->read(r, m, into))
			return -1;
	}
	return 0;
}

static int check_list(struct definition_reader *r, const struct json_node *node, const char *what)
{
	size_t most = query_items_most(r->settings);

	if (node->kind != JSON_KIND_ARRAY)
		return definition_fail(
			r, node, "%s is an array, not %s", what, json_tree_kind_name(node->kind));
	if (node->n > most)
		return definition_fail(
			r, node, "a list has at most %zu items, here are %zu", most, node->n);
	return 0;
}

/* The index in `words`, which ends with NULL, of the node's string; -1 after a failure. */
static int read_word(struct definition_reader *r, const struct json_node *node, const char *what,
	const char *const *words)
{
	struct buf all = { 0 };

	for (int i = 0; words[i]; i++)
		if (node->kind == JSON_KIND_STRING && !strcmp(node->text, words[i]))
			return i;
	for (int i = 0; words[i]; i++)
		buf_printf(&all, "%s\"%s\"", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
	definition_fail(r, node, "%s is %s, not %s", what, buf_str(&all),
		node->kind == JSON_KIND_STRING ? shown(r->arena, node->text)
					       : json_tree_kind_name(node->kind));
	buf_free(&all);
	return -1;
}

static int read_whole(struct definition_reader *r, const struct json_node *node, const char *what,
	int64_t least, int64_t *into)
{
	bool is_whole = node->kind == JSON_KIND_NUMBER && !strpbrk(node->text, ".eE");

	if (is_whole && strlen(node->text) < 19) /* fits */
		*into = strtoll(node->text, NULL, 10);
	if (!is_whole || strlen(node->text) >= 19 || *into < least)
		return definition_fail(
			r, node, "%s is a whole number from %lld", what, (long long)least);
	return 0;
}

/* ---- from, select */

static int read_from(struct definition_reader *r, const struct json_node *node, void *into)
{
	struct query *q = into;

	q->from = definition_text(r, node, QUERY_NAME_MAX, "from");
	return q->from ? 0 : -1;
}

static int set_output(struct definition_reader *r, const struct json_node *at, struct output *o,
	struct expr *expr)
{
	if (expr && o->expr)
		return definition_fail(
			r, at->parent, "an output has \"column\" or \"expr\", and not both");
	o->expr = expr;
	return expr ? 0 : -1;
}

static int read_output_column(struct definition_reader *r, const struct json_node *node, void *into)
{
	return set_output(r, node, into, definition_column(r, node));
}

static int read_output_expr(struct definition_reader *r, const struct json_node *node, void *into)
{
	return set_output(r, node, into, definition_expr(r, node));
}

static int read_as(struct definition_reader *r, const struct json_node *node, void *into)
{
	struct output *o = into;

	o->name = definition_text(r, node, QUERY_AS_MAX, "as");
	return o->name ? 0 : -1;
}

static int read_output(struct definition_reader *r, const struct json_node *node, struct output *o)
{
	static const struct member_type members[] = { { "column", read_output_column },
		{ "expr", read_output_expr }, { "as", read_as }, { NULL, NULL } };

	if (node->kind == JSON_KIND_STRING) {
		o->expr = definition_column(r, node);
		return o->expr ? 0 : -1;
	}
	if (node->kind != JSON_KIND_OBJECT)
		return definition_fail(r, node, "an output is a column's name or an object, not %s",
			json_tree_kind_name(node->kind));
	if (read_members(r, node, members, "an output", o))
		return -1;
	if (!o->expr)
		return definition_fail(r, node, "an output has \"column\" or \"expr\"");
	return 0;
}

static int read_select(struct definition_reader *r, const struct json_node *node, void *into)
{
	struct query *q = into;

	if (check_list(r, node, "select"))
		return -1;
	if (!node->n)
		return definition_fail(
			r, node, "select is empty; every column is what a query without it has");
	q->select = arena_zero(r->arena, node->n, sizeof *q->select);
	for (const struct json_node *item = node->first; item; item = item->next)
		if (read_output(r, item, &q->select[q->select_n++]))
			return -1;
	return 0;
}

/* ---- filter, groupBy, having */

static int read_condition(struct definition_reader *r, const struct json_node *node,
	const char *what, struct expr **into)
{
	if (node->kind != JSON_KIND_OBJECT)
		return definition_fail(r, node,
			"%s is a condition, as {\"eq\": [\"name\", \"x\"]}, not %s", what,
			json_tree_kind_name(node->kind));
	*into = definition_expr(r, node);
	return *into ? 0 : -1;
}

static int read_filter(struct definition_reader *r, const struct json_node *node, void *into)
{
	return read_condition(r, node, "filter", &((struct query *)into)->filter);
}

static int read_having(struct definition_reader *r, const struct json_node *node, void *into)
{
	return read_condition(r, node, "having", &((struct query *)into)->having);
}

static int read_group_by(struct definition_reader *r, const struct json_node *node, void *into)
{
	struct query *q = into;

	if (check_list(r, node, "groupBy"))
		return -1;
	q->group_by = arena_zero(r->arena, node->n, sizeof *q->group_by);
	for (const struct json_node *item = node->first; item; item = item->next) {
		struct expr *expr = definition_expr(r, item);

		if (!expr)
			return -1;
		if (expr->op == EXPR_LITERAL)
			return definition_fail(r, item, "a value makes no groups");
		q->group_by[q->group_by_n++] = expr;
	}
	return 0;
}

/* ---- sort */

static int set_sort(
	struct definition_reader *r, const struct json_node *at, struct sort *s, struct expr *expr)
{
	if (expr && s->expr)
		return definition_fail(
			r, at->parent, "an item of sort has \"column\" or \"expr\", and not both");
	if (expr && expr->op == EXPR_LITERAL)
		return definition_fail(r, at, "a value sorts nothing");
	s->expr = expr;
	return expr ? 0 : -1;
}

static int read_sort_column(struct definition_reader *r, const struct json_node *node, void *into)
{
	return set_sort(r, node, into, definition_column(r, node));
}

static int read_sort_expr(struct definition_reader *r, const struct json_node *node, void *into)
{
	return set_sort(r, node, into, definition_expr(r, node));
}

static int read_direction(struct definition_reader *r, const struct json_node *node, void *into)
{
	static const char *const words[] = { "asc", "desc", NULL };
	int i = read_word(r, node, "direction", words);

	((struct sort *)into)->descending = i == 1;
	return i < 0 ? -1 : 0;
}

static int read_nulls(struct definition_reader *r, const struct json_node *node, void *into)
{
	static const char *const words[] = { "first", "last", NULL };
	int i = read_word(r, node, "nulls", words);

	((struct sort *)into)->nulls = i == 0 ? NULLS_FIRST : NULLS_LAST;
	return i < 0 ? -1 : 0;
}

static int read_sort_item(struct definition_reader *r, const struct json_node *node, struct sort *s)
{
	static const struct member_type members[] = { { "column", read_sort_column },
		{ "expr", read_sort_expr }, { "direction", read_direction },
		{ "nulls", read_nulls }, { NULL, NULL } };

	if (node->kind == JSON_KIND_STRING)
		return read_sort_column(r, node, s);
	if (read_members(r, node, members, "an item of sort", s))
		return -1;
	if (!s->expr)
		return definition_fail(r, node, "an item of sort has \"column\" or \"expr\"");
	return 0;
}

static int read_sort(struct definition_reader *r, const struct json_node *node, void *into)
{
	struct query *q = into;

	if (check_list(r, node, "sort"))
		return -1;
	q->sort = arena_zero(r->arena, node->n, sizeof *q->sort);
	for (const struct json_node *item = node->first; item; item = item->next)
		if (read_sort_item(r, item, &q->sort[q->sort_n++]))
			return -1;
	return 0;
}

/* ---- page, count, validateOnly */

static int read_limit(struct definition_reader *r, const struct json_node *node, void *into)
{
	return read_whole(r, node, "limit", 1, &((struct query *)into)->limit);
}

static int read_offset(struct definition_reader *r, const struct json_node *node, void *into)
{
	return read_whole(r, node, "offset", 0, &((struct query *)into)->offset);
}

static int read_after(struct definition_reader *r, const struct json_node *node, void *into)
{
	struct query *q = into;

	q->after = definition_text(r, node, QUERY_TOKEN_MAX, "after");
	return q->after ? 0 : -1;
}

static int read_page(struct definition_reader *r, const struct json_node *node, void *into)
{
	static const struct member_type members[] = { { "limit", read_limit },
		{ "offset", read_offset }, { "after", read_after }, { NULL, NULL } };

	if (read_members(r, node, members, "page", into))
		return -1;
	if (json_tree_member(node, "after") && json_tree_member(node, "offset"))
		return definition_fail(r, node, "a page has \"after\" or \"offset\", and not both");
	return 0;
}

static int read_count(struct definition_reader *r, const struct json_node *node, void *into)
{
	static const char *const words[] = { [QUERY_COUNT_NONE] = "none",
		[QUERY_COUNT_EXACT] = "exact",
		[QUERY_COUNT_PLANNED] = "planned",
		NULL };
	int i = read_word(r, node, "count", words);

	((struct query *)into)->count = i < 0 ? QUERY_COUNT_NONE : (uint8_t)i;
	return i < 0 ? -1 : 0;
}

static int read_validate_only(struct definition_reader *r, const struct json_node *node, void *into)
{
	if (node->kind != JSON_KIND_BOOL)
		return definition_fail(r, node, "validateOnly is true or false, not %s",
			json_tree_kind_name(node->kind));
	((struct query *)into)->validate_only = node->text[0] == 't';
	return 0;
}

/* ---- the whole */

int definition_read(struct arena *a, const struct settings *s, const char *json, size_t len,
	struct query *q, const char **pointer, struct err *e)
{
	static const struct member_type members[] = { { "from", read_from },
		{ "select", read_select }, { "filter", read_filter }, { "groupBy", read_group_by },
		{ "having", read_having }, { "sort", read_sort }, { "page", read_page },
		{ "count", read_count }, { "validateOnly", read_validate_only }, { NULL, NULL } };
	/* Two levels an operation, {"name": [ … ]}, and what is around them and in a value of contains. */
	struct json_limits limits = { 2 * query_depth_most(s) + 16, 64 * query_items_most(s) + 64 };
	struct definition_reader r = { .arena = a, .settings = s, .pointer = pointer, .err = e };
	struct json_node *root = json_tree_read(a, json, len, &limits, pointer, e);

	*q = (struct query){ .limit = -1, .count = QUERY_COUNT_EXACT };
	if (!root || read_members(&r, root, members, "a query", q))
		return -1;
	if (!q->from)
		return definition_fail(
			&r, root, "a query has \"from\", the table that it is asked of");
	return 0;
}
