/*
 * Keyset: what the rows of a page are sorted by, and the rows that stand behind given values of it.
 */
#ifndef SLUICE_QUERY_KEYSET_H
#define SLUICE_QUERY_KEYSET_H

#include "lib/base/mem.h"
#include "lib/query/cursor.h"
#include "lib/query/expr.h"
#include "lib/query/sql.h"

struct keyset_item {
	struct term term;
	bool descending;
	bool nulls_first;
};

struct keyset {
	struct keyset_item *items;
	size_t n;
	struct term *groups; /* of GROUP BY: together they tell the rows apart */
	size_t groups_n;
	bool is_total; /* no two rows have the same values */
};

/* Can a page begin behind values of the keys? Else its rows are to be counted off. */
bool keyset_is_by_values(const struct keyset *k);

/* A further key, unless the rows are sorted by it already. */
void keyset_add(
	struct keyset *k, struct arena *a, const struct term *t, bool descending, bool nulls_first);
void keyset_add_group(struct keyset *k, struct arena *a, const struct term *t);
void keyset_add_groups(struct keyset *k, struct arena *a);

/* " ORDER BY …"; nothing where there are no keys. by: names of that beginning (page.s0, page.s1 …)
 * instead of the keys themselves. */
void keyset_put_order(const struct keyset *k, struct buf *b, const char *by);

/* The rows behind the cursor, as ranges: those that share its first i values and have a greater
 * next one, or none where NULL comes last; the i-th of keyset_ranges_n. NULL: there are none. */
static inline size_t keyset_ranges_n(const struct keyset *k)
{
	return 2 * k->n;
}
const char *keyset_range(
	const struct keyset *k, struct sql *sql, const struct cursor *after, size_t i);

/* All ranges as one condition on s0, s1 …. */
const char *keyset_behind(const struct keyset *k, struct sql *sql, const struct cursor *after);

#endif
