/*
 * Parts of a statement: what compile.c and compile_page.c have of each other. The rest of the world
 * needs compile.h alone.
 */
#ifndef SLUICE_QUERY_COMPILE_PART_H
#define SLUICE_QUERY_COMPILE_PART_H

#include "lib/query/compile.h"
#include "lib/query/keyset.h"

/* The parts of a statement, as text. */
struct parts {
	struct sql sql;
	struct term *outputs; /* of the query's select */
	const char *where;    /* condition, or NULL */
	const char *group_by; /* list, or NULL */
	const char *having;   /* condition, or NULL */
	struct keyset keys;   /* what the rows are sorted by */
	bool is_grouped;
	bool is_dear; /* JSON is to be made */
};

static inline struct arena *compile_arena(const struct compile *c)
{
	return c->scope->arena;
}

/* SELECT … FROM … WHERE … GROUP BY … HAVING …, with the sort keys behind the outputs where `keys`
 * are wanted, and one more condition, or NULL. from: of scope_from. */
void compile_put_core(struct compile *c, struct parts *p, const char *from, const char *more,
	bool keys, struct buf *b);

/* LIMIT, and where it is wanted OFFSET. */
void compile_put_limit(const struct compile *c, struct buf *b, bool offset);

/* The whole statement of a page with a cursor. */
void compile_put_cursor(struct compile *c, struct parts *p, const char *from, struct buf *b);

/* out->keys and hidden_n; outputs_n is there. */
void compile_fill_keys(const struct compile *c, const struct parts *p, struct compiled *out);

#endif
