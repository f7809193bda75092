/*
 * Parts of expressions: what the files that compile them (expr.c, expr_literal.c, expr_function.c,
 * expr_aggregate.c, expr_condition.c) have of each other. The rest of the world needs expr.h alone.
 */
#ifndef SLUICE_QUERY_EXPR_PART_H
#define SLUICE_QUERY_EXPR_PART_H

#include <stddef.h>

#include "lib/query/expr.h"

static inline const char *expr_op_name(const struct expr *x)
{
	return expr_types[x->op].name;
}

static inline struct arena *expr_arena(const struct expr_compiler *c)
{
	return c->scope->arena;
}

/* -1: ERR_BAD_REQUEST with this text, and x the place of the fault. */
int __attribute__((format(printf, 4, 5)))
expr_refuse(struct expr_compiler *c, const struct expr *x, struct err *e, const char *format, ...);

/* The refusal of an argument: "x takes `takes`, and this is …". */
int expr_wrong_kind(struct expr_compiler *c, const struct expr *x, const struct expr *arg,
	const char *takes, const struct term *got, struct err *e);

/* The i-th argument of x, as expr_value has it. */
int expr_argument(struct expr_compiler *c, const struct expr *x, size_t i,
	const struct term *wanted, struct term *out, struct err *e);

/* The two sides of an operation: a literal takes the type of the other. */
int expr_both_sides(struct expr_compiler *c, const struct expr *x, struct term *left,
	struct term *right, struct err *e);

/* Add to *out what it has of an operand: tables, aggregates, NULLs, secrets; not its type. */
void expr_join(struct term *out, const struct term *t);

void expr_set_type(struct term *out, enum kind kind, const char *type);

/* The same SQL where it is computed of rows that are the caller's. tables: bits, as of struct
 * term. */
const char *expr_guard(struct expr_compiler *c, const char *sql, unsigned tables);

/* x is EXPR_LITERAL; wanted as for expr_value. */
int expr_literal(struct expr_compiler *c, const struct expr *x, const struct term *wanted,
	struct term *out, struct err *e);

/* Arithmetic, and what is called by a name and is neither aggregate nor condition. */
int expr_function(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e);

/* x is an aggregate. */
int expr_aggregate(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e);

#endif
