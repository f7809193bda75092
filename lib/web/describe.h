/*
 * Describe: the schema that an export would have, without its rows.
 */
#ifndef SLUICE_WEB_DESCRIBE_H
#define SLUICE_WEB_DESCRIBE_H

#include "lib/query/select.h"
#include "lib/source/source.h"
#include "lib/web/request.h"

/* Of the columns that sel has; the source is in a transaction and stays in it. The schema is the request's arena's. */
int describe_select(struct request *rq, struct source *source, const struct select *sel,
	struct schema *schema, struct err *e);

/* Of a table, or of its columns in `columns`, a list as select_columns takes it (NULL: all). */
int describe_table(struct request *rq, struct source *source, const struct catalog_table *t,
	const char *columns, struct schema *schema, struct err *e);

#endif
