#include "lib/base/doc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "lib/base/file.h"

enum { DOC_MAX = 64 * 1024 * 1024 }; /* a catalog of 100,000 tables has about 20 MB */

struct walk {
	const char *p; /* NUL-terminated */
	int line;
	struct doc *doc;
	size_t cap; /* places allocated */
	struct arena *arena;
};

/* White space and both kinds of comments. */
static void skip_space(struct walk *w)
{
	for (const char *end; *w->p;) {
		if (w->p[0] == '/' && w->p[1] == '/') {
			w->p += strcspn(w->p, "\n");
		} else if (w->p[0] == '/' && w->p[1] == '*') {
			end = strstr(w->p + 2, "*/");
			if (!end)
				return;
			for (; w->p < end; w->p++)
				w->line += *w->p == '\n';
			w->p = end + 2;
		} else if (strchr(" \t\r\n\v\f", *w->p)) {
			w->line += *w->p++ == '\n';
		} else {
			return;
		}
	}
}

/* Behind a string, whichever of the quotes it has. */
static void skip_string(struct walk *w)
{
	char quote = *w->p++;

	for (; *w->p && *w->p != quote; w->p++) {
		if (*w->p == '\\' && w->p[1])
			w->p++;
		w->line += *w->p == '\n';
	}
	if (*w->p)
		w->p++;
}

static void skip_scalar(struct walk *w)
{
	if (*w->p == '"' || *w->p == '\'')
		skip_string(w);
	else
		w->p += strcspn(w->p, ",]}/ \t\r\n\v\f");
}

static void add_place(struct walk *w, const char *key, int line)
{
	struct doc *d = w->doc;

	if (d->places_n == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 64;
		d->places = mem_grow(d->places, w->cap, sizeof *d->places);
	}
	d->places[d->places_n++] = (struct doc_place){ key, line };
}

/* Read the key at w->p as json-c does, escapes and all; w->p is then behind it. */
static const char *read_key(struct walk *w)
{
	struct json_tokener *tokener = json_tokener_new_ex(1);
	const char *from = w->p, *key = "";

	skip_string(w);
	if (!tokener)
		return key;
	struct json_object *name = json_tokener_parse_ex(tokener, from, (int)(w->p - from));

	if (json_object_is_type(name, json_type_string))
		key = arena_strdup(w->arena, json_object_get_string(name));
	json_object_put(name);
	json_tokener_free(tokener);
	return key;
}

static void walk_value(struct walk *w, const char *path);

static void walk_object(struct walk *w, const char *path)
{
	for (w->p++;; w->p++) {
		skip_space(w);
		if (*w->p != '"' && *w->p != '\'')
			return;
		int line = w->line;
		const char *key = read_key(w);

		if (*path)
			key = arena_printf(w->arena, "%s.%s", path, key);
		add_place(w, key, line);
		skip_space(w);
		if (*w->p != ':')
			return;
		w->p++;
		walk_value(w, key);
		if (*w->p != ',')
			return;
	}
}

static void walk_array(struct walk *w, const char *path)
{
	w->p++;
	for (size_t i = 0;; i++, w->p++) {
		skip_space(w);
		if (*w->p == ']' || !*w->p)
			return;
		const char *key = arena_printf(w->arena, "%s[%zu]", path, i);

		add_place(w, key, w->line);
		walk_value(w, key);
		if (*w->p != ',')
			return;
	}
}

/* At the value; w->p is then at what follows it. json-c bounds the depth (32). */
static void walk_value(struct walk *w, const char *path)
{
	skip_space(w);
	char open = *w->p;

	if (open == '{')
		walk_object(w, path);
	else if (open == '[')
		walk_array(w, path);
	else
		skip_scalar(w);
	if (open == '{' || open == '[')
		w->p += *w->p != '\0';
	skip_space(w);
}

static int compare_places(const void *a, const void *b)
{
	const struct doc_place *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : (x->line > y->line) - (x->line < y->line);
}

/* The first key, by line, that has stood before. */
static int refuse_twins(const struct doc *d, struct err *e)
{
	const struct doc_place *twin = NULL;

	for (size_t i = 1; i < d->places_n; i++)
		if (!strcmp(d->places[i - 1].key, d->places[i].key) &&
			(!twin || d->places[i].line < twin[0].line))
			twin = &d->places[i];
	if (!twin)
		return 0;
	return err_set(e, ERR_CONFIG, "%s:%d: the key \"%s\" stands twice, first on line %d",
		d->path, twin[0].line, twin[0].key, twin[-1].line);
}

static int line_at(const char *text, size_t offset)
{
	int line = 1;

	for (size_t i = 0; i < offset; i++)
		line += text[i] == '\n';
	return line;
}

/* len counts the NUL at the end, which tells json-c that nothing follows. */
static int parse(struct doc *d, const char *text, size_t len, struct err *e)
{
	struct json_tokener *tokener = json_tokener_new();

	if (!tokener)
		return err_set(e, ERR_CONFIG, "%s: out of memory", d->path);
	json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
	d->root = json_tokener_parse_ex(tokener, text, (int)len);
	enum json_tokener_error error = json_tokener_get_error(tokener);
	size_t end = json_tokener_get_parse_end(tokener);

	json_tokener_free(tokener);
	if (error == json_tokener_continue)
		error = json_tokener_error_parse_eof;
	if (error != json_tokener_success)
		return err_set(e, ERR_CONFIG, "%s:%d: not JSON: %s", d->path, line_at(text, end),
			json_tokener_error_desc(error));
	if (!json_object_is_type(d->root, json_type_object))
		return err_set(e, ERR_CONFIG, "%s: must hold one JSON object", d->path);
	return 0;
}

static int read_text(struct doc *d, struct buf *text, struct err *e)
{
	if (file_read(d->path, DOC_MAX, text))
		return err_set(e, ERR_CONFIG, "%s: %s", d->path, strerror(errno));
	const char *zero = text->len ? memchr(text->data, '\0', text->len) : NULL;

	if (zero)
		return err_set(e, ERR_CONFIG, "%s:%d: not JSON: a zero byte", d->path,
			line_at(text->data, (size_t)(zero - text->data)));
	return 0;
}

static int load(struct doc *d, struct buf *text, struct arena *a, struct err *e)
{
	if (read_text(d, text, e) || parse(d, buf_str(text), text->len + 1, e))
		return -1;
	struct walk w = { .p = text->data, .line = 1, .doc = d, .arena = a };

	walk_value(&w, "");
	if (*w.p)
		return err_set(e, ERR_CONFIG, "%s:%d: not JSON: something follows the object",
			d->path, w.line);
	if (d->places_n)
		qsort(d->places, d->places_n, sizeof *d->places, compare_places);
	return refuse_twins(d, e);
}

int doc_read(struct doc *d, struct arena *a, const char *path, struct err *e)
{
	struct buf text = { 0 };

	*d = (struct doc){ .path = arena_strdup(a, path) };
	int failed = load(d, &text, a, e);

	buf_free(&text);
	if (failed)
		doc_free(d);
	return failed;
}

void doc_free(struct doc *d)
{
	json_object_put(d->root);
	free(d->places);
	*d = (struct doc){ 0 };
}

int doc_line(const struct doc *d, const char *key)
{
	size_t low = 0, high = d->places_n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(key, d->places[middle].key);

		if (order == 0)
			return d->places[middle].line;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return 0;
}
