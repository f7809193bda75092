/*
 * Expressions compiled to SQL: names found in the scope, types checked, values made parameters.
 */
#ifndef SLUICE_QUERY_EXPR_H
#define SLUICE_QUERY_EXPR_H

#include "lib/base/err.h"
#include "lib/query/kind.h"
#include "lib/query/query.h"
#include "lib/query/scope.h"
#include "lib/query/sql.h"

struct term {
	const char *sql;
	enum kind kind;
	const char *type; /* the server's name of it without modifiers */
	bool nullable;
	const struct catalog_column
		*column; /* where it is one and nothing more; NULL: an expression */
	unsigned tables; /* bits of the scope's tables it reads */
	bool has_aggregate;
	bool is_from_outside; /* as the column's, where it is KIND_OTHER */
	bool is_private;      /* of a masked or tenant's column: values beside it are not told */
};

struct expr_compiler {
	struct scope *scope;
	struct sql *sql;
	bool may_aggregate;
	bool in_aggregate;
	bool is_after_groups; /* what is computed once the rows are chosen, and needs no guard */
	const char *where;    /* of what failed */
};

/* A value. wanted: another operand, whose type a literal takes; NULL: the literal's own.
 * ERR_BAD_REQUEST with c->where. */
int expr_value(struct expr_compiler *c, const struct expr *x, const struct term *wanted,
	struct term *out, struct err *e);

/* Whether it holds an aggregate. */
bool expr_aggregates(const struct expr *x);

/* A condition. ERR_FORBIDDEN when it names another tenant. */
int expr_condition(struct expr_compiler *c, const struct expr *x, struct term *out, struct err *e);

#endif
