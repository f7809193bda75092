/*
 * Query: what is asked of a table and of those that its joins reach, as a tree. The definition
 * reader (definition.h) and the reader of filters in a URL (filters.h) build it from text alone;
 * compile.h finds the names in the catalog, checks types and makes SQL. Everything lives in the
 * arena of whoever built it.
 */
#ifndef SLUICE_QUERY_QUERY_H
#define SLUICE_QUERY_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum expr_op {
	EXPR_COLUMN,  /* text: "email", "owner.email" */
	EXPR_LITERAL, /* text and literal */
	/* arithmetic: two numbers */
	EXPR_ADD,
	EXPR_SUBTRACT,
	EXPR_MULTIPLY,
	EXPR_DIVIDE, /* by zero: NULL */
	EXPR_MODULO,
	/* functions */
	EXPR_LOWER,
	EXPR_UPPER,
	EXPR_TRIM,
	EXPR_LENGTH,
	EXPR_COALESCE,
	EXPR_CAST,       /* text: the type's word */
	EXPR_DATE_TRUNC, /* text: the unit's word */
	EXPR_EXTRACT,    /* the same */
	/* aggregates */
	EXPR_COUNT, /* no argument: of rows */
	EXPR_COUNT_DISTINCT,
	EXPR_SUM,
	EXPR_AVG,
	EXPR_MIN,
	EXPR_MAX,
	/* conditions */
	EXPR_AND,
	EXPR_OR,
	EXPR_NOT,
	EXPR_EQ,
	EXPR_NE,
	EXPR_LT,
	EXPR_LE,
	EXPR_GT,
	EXPR_GE,
	EXPR_IN,      /* the first argument, among the rest */
	EXPR_BETWEEN, /* first >= second and first <= third */
	EXPR_LIKE,
	EXPR_ILIKE,
	EXPR_IS_NULL,
	EXPR_CONTAINS, /* jsonb: the first holds the second, a literal of JSON text */
	EXPR_OPS_N
};

enum literal {
	LITERAL_NULL,
	LITERAL_BOOL,
	LITERAL_INTEGER,
	LITERAL_NUMBER,
	LITERAL_STRING,
	LITERAL_JSON
};

struct expr {
	enum expr_op op;
	uint8_t literal;   /* enum literal */
	const char *text;  /* see above; of a bool "true" or "false", of a number its digits */
	const char *where; /* JSON pointer (RFC 6901) into the definition, or a parameter's name */
	struct expr **args;
	size_t args_n;
};

/* What each operation is called and takes: one row an operation, by enum expr_op. */
struct expr_type {
	const char *name;              /* in a definition; NULL: has none */
	uint8_t args_least, args_most; /* 255: as many as limits.query_items allows */
	bool is_condition;
	bool is_aggregate;
};

extern const struct expr_type expr_types[EXPR_OPS_N];

struct output {
	struct expr *expr;
	const char *name; /* as asked for; NULL: the compiler finds one */
};

enum nulls {
	NULLS_DEFAULT,
	NULLS_FIRST,
	NULLS_LAST
}; /* default as PostgreSQL's: last ascending, first descending */

struct sort {
	struct expr *expr; /* EXPR_COLUMN: the name of an output before that of a column */
	bool descending;
	uint8_t nulls;
};

enum query_count { QUERY_COUNT_NONE, QUERY_COUNT_EXACT, QUERY_COUNT_PLANNED };

struct query {
	const char *from; /* key of a table */
	struct output *select;
	size_t select_n;     /* 0: every column that the caller may see */
	struct expr *filter; /* NULL: none */
	struct expr **group_by;
	size_t group_by_n;
	struct expr *having; /* NULL: none */
	struct sort *sort;
	size_t sort_n;
	int64_t limit;     /* -1: none */
	int64_t offset;    /* 0: none */
	const char *after; /* a cursor's token, or NULL */
	uint8_t count;     /* enum query_count: what totalRows is to be */
	bool validate_only;
};

#endif
