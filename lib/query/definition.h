/*
 * Definition: a query as JSON, read into its tree.
 *
 *	{ "from": "users",
 *	  "select": ["user_id", {"column": "email", "as": "mail"},
 *	             {"expr": {"lower": ["name"]}, "as": "who"}],
 *	  "filter": {"and": [{"ge": ["user_id", 10]}, {"in": ["country_code", ["US", "DE"]]}]},
 *	  "groupBy": ["country_code"], "having": {"gt": [{"count": []}, 5]},
 *	  "sort": [{"column": "user_id", "direction": "asc", "nulls": "last"},
 *	           {"expr": {"lower": "name"}}],
 *	  "page": {"limit": 100, "after": "…"} or {"limit": 100, "offset": 200},
 *	  "count": "exact" (default), "planned" or "none", "validateOnly": true }
 *
 * An operation is an object of one member, {"name": [arguments]}; one argument may stand without
 * the brackets. A string is a column, but for these, which are literals: every argument but the
 * first of a comparison, in, between, like, ilike (also the items of in's list, which may be one
 * array or the rest of the arguments). {"column": "name"} and {"value": literal} say which where it
 * must be said. Numbers, true, false and null are literals everywhere. The second argument of
 * contains is any JSON. {"cast": [x, "type"]}, {"date_trunc": ["unit", x]}, {"extract": ["unit",
 * x]}. isNull takes one argument. {"count": []} and {"count": "*"} count rows; {"countDistinct":
 * x}. Operations: add subtract multiply divide modulo lower upper trim length coalesce cast
 * date_trunc extract count countDistinct sum avg min max and or not eq ne lt le gt ge in between
 * like ilike isNull contains.
 */
#ifndef SLUICE_QUERY_DEFINITION_H
#define SLUICE_QUERY_DEFINITION_H

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/settings.h"
#include "lib/query/query.h"

/* Limits are the settings' limits.query_*: its depth that of operations within each other, its
 * items those of each list; and those of limits.h. Strict: a member that is not known, stands
 * twice, is of the wrong type, or a text that is not UTF-8 or holds U+0000, is ERR_BAD_REQUEST, its
 * text naming what is wrong, and *pointer (in the arena) where: a JSON pointer, "" for the whole. A
 * number keeps its digits. Patterns: at most limits.query_pattern bytes, and none ends with an odd
 * number of backslashes. */
int definition_read(struct arena *a, const struct settings *s, const char *json, size_t len,
	struct query *q, const char **pointer, struct err *e);

#endif
