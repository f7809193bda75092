/*
 * Filters and order as parameters of a URL, read into a query's tree.
 *
 *	NAME=VALUE             equal; several of one name are all to hold
 *	NAME=OP.VALUE          eq. ne. lt. le. gt. ge. like. ilike. (gte. and lte. too)
 *	NAME=in.A,B,"C,D"      among these; a value in double quotes holds commas,
 *	                       a doubled quote is one
 *	NAME=between.A,B
 *	NAME=is.null  NAME=not.null
 *	order=NAME[.asc|.desc][.nullsfirst|.nullslast],…
 *
 * NAME is a column (owner.email through a join), or what the registry declares (tables.*.filters:
 * "min_ltv:lifetime_value:ge": then the whole value is that operator's). A value that would be read
 * as an operator is written eq.VALUE.
 */
#ifndef SLUICE_QUERY_FILTERS_H
#define SLUICE_QUERY_FILTERS_H

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/settings.h"
#include "lib/query/query.h"

/* One parameter into q->filter (and-ed to what is there) or, for "order", q->sort. Values are
 * literals of unknown type: LITERAL_STRING. ERR_BAD_REQUEST names the parameter. The name need not
 * be a column: the compiler finds out. The query and what was in it must be of the same arena; name
 * and value are borrowed by it. */
int filters_add(struct arena *a, const struct settings *s, const struct settings_table *t,
	const char *name, const char *value, struct query *q, struct err *e);

/* That tables.*.filters are as above: ERR_CONFIG. */
int filters_check(const struct settings_table *t, struct err *e);

#endif
