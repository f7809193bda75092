/*
 * SQL: one statement in the making: texts are parts of it, values become its parameters.
 */
#ifndef SLUICE_QUERY_SQL_H
#define SLUICE_QUERY_SQL_H

#include "lib/base/mem.h"
#include "lib/rows/statement.h"

struct sql_value {
	const char *text; /* NULL: SQL NULL */
	const char *type;
};

struct sql {
	struct arena *arena;
	struct sql_value *values;
	size_t n;
};

/* "$7" for a value that the statement uses as one of `type` (any text that tells types apart: the
 * server gives a parameter one type). Equal values of one type are one parameter, so that what is
 * written twice reads the same twice, as GROUP BY asks for. */
const char *sql_param(struct sql *sql, const char *value, const char *type);

/* The statement of that text, with the parameters so far. */
void sql_finish(const struct sql *sql, const char *text, struct statement *st);

#endif
