/*
 * JSON tree: a JSON text (RFC 8259) from outside, in the one reading that it has, with the place of each value.
 *
 * What json-c does not do is why this stands beside it: a number keeps its digits, however many; two members of one name
 * are an error and not one member; an error has its place (a JSON pointer, RFC 6901); and a text that is
 * nested deeply, or has very many values, is refused before it costs anything.
 */
#ifndef SLUICE_BASE_JSON_TREE_H
#define SLUICE_BASE_JSON_TREE_H

#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

enum json_node_kind {
	JSON_KIND_NULL,
	JSON_KIND_BOOL,
	JSON_KIND_NUMBER,
	JSON_KIND_STRING,
	JSON_KIND_ARRAY,
	JSON_KIND_OBJECT
};

struct json_node {
	enum json_node_kind kind;
	const char *name; /* of a member, decoded; else NULL */
	const char *text; /* a string decoded, a number's digits, "true" or "false"; else NULL */
	const char *from; /* the source, of source_len bytes; borrowed */
	size_t source_len;
	const struct json_node *parent; /* NULL: the whole */
	size_t index;                   /* in the parent, from 0 */
	struct json_node *first, *next; /* of an array or object; of the same parent */
	size_t n;                       /* items or members */
};

struct json_limits {
	size_t depth;  /* arrays and objects within each other */
	size_t values; /* in all */
};

/* The tree, in the arena; it points into `text`. NULL with ERR_BAD_REQUEST, and *pointer (in the arena) where: when it is not JSON in
 * UTF-8, has a string with U+0000 or half a surrogate pair, an object with two members of one name, or more
 * than the limits allow. */
struct json_node *json_tree_read(struct arena *a, const char *text, size_t len,
	const struct json_limits *limits, const char **pointer, struct err *e);

/* Where the node stands: "" for the whole, "/filter/and/0". In the arena. */
const char *json_tree_pointer(struct arena *a, const struct json_node *node);

/* What whoever reads a tree fails with. */
struct json_reader {
	struct arena *arena;
	const char **pointer;
	struct err *err;
};

/* -1: ERR_BAD_REQUEST with the text, and *pointer says which node is meant. */
int json_refuse(struct json_reader *r, const struct json_node *at, const char *text);

/* NULL where the object has none of that name. */
const struct json_node *json_tree_member(const struct json_node *object, const char *name);

/* "a string", "an object" … for messages. */
const char *json_tree_kind_name(enum json_node_kind kind);

#endif
