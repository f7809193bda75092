#include "lib/base/json_tree.h"

#include <stdbool.h>
#include <stdlib.h>

#include "lib/base/shown.h"

struct reader {
	struct json_reader told;
	const char *text, *p, *end;
	const struct json_limits *limits;
	size_t depth, values;
};

/* ---- failures */

static int fail(struct reader *r, const struct json_node *at, const char *what)
{
	return json_refuse(&r->told, at, what);
}

static int fail_here(struct reader *r, const struct json_node *at, const char *what)
{
	return fail(r, at,
		arena_printf(r->told.arena, "not JSON at byte %zu: %s",
			(size_t)(r->p - r->text) + 1, what));
}

/* ---- characters */

static void skip_space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
		r->p++;
}

static bool at(const struct reader *r, char c)
{
	return r->p < r->end && *r->p == c;
}

static bool take(struct reader *r, char c)
{
	if (!at(r, c))
		return false;
	r->p++;
	return true;
}

static bool take_digits(struct reader *r)
{
	const char *from = r->p;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	return r->p > from;
}

/* ---- strings */

/* Four hexadecimal digits, or -1. */
static int take_hex(struct reader *r)
{
	int value = 0;

	for (int i = 0; i < 4; i++, r->p++) {
		if (r->p == r->end)
			return -1;
		char c = *r->p;
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

static char *put_utf8(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = (char)(0xe0 | c >> 12);
		} else {
			*to++ = (char)(0xf0 | c >> 18);
			*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (c & 0x3f));
	return to;
}

/* Behind "\u": a character, or two halves of one. What it is written as is longer than its UTF-8. */
static const char *take_unicode(struct reader *r, char **to)
{
	int c = take_hex(r), low;

	if (c < 0)
		return "\\u is followed by four hexadecimal digits";
	if (c == 0)
		return "U+0000 cannot be part of a text";
	if (c >= 0xd800 && c < 0xe000) {
		low = c < 0xdc00 && take(r, '\\') && take(r, 'u') ? take_hex(r) : -1;
		if (low < 0xdc00 || low > 0xdfff)
			return "half a surrogate pair";
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	*to = put_utf8(*to, (uint32_t)c);
	return NULL;
}

/* Behind a backslash; NULL, or what is wrong. */
static const char *take_escape(struct reader *r, char **to)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	char c = r->p < r->end ? *r->p++ : '\0';
	const char *letter = c ? strchr(letters, c) : NULL;

	if (c == 'u')
		return take_unicode(r, to);
	if (!letter)
		return "a backslash that escapes nothing";
	*(*to)++ = meant[letter - letters];
	return NULL;
}

/* At the opening quote. NULL after a failure, which is then set. */
static const char *read_string(struct reader *r, const struct json_node *node)
{
	const char *closing = ++r->p, *wrong = NULL;

	for (; closing < r->end && *closing != '"'; closing++)
		if (*closing == '\\')
			closing++;
	if (closing >= r->end) {
		fail_here(r, node, "a string without an end");
		return NULL;
	}
	if (!utf8_valid(r->p, (size_t)(closing - r->p))) {
		fail_here(r, node, "a string that is not UTF-8");
		return NULL;
	}
	char *text = arena_alloc(r->told.arena, (size_t)(closing - r->p) + 1), *to = text;

	while (*r->p != '"') {
		const char *from = r->p;

		if ((unsigned char)*from < 0x20)
			wrong = "a control character in a string; write it as an escape";
		else if (take(r, '\\'))
			wrong = take_escape(r, &to);
		else
			*to++ = *r->p++;
		if (wrong) {
			r->p = from;
			fail_here(r, node, wrong);
			return NULL;
		}
	}
	r->p++;
	*to = '\0';
	return text;
}

/* ---- values */

static struct json_node *add_node(
	struct reader *r, struct json_node *parent, struct json_node **last, const char *name)
{
	struct json_node *node = arena_zero(r->told.arena, 1, sizeof *node);

	node->parent = parent;
	node->name = name;
	if (parent) {
		node->index = parent->n++;
		*(*last ? &(*last)->next : &parent->first) = node;
		*last = node;
	}
	return node;
}

static int read_value(struct reader *r, struct json_node *node);

static int compare_names(const void *a, const void *b)
{
	const struct json_node *x = *(const struct json_node *const *)a,
			       *y = *(const struct json_node *const *)b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* The first member whose name has stood before. */
static int refuse_twins(struct reader *r, const struct json_node *object)
{
	const struct json_node **members, *twin = NULL;
	size_t n = 0;

	if (object->n < 2)
		return 0;
	members = mem_alloc(object->n, sizeof *members);
	for (const struct json_node *m = object->first; m; m = m->next)
		members[n++] = m;
	qsort(members, n, sizeof *members, compare_names);
	for (size_t i = 1; i < n; i++)
		if (!strcmp(members[i - 1]->name, members[i]->name) &&
			(!twin || members[i]->index < twin->index))
			twin = members[i];
	free(members);
	if (!twin)
		return 0;
	return fail(r, twin,
		arena_printf(r->told.arena, "%s stands twice in one object",
			shown(r->told.arena, twin->name)));
}

/* Behind the opening brace. */
static int read_object(struct reader *r, struct json_node *node)
{
	struct json_node *last = NULL;

	skip_space(r);
	if (take(r, '}'))
		return 0;
	do {
		skip_space(r);
		if (!at(r, '"'))
			return fail_here(
				r, node, "a member's name in double quotes should stand here");
		const char *name = read_string(r, node);

		if (!name)
			return -1;
		skip_space(r);
		if (!take(r, ':'))
			return fail_here(r, node, "a colon should stand here");
		if (read_value(r, add_node(r, node, &last, name)))
			return -1;
		skip_space(r);
	} while (take(r, ','));
	if (!take(r, '}'))
		return fail_here(r, node, "a comma or } should stand here");
	return refuse_twins(r, node);
}

/* Behind the opening bracket. */
static int read_array(struct reader *r, struct json_node *node)
{
	struct json_node *last = NULL;

	skip_space(r);
	if (take(r, ']'))
		return 0;
	do {
		if (read_value(r, add_node(r, node, &last, NULL)))
			return -1;
		skip_space(r);
	} while (take(r, ','));
	if (!take(r, ']'))
		return fail_here(r, node, "a comma or ] should stand here");
	return 0;
}

static int read_number(struct reader *r, struct json_node *node)
{
	const char *from = r->p;

	take(r, '-');
	if (!take(r, '0') && !take_digits(r))
		return fail_here(r, node, "a number's digit should stand here");
	if (take(r, '.') && !take_digits(r))
		return fail_here(r, node, "a number's digit should stand here");
	if (take(r, 'e') || take(r, 'E')) {
		if (!take(r, '+'))
			take(r, '-');
		if (!take_digits(r))
			return fail_here(r, node, "a number's digit should stand here");
	}
	node->kind = JSON_KIND_NUMBER;
	node->text = arena_strndup(r->told.arena, from, (size_t)(r->p - from));
	return 0;
}

static int read_word(struct reader *r, struct json_node *node)
{
	static const char *const words[] = { "null", "true", "false" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t len = strlen(words[i]);

		if ((size_t)(r->end - r->p) < len || memcmp(r->p, words[i], len) != 0)
			continue;
		node->kind = i ? JSON_KIND_BOOL : JSON_KIND_NULL;
		node->text = i ? words[i] : NULL;
		r->p += len;
		return 0;
	}
	return fail_here(r, node, "a value should stand here");
}

static int read_nested(struct reader *r, struct json_node *node, bool is_object)
{
	if (r->depth == r->limits->depth)
		return fail(r, node,
			arena_printf(r->told.arena, "nested deeper than %zu arrays and objects",
				r->limits->depth));
	node->kind = is_object ? JSON_KIND_OBJECT : JSON_KIND_ARRAY;
	r->p++;
	r->depth++;
	int failed = is_object ? read_object(r, node) : read_array(r, node);

	r->depth--;
	return failed;
}

/* At most limits.depth calls within each other. */
static int read_value(struct reader *r, struct json_node *node)
{
	int failed;

	skip_space(r);
	node->from = r->p;
	if (r->values++ == r->limits->values)
		return fail(r, node,
			arena_printf(r->told.arena, "more than %zu values", r->limits->values));
	if (at(r, '{') || at(r, '[')) {
		failed = read_nested(r, node, at(r, '{'));
	} else if (at(r, '"')) {
		node->kind = JSON_KIND_STRING;
		node->text = read_string(r, node);
		failed = node->text ? 0 : -1;
	} else if (at(r, '-') || (r->p < r->end && *r->p >= '0' && *r->p <= '9')) {
		failed = read_number(r, node);
	} else {
		failed = read_word(r, node);
	}
	node->source_len = (size_t)(r->p - node->from);
	return failed;
}

struct json_node *json_tree_read(struct arena *a, const char *text, size_t len,
	const struct json_limits *limits, const char **pointer, struct err *e)
{
	const char *from = len ? text : ""; /* nothing may be added to NULL */
	struct reader r = { .told = { a, pointer, e },
		.text = from,
		.p = from,
		.end = from + len,
		.limits = limits };
	struct json_node *last = NULL, *root = add_node(&r, NULL, &last, NULL);

	if (read_value(&r, root))
		return NULL;
	skip_space(&r);
	if (r.p == r.end)
		return root;
	fail_here(&r, root, "something follows the value");
	return NULL;
}

/* ---- the tree */

static void put_escaped(struct buf *b, const char *name)
{
	for (; *name; name++) {
		if (*name == '~')
			buf_puts(b, "~0");
		else if (*name == '/')
			buf_puts(b, "~1");
		else
			buf_putc(b, *name);
	}
}

static void put_pointer(struct buf *b, const struct json_node *node)
{
	if (!node->parent)
		return;
	put_pointer(b, node->parent);
	buf_putc(b, '/');
	if (node->name)
		put_escaped(b, node->name);
	else
		buf_printf(b, "%zu", node->index);
}

const char *json_tree_pointer(struct arena *a, const struct json_node *node)
{
	struct buf b = { 0 };

	put_pointer(&b, node);
	const char *pointer = arena_strndup(a, buf_str(&b), b.len);

	buf_free(&b);
	return pointer;
}

int json_refuse(struct json_reader *r, const struct json_node *at, const char *text)
{
	*r->pointer = json_tree_pointer(r->arena, at);
	return err_set(r->err, ERR_BAD_REQUEST, "%s", text);
}

const struct json_node *json_tree_member(const struct json_node *object, const char *name)
{
	for (const struct json_node *m = object->first; m; m = m->next)
		if (m->name && !strcmp(m->name, name))
			return m;
	return NULL;
}

const char *json_tree_kind_name(enum json_node_kind kind)
{
	static const char *const names[] = { "null", "true or false", "a number", "a string",
		"an array", "an object" };

	return names[kind];
}
