/*
 * A query string from a stranger, up to its first NUL, and what is made of it: parameters, format options, a list of
 * columns.
 *
 * Parameters: libcurl decodes each as we do, and what we refuse cannot be decoded, or is given twice. Options: whatever
 * they are, reading them ends in a set that a format can write with. Columns: each list that is taken names known
 * columns, no two alike; and a list written from names reads back as those.
 */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/format/format.h"
#include "lib/query/columns.h"
#include "lib/sink/memory.h"
#include "lib/web/query_string.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* ---- parameters */

/* As libcurl has it, '+' apart; NULL where that is no text. */
static char *judge_decode(const char *s, size_t len)
{
	char *copy = strndup(s, len);
	int n;

	for (char *p = copy; *p; p++)
		if (*p == '+')
			*p = ' ';
	char *out = curl_easy_unescape(NULL, copy, (int)strlen(copy), &n);
	bool is_text = out && strlen(out) == (size_t)n && utf8_valid(out, (size_t)n);

	free(copy);
	if (!is_text) {
		curl_free(out);
		return NULL;
	}
	return out;
}

/* libcurl leaves a % alone that no two digits follow; we refuse it. */
static bool has_bad_percent(const char *query)
{
	static const char digits[] = "0123456789abcdefABCDEF";

	for (const char *p = query; (p = strchr(p, '%')); p++)
		if (strspn(p + 1, digits) < 2)
			return true;
	return false;
}

static void same_param(const char *piece, size_t len, const struct request_param *param)
{
	size_t name_len = strcspn(piece, "=&");
	char *name = judge_decode(piece, name_len < len ? name_len : len);
	char *value = name_len < len ? judge_decode(piece + name_len + 1, len - name_len - 1)
				     : strdup("");

	check(name && value);
	check(!strcmp(name, param->name) && !strcmp(value, param->value));
	curl_free(name);
	curl_free(value);
}

static void check_params(const char *query, const struct request_param *params, size_t n)
{
	size_t found = 0;

	for (const char *p = query; *p; p += strcspn(p, "&"), p += *p == '&') {
		size_t len = strcspn(p, "&");

		if (len)
			same_param(p, len, &params[found++]);
	}
	check(found == n);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			check(strcmp(params[i].name, params[j].name) != 0);
}

/* Whether one of them cannot be decoded, two have one name, or there are very many. */
static bool may_refuse(struct arena *a, const char *query)
{
	const char *names[128];
	size_t n = 0;

	if (has_bad_percent(query))
		return true;
	for (const char *p = query; *p && n < 101; p += strcspn(p, "&"), p += *p == '&') {
		size_t len = strcspn(p, "&"), name_len = strcspn(p, "=&");
		char *name = judge_decode(p, name_len);
		char *rest = judge_decode(p + name_len, len - name_len);
		bool is_bad = !name || !rest;

		for (size_t i = 0; len && name && i < n; i++)
			is_bad = is_bad || !strcmp(names[i], name);
		if (len && name)
			names[n++] = arena_strdup(a, name);
		curl_free(name);
		curl_free(rest);
		if (is_bad)
			return true;
	}
	return n > 100;
}

/* ---- options */

struct params {
	const struct request_param *params;
	size_t n;
};

static const char *get(const void *from, const char *name)
{
	const struct params *p = from;

	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->params[i].name, name))
			return p->params[i].value;
	return NULL;
}

/* A NULL, an empty string and a word, written so; the end is there. */
static void write_with(const struct format_type *type, const struct format_options *options)
{
	struct field field = { .name = "a", .type = TYPE_UTF8, .nullable = true };
	struct schema schema = { &field, 1 };
	struct memory_sink *m = memory_sink_new();
	struct format *f = type->new (&m->base, options);
	struct batch b;

	batch_init(&b, &schema);
	column_put_null(&b.columns[0], b.rows++);
	check(column_put_bytes(&b.columns[0], b.rows++, "", 0));
	check(column_put_bytes(&b.columns[0], b.rows++, "word", 4));
	format_begin(f, &schema);
	format_batch(f, &b);
	format_end(f);
	check(memmem(m->bytes.data, m->bytes.len, "word", 4) != NULL);
	check(type->written(&field, options).type != NULL);
	format_free(f);
	sink_free(&m->base);
	batch_free(&b);
}

static void check_options(struct arena *a, const struct params *given)
{
	for (const struct format_type *const *t = format_types; *t; t++) {
		struct format_options options;
		struct err e = { 0 };

		format_options_init(&options, (*t)->dialect);
		if (format_options_read(&options, (*t)->families, get, given, a, &e) == 0)
			write_with(*t, &options);
		else
			check(e.code == ERR_BAD_REQUEST && e.text[0]);
		format_options_free(&options);
	}
}

/* ---- columns */

static void check_columns(struct arena *a, const char *list)
{
	struct query q = { 0 };
	struct err e = { 0 };

	if (columns_read(a, list, &q, &e) < 0 || columns_name(a, q.select, q.select_n, &e) < 0) {
		check(e.code == ERR_BAD_REQUEST && e.text[0]);
		return;
	}
	check(q.select_n > 0);
	for (size_t i = 0; i < q.select_n; i++) {
		check(q.select[i].expr->text[0] && q.select[i].name[0]);
		for (size_t j = 0; j < i; j++)
			check(strcmp(q.select[i].name, q.select[j].name) != 0);
	}
}

static const char *const known[] = { "id", "name", "a,b:c\"d", "id_2" };
enum { KNOWN = sizeof known / sizeof known[0] };

static void put_quoted(struct buf *b, const char *name)
{
	buf_putc(b, '"');
	for (; *name; name++) {
		if (*name == '"')
			buf_putc(b, '"');
		buf_putc(b, *name);
	}
	buf_putc(b, '"');
}

/* Each known column, in an order and with new names that the input says. */
static void check_written(struct arena *a, const char *text)
{
	size_t len = strlen(text), n = 0, order[KNOWN];
	struct query q = { 0 };
	const char *aliases[KNOWN];
	struct buf list = { 0 };
	struct err e;

	for (; n < KNOWN && n < len; n++) {
		order[n] = (unsigned char)text[n] % KNOWN;
		aliases[n] = arena_printf(a, "%zu%.*s", n, (int)(len % 40), text);
		buf_puts(&list, n ? "," : "");
		put_quoted(&list, known[order[n]]);
		buf_putc(&list, ':');
		put_quoted(&list, aliases[n]);
	}
	if (n) {
		check(columns_read(a, buf_str(&list), &q, &e) == 0 && q.select_n == n);
		for (size_t i = 0; i < n; i++)
			check(!strcmp(q.select[i].expr->text, known[order[i]]) &&
				!strcmp(q.select[i].name, aliases[i]));
	}
	buf_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct arena a = { 0 };
	const char *query = arena_strndup(&a, (const char *)data, strnlen((const char *)data, len));
	struct request_param *params;
	struct err e = { 0 };
	size_t n;

	if (query_string_read(&a, query, &params, &n, &e) == 0) {
		struct params given = { params, n };

		check_params(query, params, n);
		check_options(&a, &given);
		check_columns(&a, get(&given, "columns") ? get(&given, "columns") : query);
	} else {
		check(e.code == ERR_BAD_REQUEST && may_refuse(&a, query));
	}
	check_columns(&a, query);
	check_written(&a, query);
	arena_free(&a);
	return 0;
}
