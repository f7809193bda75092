#include "lib/query/definition_expr.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "lib/base/nearest.h"
#include "lib/base/shown.h"
#include "lib/query/limits.h"

/* How a string that stands as an argument is read. */
enum reading { AS_COLUMN, AS_LITERAL };

/* ---- what fails, and what is counted */

int definition_fail(
	struct definition_reader *r, const struct json_node *at, const char *format, ...)
{
	struct buf text = { 0 };
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	*r->pointer = json_tree_pointer(r->arena, at);
	err_set(r->err, ERR_BAD_REQUEST, "%s", buf_str(&text));
	buf_free(&text);
	return -1;
}

const char *definition_hint(
	struct definition_reader *r, const char *wrong, const char *const *known)
{
	struct nearest n = { 0 };

	for (; *known; known++)
		nearest_offer(&n, wrong, *known);
	return n.name ? arena_printf(r->arena, "; did you mean \"%s\"?", n.name) : "";
}

static size_t items_most(const struct definition_reader *r)
{
	return query_items_most(r->settings);
}

static struct expr *new_expr(
	struct definition_reader *r, enum expr_op op, const struct json_node *at)
{
	if (r->exprs / 4 >= items_most(r)) {
		definition_fail(r, at, "more than %zu expressions in one query", items_most(r) * 4);
		return NULL;
	}
	r->exprs++;
	struct expr *e = arena_zero(r->arena, 1, sizeof *e);

	e->op = op;
	e->where = json_tree_pointer(r->arena, at);
	return e;
}

/* ---- leaves */

const char *definition_text(
	struct definition_reader *r, const struct json_node *node, size_t most, const char *what)
{
	if (node->kind != JSON_KIND_STRING)
		definition_fail(
			r, node, "%s is a string, not %s", what, json_tree_kind_name(node->kind));
	else if (!node->text[0])
		definition_fail(r, node, "%s is an empty string", what);
	else if (strlen(node->text) > most)
		definition_fail(r, node, "%s has at most %zu bytes, here are %zu", what, most,
			strlen(node->text));
	else
		return node->text;
	return NULL;
}

struct expr *definition_column(struct definition_reader *r, const struct json_node *node)
{
	const char *name = definition_text(r, node, QUERY_NAME_MAX, "a column's name");
	struct expr *e = name ? new_expr(r, EXPR_COLUMN, node) : NULL;

	if (e)
		e->text = name;
	return e;
}

/* What PostgreSQL's numeric can hold. */
static int check_number(struct definition_reader *r, const struct json_node *node)
{
	const char *exponent = strpbrk(node->text, "eE");
	long e = exponent ? strtol(exponent + 1, NULL, 10) : 0;

	if (strlen(node->text) > QUERY_NUMBER_MAX)
		return definition_fail(r, node, "a number has at most %d characters, here are %zu",
			QUERY_NUMBER_MAX, strlen(node->text));
	if (e > QUERY_EXPONENT_MAX || e < -QUERY_EXPONENT_MAX)
		return definition_fail(r, node, "an exponent is between -%d and %d",
			QUERY_EXPONENT_MAX, QUERY_EXPONENT_MAX);
	return 0;
}

static enum literal number_kind(const char *digits)
{
	if (strpbrk(digits, ".eE"))
		return LITERAL_NUMBER;
	errno = 0;
	strtoll(digits, NULL, 10);
	return errno == ERANGE ? LITERAL_NUMBER : LITERAL_INTEGER;
}

static struct expr *read_literal(struct definition_reader *r, const struct json_node *node)
{
	static const uint8_t literals[] = { [JSON_KIND_NULL] = LITERAL_NULL,
		[JSON_KIND_BOOL] = LITERAL_BOOL,
		[JSON_KIND_NUMBER] = LITERAL_NUMBER,
		[JSON_KIND_STRING] = LITERAL_STRING };
	bool failed = false;

	if (node->kind >= JSON_KIND_ARRAY)
		failed = definition_fail(r, node,
			"a value is a string, a number, true, false or null, not %s",
			json_tree_kind_name(node->kind));
	else if (node->kind == JSON_KIND_STRING && strlen(node->text) > QUERY_TEXT_MAX)
		failed = definition_fail(r, node, "a string has at most %d bytes, here are %zu",
			QUERY_TEXT_MAX, strlen(node->text));
	else if (node->kind == JSON_KIND_NUMBER)
		failed = check_number(r, node);
	struct expr *e = failed ? NULL : new_expr(r, EXPR_LITERAL, node);

