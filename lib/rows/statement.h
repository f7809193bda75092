/*
 * Statement: one SQL text and its parameters, as lib/query compiles it and a source runs it.
 * Values are always parameters, in text form; the SQL says their type ($1::bigint).
 */
#ifndef SLUICE_ROWS_STATEMENT_H
#define SLUICE_ROWS_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>

struct statement {
	const char *sql;
	const char *const *params; /* NUL-terminated text; NULL is SQL NULL */
	size_t params_n;
	bool parallel; /* its values are dear to make: worth a second process of the server */
};

#endif
