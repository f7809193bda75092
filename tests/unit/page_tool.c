/*
 * lib/query/page.c for a test that has a database: one JSON object a line on standard input, one on
 * standard output for each.
 *
 *	{"do": "bounds", KEY}                           the statement: {"sql", "params"}
 *	{"do": "token", KEY, "row": [min, max, inner]}  its result made a token: {"token", "values"}
 *	{"do": "pages", KEY, "token": …}                {"values", "pages": [{"sql", "params"}, …]}
 * KEY is "table" and "column" (both quoted), "type" as format_type spells it, "nullable", "rows",
 * "blocks", and "total". An answer that is {"error": …, "status": …} holds what went wrong.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/query/page.h"

static const char *text_of(struct json_object *o, const char *name)
{
	return json_object_get_string(json_object_object_get(o, name));
}

static int64_t integer_of(struct json_object *o, const char *name)
{
	return json_object_get_int64(json_object_object_get(o, name));
}

static void add_text(struct json_object *o, const char *name, const char *value)
{
	json_object_object_add(o, name, json_object_new_string(value));
}

static void add_texts(struct json_object *o, const char *name, const char *const *values, size_t n)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < n; i++)
		json_object_array_add(list, json_object_new_string(values[i]));
	json_object_object_add(o, name, list);
}

static void add_values(struct json_object *o, const struct page_bounds *b)
{
	if (!b->empty)
		add_texts(o, "values", b->values, (size_t)b->total + 1);
}

static int answer_bounds(struct arena *a, const struct page_key *key, int32_t total,
	struct json_object *answer, struct err *e)
{
	struct statement st;

	(void)e;
	page_bounds_statement(a, key, total, &st);
	add_text(answer, "sql", st.sql);
	add_texts(answer, "params", st.params, st.params_n);
	return 0;
}

static void fill_batch(struct batch *b, const struct schema *schema, struct json_object *row)
{
	batch_init(b, schema);
	for (size_t i = 0; i < schema->n; i++) {
		struct json_object *cell = json_object_array_get_idx(row, i);

		if (!cell)
			column_put_null(&b->columns[i], 0);
		else if (!column_put_bytes(&b->columns[i], 0, json_object_get_string(cell),
				 (size_t)json_object_get_string_len(cell)))
			abort();
	}
	b->rows = 1;
}

static int answer_token(struct arena *a, const struct page_key *key, int32_t total,
	struct json_object *row, struct json_object *answer, struct err *e)
{
	struct field fields[] = { { .name = "min", .type = TYPE_UTF8, .nullable = true },
		{ .name = "max", .type = TYPE_UTF8, .nullable = true },
		{ .name = "inner", .type = TYPE_UTF8, .nullable = true } };
	struct schema schema = { fields, key->kind == PAGE_INTEGER ? 2 : 3 };
	struct batch batch = { 0 };
	struct page_bounds bounds;
	const char *token;

	fill_batch(&batch, &schema, row);
	int failed = page_bounds_read(a, key, total, &batch, &bounds, e);

	if (!failed)
		failed = page_token_write(a, key, &bounds, &token, e);
	if (!failed) {
		add_text(answer, "token", token);
		add_values(answer, &bounds);
	}
	batch_free(&batch);
	return failed;
}

static int answer_pages(struct arena *a, const struct page_key *key, int32_t total,
	const char *token, struct json_object *answer, struct err *e)
{
	struct json_object *pages = json_object_new_array();
	struct page_bounds bounds;
	int failed = page_token_read(a, key, total, token, &bounds, e);

	json_object_object_add(answer, "pages", pages);
	if (failed)
		return failed;
	add_values(answer, &bounds);
	for (int32_t i = 1; i <= total; i++) {
		struct json_object *page = json_object_new_object();
		struct page_predicate p;

		page_predicate(a, key, &bounds, i, 1, &p);
		add_text(page, "sql", p.sql);
		add_texts(page, "params", p.params, p.params_n);
		json_object_array_add(pages, page);
	}
	return 0;
}

static int answer_to(
	struct arena *a, struct json_object *request, struct json_object *answer, struct err *e)
{
	struct page_key key = {
		.table = text_of(request, "table"),
		.column = text_of(request, "column"),
		.nullable = json_object_get_boolean(json_object_object_get(request, "nullable")),
		.rows = integer_of(request, "rows"),
		.blocks = integer_of(request, "blocks"),
	};
	const char *what = text_of(request, "do");
	int32_t total = (int32_t)integer_of(request, "total");

	if (!page_key_type(text_of(request, "type"), &key))
		return err_set(e, ERR_UNPROCESSABLE, "no pages by a key of this type");
	if (strcmp(what, "bounds") == 0)
		return answer_bounds(a, &key, total, answer, e);
	if (strcmp(what, "token") == 0)
		return answer_token(
			a, &key, total, json_object_object_get(request, "row"), answer, e);
	if (strcmp(what, "pages") == 0)
		return answer_pages(a, &key, total, text_of(request, "token"), answer, e);
	return err_set(e, ERR_BAD_REQUEST, "unknown: %s", what);
}

int main(void)
{
	char *line = NULL;
	size_t cap = 0;

	while (getline(&line, &cap, stdin) > 0) {
		struct json_object *request = json_tokener_parse(line);
		struct json_object *answer = json_object_new_object();
		struct arena a = { 0 };
		struct err e = { 0 };

		if (!request) {
			fputs("page_tool: a line is not JSON\n", stderr);
			return EXIT_FAILURE;
		}
		if (answer_to(&a, request, answer, &e)) {
			add_text(answer, "error", e.text);
			json_object_object_add(
				answer, "status", json_object_new_int(err_info(e.code)->status));
		}
		puts(json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN));
		if (fflush(stdout))
			return EXIT_FAILURE;
		json_object_put(answer);
		json_object_put(request);
		arena_free(&a);
	}
	free(line);
	return EXIT_SUCCESS;
}