	if (!e)
		return NULL;
	e->text = node->text;
	e->literal =
		node->kind == JSON_KIND_NUMBER ? number_kind(node->text) : literals[node->kind];
	return e;
}

/* The second argument of contains: whatever it is, as it is written. */
static struct expr *read_json(struct definition_reader *r, const struct json_node *node)
{
	if (node->source_len > QUERY_TEXT_MAX) {
		definition_fail(r, node, "JSON has at most %d bytes, here are %zu", QUERY_TEXT_MAX,
			node->source_len);
		return NULL;
	}
	struct expr *e = new_expr(r, EXPR_LITERAL, node);

	if (!e)
		return NULL;
	e->literal = LITERAL_JSON;
	e->text = arena_strndup(r->arena, node->from, node->source_len);
	return e;
}

/* ---- operations */

static bool takes_word(enum expr_op op)
{
	return op == EXPR_CAST || op == EXPR_DATE_TRUNC || op == EXPR_EXTRACT;
}

/* Where the word stands among the arguments. */
static size_t word_index(enum expr_op op)
{
	return op == EXPR_CAST ? 1 : 0;
}

static bool reads_literals(enum expr_op op)
{
	return (op >= EXPR_EQ && op <= EXPR_GE) || op == EXPR_IN || op == EXPR_BETWEEN ||
	       op == EXPR_LIKE || op == EXPR_ILIKE;
}

static enum expr_op find_op(struct definition_reader *r, const struct json_node *member)
{
	const char *known[EXPR_OPS_N + 3];
	size_t n = 0;

	for (int op = 0; op < EXPR_OPS_N; op++) {
		if (!expr_types[op].name)
			continue;
		if (!strcmp(expr_types[op].name, member->name))
			return op;
		known[n++] = expr_types[op].name;
	}
	known[n++] = "column";
	known[n++] = "value";
	known[n] = NULL;
	definition_fail(r, member, "there is no operation %s%s", shown(r->arena, member->name),
		definition_hint(r, member->name, known));
	return EXPR_OPS_N;
}

static int fail_count(
	struct definition_reader *r, const struct json_node *at, enum expr_op op, size_t n)
{
	const struct expr_type *t = &expr_types[op];
	bool is_open = t->args_most == UINT8_MAX;
	size_t count = (is_open ? t->args_least : t->args_most) + takes_word(op);

	return definition_fail(r, at, "%s takes %s%zu argument%s%s, here %s %zu", t->name,
		!is_open && t->args_least < t->args_most ? "at most " : "", count,
		count == 1 ? "" : "s", is_open ? " or more" : "", n == 1 ? "is" : "are", n);
}

/* One argument may stand without brackets. */
struct arguments {
	const struct json_node *first;
	size_t n;
	bool is_list;
};

static struct arguments list_of(const struct json_node *node)
{
	bool is_list = node->kind == JSON_KIND_ARRAY;

	return (struct arguments){ is_list ? node->first : node, is_list ? node->n : 1, is_list };
}

static const struct json_node *argument_after(
	const struct arguments *list, const struct json_node *node)
{
	return list->is_list ? node->next : NULL;
}

static bool is_star(const struct arguments *list)
{
	return list->n == 1 && list->first->kind == JSON_KIND_STRING &&
	       !strcmp(list->first->text, "*");
}

static int check_count(struct definition_reader *r, const struct json_node *at, enum expr_op op,
	const struct arguments *list)
{
	const struct expr_type *t = &expr_types[op];
	size_t n = list->n, most = t->args_most, extra = takes_word(op) ? 1 : 0;

	if (n < t->args_least + extra || (most < UINT8_MAX && n > most + extra))
		return fail_count(r, at, op, n);
	if (n > items_most(r) + (op == EXPR_IN))
		return definition_fail(r, at, "%s takes at most %zu arguments, here are %zu",
			t->name, items_most(r) + (op == EXPR_IN), n);
	return 0;
}

static struct expr *read_expr(struct definition_reader *r, const struct json_node *node,
	enum reading strings, size_t depth);

/* like and ilike: what it may cost must be known before, so it is no expression. */
static struct expr *read_pattern(
	struct definition_reader *r, const struct json_node *node, const char *op)
{
	const struct json_node *text = node;

	if (node->kind == JSON_KIND_OBJECT && node->n == 1 && !strcmp(node->first->name, "value"))
		text = node->first;
	if (text->kind != JSON_KIND_STRING) {
		definition_fail(r, text, "the pattern of %s is a string, not %s", op,
			json_tree_kind_name(text->kind));
		return NULL;
	}
	const char *wrong = query_pattern_fault(r->arena, r->settings, text->text);

