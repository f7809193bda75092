/*
 * The expressions of a definition: JSON, read into struct expr. What definition.c and it share.
 */
#ifndef SLUICE_QUERY_DEFINITION_EXPR_H
#define SLUICE_QUERY_DEFINITION_EXPR_H

#include "lib/base/json_tree.h"
#include "lib/base/settings.h"
#include "lib/query/query.h"

struct definition_reader {
	struct arena *arena;
	const struct settings *settings;
	size_t exprs; /* so far, in the whole definition */
	const char **pointer;
	struct err *err;
};

/* Sets err to ERR_BAD_REQUEST and *pointer to the node's place; returns -1. */
int definition_fail(struct definition_reader *r, const struct json_node *at, const char *format,
	...) __attribute__((format(printf, 3, 4)));

/* "; did you mean …?" for the nearest of `known` (ends with NULL), or "". */
const char *definition_hint(
	struct definition_reader *r, const char *wrong, const char *const *known);

/* The node's string: not empty and of at most `most` bytes. NULL after a failure; what: "a column",
 * for its text. */
const char *definition_text(
	struct definition_reader *r, const struct json_node *node, size_t most, const char *what);

/* NULL after a failure. A string is a column. */
struct expr *definition_expr(struct definition_reader *r, const struct json_node *node);

/* The same of a name: a string, an EXPR_COLUMN. */
struct expr *definition_column(struct definition_reader *r, const struct json_node *node);

#endif
