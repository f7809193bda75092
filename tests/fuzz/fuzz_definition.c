/*
 * Definitions from a stranger. What is read keeps to the limits and says of each expression where it stands, by the word of
 * json-c, which must take for JSON whatever we take for it; written down again it is read as the same.
 */
#include <stdlib.h>

#include <json-c/json.h>

#include "lib/query/definition.h"
#include "lib/query/limits.h"
#include "tests/unit/query_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { DEPTH = 4, ITEMS = 6, PATTERN = 8 };

static const struct settings settings = {
	.limits_query_depth = DEPTH, .limits_query_items = ITEMS, .limits_query_pattern = PATTERN
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static struct json_object *judge(const uint8_t *data, size_t len)
{
	struct json_tokener *t = json_tokener_new_ex(64);

	json_tokener_set_flags(t, JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *root = json_tokener_parse_ex(t, (const char *)data, (int)len);

	if (json_tokener_get_error(t) != json_tokener_success) {
		json_object_put(root);
		root = NULL;
	}
	json_tokener_free(t);
	return root;
}

/* A reference token less its escapes (RFC 6901 §4). */
static void unescape(char *token)
{
	char *to = token;

	for (const char *from = token; *from; from++) {
		bool escaped = *from == '~';

		from += escaped;
		*to++ = !escaped ? *from : *from == '1' ? '/' : '~';
	}
	*to = '\0';
}

/* json_pointer_get (json-c 0.16) finds no null. */
static bool is_there(struct json_object *root, const char *pointer)
{
	char *text = mem_strdup(pointer), *p = text;
	bool found = *p == '\0' || *p == '/';

	while (found && *p == '/') {
		char *token = p + 1, *end = strchrnul(token, '/');
		bool is_last = !*end;

		*end = '\0';
		if (json_object_is_type(root, json_type_array)) {
			size_t i = strtoul(token, NULL, 10);

			found = i < json_object_array_length(root);
			root = found ? json_object_array_get_idx(root, i) : NULL;
		} else {
			unescape(token);
			found = json_object_object_get_ex(root, token, &root);
		}
		p = end;
		if (!is_last)
			*p = '/';
	}
	free(text);
	return found;
}

/* ---- what was read */

static void check_literal(const struct expr *e)
{
	check(e->args_n == 0 && (e->text != NULL) == (e->literal != LITERAL_NULL));
	if (e->literal == LITERAL_BOOL)
		check(!strcmp(e->text, "true") || !strcmp(e->text, "false"));
	else if (e->literal == LITERAL_INTEGER || e->literal == LITERAL_NUMBER)
		check(strlen(e->text) <= QUERY_NUMBER_MAX && *e->text &&
			strspn(e->text, "+-.0123456789eE") == strlen(e->text));
	else if (e->text)
		check(utf8_valid(e->text, strlen(e->text)) && strlen(e->text) <= QUERY_TEXT_MAX);
}

/* The number of expressions. */
static size_t check_expr(const struct expr *e, struct json_object *root, size_t depth)
{
	size_t n = 1;

	check(e->op < EXPR_OPS_N && is_there(root, e->where));
	if (e->op == EXPR_LITERAL) {
		check_literal(e);
	} else if (e->op == EXPR_COLUMN) {
		check(e->text[0] && strlen(e->text) <= QUERY_NAME_MAX && e->args_n == 0);
	} else {
		const struct expr_type *t = &expr_types[e->op];

		check(e->args_n >= t->args_least && e->args_n <= t->args_most &&
			e->args_n <= ITEMS + 1 && depth < DEPTH);
		if (e->op == EXPR_LIKE || e->op == EXPR_ILIKE)
			check(e->args[1]->literal == LITERAL_STRING &&
				strlen(e->args[1]->text) <= PATTERN);
	}
	for (size_t i = 0; i < e->args_n; i++)
		n += check_expr(e->args[i], root, depth + 1);
	return n;
}

static void check_query(const struct query *q, struct json_object *root)
{
	size_t n = 0;

	check(q->from && *q->from && q->select_n <= ITEMS && q->group_by_n <= ITEMS &&
		q->sort_n <= ITEMS && (q->limit == -1 || q->limit > 0) && q->offset >= 0);
	for (size_t i = 0; i < q->select_n; i++) {
		n += check_expr(q->select[i].expr, root, 0);
		check(!q->select[i].name ||
			(*q->select[i].name && strlen(q->select[i].name) <= QUERY_AS_MAX));
	}
	for (size_t i = 0; i < q->group_by_n; i++)
		n += check_expr(q->group_by[i], root, 0);
	for (size_t i = 0; i < q->sort_n; i++)
		n += check_expr(q->sort[i].expr, root, 0);
	n += q->filter ? check_expr(q->filter, root, 0) : 0;
	n += q->having ? check_expr(q->having, root, 0) : 0;
	check(n <= 4 * ITEMS);
}

/* ---- written down again */

static void put_string(struct buf *b, const char *s)
{
	buf_put_json(b, s, strlen(s));
}

static void put_json_leaf(struct buf *b, const struct expr *e)
{
	if (e->op == EXPR_COLUMN) {
		buf_puts(b, "{\"column\":");
		put_string(b, e->text);
		buf_puts(b, "}");
	} else if (e->literal == LITERAL_JSON) {
		buf_puts(b, e->text);
	} else {
		buf_puts(b, "{\"value\":");
		if (e->literal == LITERAL_STRING)
			put_string(b, e->text);
		else
			buf_puts(b, e->text ? e->text : "null");
		buf_puts(b, "}");
	}
}

static void put_json(struct buf *b, const struct expr *e)
{
	bool word_first = e->op == EXPR_DATE_TRUNC || e->op == EXPR_EXTRACT;

	if (e->op == EXPR_COLUMN || e->op == EXPR_LITERAL) {
		put_json_leaf(b, e);
		return;
	}
	buf_printf(b, "{\"%s\":[", expr_types[e->op].name);
	if (word_first)
		put_string(b, e->text);
	for (size_t i = 0; i < e->args_n; i++) {
		buf_puts(b, i || word_first ? "," : "");
		put_json(b, e->args[i]);
	}
	if (e->op == EXPR_CAST) {
		buf_puts(b, ",");
		put_string(b, e->text);
	}
	buf_puts(b, "]}");
}

static void put_lists(struct buf *b, const struct query *q)
{
	static const char *const nulls[] = { "", ",\"nulls\":\"first\"", ",\"nulls\":\"last\"" };

	buf_puts(b, q->select_n ? ",\"select\":[" : "");
	for (size_t i = 0; i < q->select_n; i++) {
		buf_puts(b, i ? ",{\"expr\":" : "{\"expr\":");
		put_json(b, q->select[i].expr);
		buf_puts(b, q->select[i].name ? ",\"as\":" : "");
		if (q->select[i].name)
			put_string(b, q->select[i].name);
		buf_puts(b, "}");
	}
	buf_puts(b, q->select_n ? "],\"groupBy\":[" : ",\"groupBy\":[");
	for (size_t i = 0; i < q->group_by_n; i++) {
		buf_puts(b, i ? "," : "");
		put_json(b, q->group_by[i]);
	}
	buf_puts(b, "],\"sort\":[");
	for (size_t i = 0; i < q->sort_n; i++) {
		buf_puts(b, i ? ",{\"expr\":" : "{\"expr\":");
		put_json(b, q->sort[i].expr);
		buf_printf(b, ",\"direction\":\"%s\"%s}", q->sort[i].descending ? "desc" : "asc",
			nulls[q->sort[i].nulls]);
	}
	buf_puts(b, "]");
}

static void put_definition(struct buf *b, const struct query *q)
{
	static const char *const counts[] = { "none", "exact", "planned" };

	buf_puts(b, "{\"from\":");
	put_string(b, q->from);
	put_lists(b, q);
	buf_puts(b, q->filter ? ",\"filter\":" : "");
	if (q->filter)
		put_json(b, q->filter);
	buf_puts(b, q->having ? ",\"having\":" : "");
	if (q->having)
		put_json(b, q->having);
	buf_printf(b, ",\"count\":\"%s\",\"validateOnly\":%s,\"page\":{", counts[q->count],
		q->validate_only ? "true" : "false");
	if (q->limit > 0)
		buf_printf(b, "\"limit\":%lld%s", (long long)q->limit,
			q->offset || q->after ? "," : "");
	if (q->offset)
		buf_printf(b, "\"offset\":%lld", (long long)q->offset);
	buf_puts(b, q->after ? "\"after\":" : "");
	if (q->after)
		put_string(b, q->after);
	buf_puts(b, "}}");
}

static void check_again(struct arena *a, const struct query *q)
{
	struct buf json = { 0 }, one = { 0 }, two = { 0 };
	const char *pointer;
	struct query again;
	struct err e;

	put_definition(&json, q);
	check(definition_read(a, &settings, json.data, json.len, &again, &pointer, &e) == 0);
	put_query(&one, q, false);
	put_query(&two, &again, false);
	check(!strcmp(buf_str(&one), buf_str(&two)));
	buf_free(&json);
	buf_free(&one);
	buf_free(&two);
}

static void check_error(const struct err *e, const char *pointer, struct json_object *root)
{
	check(e->code == ERR_BAD_REQUEST && e->text[0] && utf8_valid(e->text, strlen(e->text)) &&
		utf8_valid(pointer, strlen(pointer)));
	for (const char *p = e->text; *p; p++)
		check((unsigned char)*p >= 0x20 && *p != 0x7f);
	/* Of a text that is JSON to both, the place is there. json-c keeps one member of two. */
	if (root && !strstr(e->text, "not JSON") && !strstr(e->text, "stands twice"))
		check(is_there(root, pointer));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct json_object *root = judge(data, len);
	struct arena a = { 0 };
	struct err e = { 0 };
	const char *pointer = NULL;
	struct query q;

	if (definition_read(&a, &settings, (const char *)data, len, &q, &pointer, &e) == 0) {
		check(root != NULL);
		check_query(&q, root);
		check_again(&a, &q);
	} else {
		check_error(&e, pointer, root);
	}
	json_object_put(root);
	arena_free(&a);
	return 0;
}