	if (wrong) {
		definition_fail(r, text, "%s", wrong);
		return NULL;
	}
	return read_literal(r, text);
}

static struct expr *read_argument(struct definition_reader *r, const struct json_node *node,
	enum expr_op op, size_t i, size_t depth)
{
	if (i > 0 && op == EXPR_CONTAINS)
		return read_json(r, node);
	if (i > 0 && (op == EXPR_LIKE || op == EXPR_ILIKE))
		return read_pattern(r, node, expr_types[op].name);
	return read_expr(r, node, i > 0 && reads_literals(op) ? AS_LITERAL : AS_COLUMN, depth);
}

static int add_arguments(struct definition_reader *r, struct expr *e, const struct json_node *at,
	const struct arguments *list, size_t depth)
{
	size_t i = 0;

	if (check_count(r, at, e->op, list))
		return -1;
	e->args = arena_zero(r->arena, list->n, sizeof *e->args);
	for (const struct json_node *node = list->first; node; node = argument_after(list, node)) {
		if (takes_word(e->op) && i++ == word_index(e->op)) {
			e->text = definition_text(r, node, QUERY_NAME_MAX,
				e->op == EXPR_CAST ? "the type of a cast" : "a unit of time");
			if (!e->text)
				return -1;
			continue;
		}
		struct expr *arg = read_argument(r, node, e->op, e->args_n, depth);

		if (!arg)
			return -1;
		e->args[e->args_n++] = arg;
	}
	return 0;
}

/* {"in": [x, [a, b]]}: x, then the items of the list. */
static int add_listed(struct definition_reader *r, struct expr *e, const struct json_node *list,
	const struct json_node *x, size_t depth)
{
	if (!list->n)
		return definition_fail(r, list, "the list of in is empty");
	if (list->n > items_most(r))
		return definition_fail(r, list, "a list has at most %zu items, here are %zu",
			items_most(r), list->n);
	e->args = arena_zero(r->arena, list->n + 1, sizeof *e->args);
	for (const struct json_node *node = x; node; node = node == x ? list->first : node->next) {
		struct expr *arg = read_argument(r, node, EXPR_IN, e->args_n, depth);

		if (!arg)
			return -1;
		e->args[e->args_n++] = arg;
	}
	return 0;
}

static struct expr *read_operation(
	struct definition_reader *r, const struct json_node *node, size_t depth)
{
	const struct json_node *member = node->first;
	struct arguments list = list_of(member);
	enum expr_op op = find_op(r, member);
	struct expr *e = op == EXPR_OPS_N ? NULL : new_expr(r, op, node);
	int failed = 0;

	if (!e)
		return NULL;
	if (op == EXPR_IN && list.n == 2 && list.first->next->kind == JSON_KIND_ARRAY)
		failed = add_listed(r, e, list.first->next, list.first, depth);
	else if (op != EXPR_COUNT || !is_star(&list))
		failed = add_arguments(r, e, member, &list, depth);
	return failed ? NULL : e;
}

/* depth: how many operations this is within. */
static struct expr *read_object(
	struct definition_reader *r, const struct json_node *node, size_t depth)
{
	size_t most = query_depth_most(r->settings);

	if (node->n != 1) {
		definition_fail(r, node,
			"an expression is an object of one member, as {\"lower\": [\"name\"]}, "
			"here %s %zu",
			node->n == 1 ? "is" : "are", node->n);
		return NULL;
	}
	if (!strcmp(node->first->name, "column"))
		return definition_column(r, node->first);
	if (!strcmp(node->first->name, "value"))
		return read_literal(r, node->first);
	if (depth == most) {
		definition_fail(r, node, "more than %zu operations within each other", most);
		return NULL;
	}
	return read_operation(r, node, depth + 1);
}

/* Within itself at most query_depth_most times. */
static struct expr *read_expr(struct definition_reader *r, const struct json_node *node,
	enum reading strings, size_t depth)
{
	switch (node->kind) {
	case JSON_KIND_OBJECT: return read_object(r, node, depth);
	case JSON_KIND_STRING:
		return strings == AS_COLUMN ? definition_column(r, node) : read_literal(r, node);
	case JSON_KIND_ARRAY:
		definition_fail(
			r, node, "an array is no expression; it lists what an operation takes");
		return NULL;
	default: return read_literal(r, node);
	}
}

struct expr *definition_expr(struct definition_reader *r, const struct json_node *node)
{
	return read_expr(r, node, AS_COLUMN, 0);
}
