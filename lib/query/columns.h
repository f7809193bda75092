/*
 * What an export calls its columns, and the list by which a URL asks for them.
 *
 *	list = item *( "," item )
 *	item = name [ ":" name ]        the column, and its name in the export
 *	name = *( any but "," ":" )     or, for any name at all, "in ""double"" quotes"
 */
#ifndef SLUICE_QUERY_COLUMNS_H
#define SLUICE_QUERY_COLUMNS_H

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/query/query.h"

enum {
	COLUMNS_MAX = 1664 /* PostgreSQL's own: MaxTupleAttributeNumber, "Appendix K. Limits" */
};

/* Fill the query's select from a list. ERR_BAD_REQUEST when it cannot be read; whether there are
 * such columns is not known here. */
int columns_read(struct arena *a, const char *list, struct query *q, struct err *e);

/* Give each output the name it is exported by, unique: the one it was given, or that of its column
 * or operation; a second one becomes name_2. ERR_BAD_REQUEST names the new name that two would
 * have. */
int columns_name(struct arena *a, struct output *outputs, size_t n, struct err *e);

#endif
