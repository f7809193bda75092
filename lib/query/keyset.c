#include "lib/query/keyset.h"

#include <string.h>

/* Room for one more of n: in an array that doubles; the arena keeps the outgrown ones. */
static void *grown(struct arena *a, void *old, size_t n, size_t size)
{
	if (n & (n - 1)) /* neither 0 nor a power of two: not full */
		return old;
	char *more = arena_zero(a, n ? 2 * n : 1, size);

	if (n)
		memcpy(more, old, n * size);
	return more;
}

void keyset_add(
	struct keyset *k, struct arena *a, const struct term *t, bool descending, bool nulls_first)
{
	for (size_t i = 0; i < k->n; i++)
		if (!strcmp(k->items[i].term.sql, t->sql))
			return;
	k->items = grown(a, k->items, k->n, sizeof *k->items);
	k->items[k->n++] = (struct keyset_item){ *t, descending, nulls_first };
}

void keyset_add_group(struct keyset *k, struct arena *a, const struct term *t)
{
	k->groups = grown(a, k->groups, k->groups_n, sizeof *k->groups);
	k->groups[k->groups_n++] = *t;
}

void keyset_add_groups(struct keyset *k, struct arena *a)
{
	for (size_t i = 0; i < k->groups_n; i++)
		if (kind_is_ordered(k->groups[i].kind))
			keyset_add(k, a, &k->groups[i], false, false);
}

bool keyset_is_by_values(const struct keyset *k)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->items[i].term.kind == KIND_OTHER && k->items[i].term.is_from_outside)
			return false;
	return k->is_total;
}

void keyset_put_order(const struct keyset *k, struct buf *b, const char *by)
{
	for (size_t i = 0; i < k->n; i++) {
		const struct keyset_item *item = &k->items[i];

		buf_puts(b, i ? ", " : " ORDER BY ");
		if (by)
			buf_printf(b, "%s%zu", by, i);
		else
			buf_puts(b, item->term.sql);
		if (item->descending)
			buf_puts(b, " DESC");
		/* Only where it is not the server's default. */
		if (item->nulls_first != item->descending)
			buf_puts(b, item->nulls_first ? " NULLS FIRST" : " NULLS LAST");
	}
}

static const char *name_of(const struct keyset *k, struct arena *a, size_t i, bool by_name)
{
	return by_name ? arena_printf(a, "s%zu", i) : k->items[i].term.sql;
}

static const char *value_of(const struct keyset *k, struct sql *sql, const char *value, size_t i)
{
	const struct term *t = &k->items[i].term;
	const char *type = t->type ? t->type : "", *param = sql_param(sql, value, type);

	/* The server reads it as what it stands beside, but beside a composite it does not know which. (As a type's name,
	 * bit is that of one bit.) */
	return t->kind == KIND_OTHER && *type && strcmp(type, "bit") != 0
		       ? arena_printf(sql->arena, "%s::%s", param, type)
		       : param;
}

/* IS NULL is true, and IS NOT NULL false, of a composite with fields that are NULL too. */
static const char *is_null(const struct keyset *k, size_t i)
{
	return k->items[i].term.kind == KIND_OTHER ? "IS NOT DISTINCT FROM NULL" : "IS NULL";
}

static const char *is_not_null(const struct keyset *k, size_t i)
{
	return k->items[i].term.kind == KIND_OTHER ? "IS DISTINCT FROM NULL" : "IS NOT NULL";
}

/* Greater in the i-th key alone; NULL: nothing is. */
static const char *greater(
	const struct keyset *k, struct sql *sql, const char *value, size_t i, const char *name)
{
	const struct keyset_item *item = &k->items[i];

	if (!value)
		return item->nulls_first
			       ? arena_printf(sql->arena, "%s %s", name, is_not_null(k, i))
			       : NULL;
	return arena_printf(sql->arena, "%s %s %s", name, item->descending ? "<" : ">",
		value_of(k, sql, value, i));
}

static const char *null_behind(
	const struct keyset *k, struct sql *sql, const char *value, size_t i, const char *name)
{
	const struct keyset_item *item = &k->items[i];

	if (!value || !item->term.nullable || item->nulls_first)
		return NULL;
	return arena_printf(sql->arena, "%s %s", name, is_null(k, i));
}

static const char *range(const struct keyset *k, struct sql *sql, const struct cursor *after,
	size_t at, bool by_name)
{
	size_t i = at / 2;
	struct buf b = { 0 };
	const char *name = name_of(k, sql->arena, i, by_name);
	const char *last = at % 2 ? null_behind(k, sql, after->values[i], i, name)
				  : greater(k, sql, after->values[i], i, name);

	if (!last)
		return NULL;
	for (size_t j = 0; j < i; j++) {
		name = name_of(k, sql->arena, j, by_name);
		if (after->values[j])
			buf_printf(&b, "%s = %s AND ", name, value_of(k, sql, after->values[j], j));
		else
			buf_printf(&b, "%s %s AND ", name, is_null(k, j));
	}
	buf_puts(&b, last);
	const char *text = arena_strdup(sql->arena, buf_str(&b));

	buf_free(&b);
	return text;
}

const char *keyset_range(
	const struct keyset *k, struct sql *sql, const struct cursor *after, size_t i)
{
	return range(k, sql, after, i, false);
}

const char *keyset_behind(const struct keyset *k, struct sql *sql, const struct cursor *after)
{
	const char *all = NULL;

	for (size_t i = 0; i < keyset_ranges_n(k); i++) {
		const char *one = range(k, sql, after, i, true);

		if (one)
			all = all ? arena_printf(sql->arena, "%s OR (%s)", all, one)
				  : arena_printf(sql->arena, "(%s)", one);
	}
	return all ? arena_printf(sql->arena, "(%s)", all) : "false";
}
