/*
 * Limits: what bounds a query before anything is looked up, however it is written.
 */
#ifndef SLUICE_QUERY_LIMITS_H
#define SLUICE_QUERY_LIMITS_H

#include <stddef.h>

#include "lib/base/mem.h"
#include "lib/base/settings.h"

enum {
	QUERY_NAME_MAX = 255,        /* bytes of a name of a table or column, of a type or a unit */
	QUERY_AS_MAX = 63,           /* bytes of an output's name: longer ones PostgreSQL cuts */
	QUERY_TEXT_MAX = 64 * 1024,  /* bytes of a value */
	QUERY_TOKEN_MAX = 16 * 1024, /* bytes of a cursor's token, as cursor.h has it */
	QUERY_NUMBER_MAX = 1000,     /* characters of a number, which with the exponent … */
	QUERY_EXPONENT_MAX = 15000   /* … is what numeric holds: 16,383 digits behind the point */
};

/* Operations within each other: limits.query_depth, but never so many that reading them, by
 * functions that call themselves, needs much of the stack. */
size_t query_depth_most(const struct settings *s);

/* In a list: limits.query_items, of which four times as many are the expressions of a query. */
size_t query_items_most(const struct settings *s);

/* NULL where the pattern of like and ilike will do, else what is wrong with it (in the arena). */
const char *query_pattern_fault(struct arena *a, const struct settings *s, const char *pattern);

#endif
