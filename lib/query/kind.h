/*
 * Kind: what can be done with values of a type; the types of PostgreSQL in a dozen classes.
 */
#ifndef SLUICE_QUERY_KIND_H
#define SLUICE_QUERY_KIND_H

#include <stdbool.h>

enum kind {
	KIND_OTHER, /* what the server makes of it: enum, array, inet … */
	KIND_BOOL,
	KIND_INTEGER,
	KIND_NUMERIC,
	KIND_FLOAT,
	KIND_TEXT,
	KIND_DATE,
	KIND_TIMESTAMP,
	KIND_TIMESTAMPTZ,
	KIND_TIME,
	KIND_INTERVAL,
	KIND_UUID,
	KIND_JSON,
	KIND_JSONB,
	KIND_BYTES,
	KIND_CONDITION, /* what filters are made of; no value */
	KINDS_N
};

/* By the name that format_type gives without modifiers: "character varying". */
enum kind kind_of(const char *base_type);

/* For people: "a whole number", "text". */
const char *kind_name(enum kind kind);

static inline bool kind_is_number(enum kind k)
{
	return k == KIND_INTEGER || k == KIND_NUMERIC || k == KIND_FLOAT;
}

static inline bool kind_is_point_in_time(enum kind k)
{
	return k == KIND_DATE || k == KIND_TIMESTAMP || k == KIND_TIMESTAMPTZ;
}

/* Has the kind an order, for sorts and comparisons? (That of KIND_OTHER the server knows.) */
static inline bool kind_is_ordered(enum kind k)
{
	return k != KIND_JSON && k != KIND_CONDITION;
}

#endif
