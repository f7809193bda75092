/*
 * Query as JSON: the tree told as a definition (definition.h) in one canonical form, which reads
 * back as the same tree: for the audit, where what was asked matters and its spelling does not.
 *
 * Members in the order of definition.h, none that has its default, no spaces but within the JSON of
 * contains; a column is a string wherever that reads as one, the arguments of an operation stand in
 * brackets, and the list of in is an array.
 */
#ifndef SLUICE_QUERY_QUERY_JSON_H
#define SLUICE_QUERY_QUERY_JSON_H

#include "lib/base/mem.h"
#include "lib/query/query.h"

/* Whether values beside the column must not be told; the name as the query has it. */
typedef bool query_json_hides(const void *of, const char *column);

/* Append to b a query as definition_read makes it. Where a column is hidden, "***" takes the place
 * of every literal of the condition that the column stands in, however deep (what and, or and not
 * join are conditions each by itself), and outside of conditions of the whole expression; and where
 * anything may be hidden, of page.after. hides NULL: nothing is hidden. */
void query_json(struct buf *b, const struct query *q, query_json_hides *hides, const void *of);

#endif
