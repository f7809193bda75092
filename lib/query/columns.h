/*
 * The list of columns that a caller asks for: which, in what order, and what the export calls them.
 *
 *	list = item *( "," item )
 *	item = name [ ":" name ]        the column, and its name in the export
 *	name = *( any but "," ":" )     or, for any name at all, "in ""double"" quotes"
 */
#ifndef SLUICE_QUERY_COLUMNS_H
#define SLUICE_QUERY_COLUMNS_H

#include "lib/query/select.h"

/* Fill the select's columns and names from a list, or with all columns when it is NULL. A column asked for twice becomes
 * name and name_2. ERR_BAD_REQUEST names the column that is not there, or the new name that two would have. */
int select_columns(struct arena *a, struct select *s, const char *list, struct err *e);

#endif
