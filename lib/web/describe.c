#include "lib/web/describe.h"

#include "lib/query/columns.h"

int describe_select(struct request *rq, struct source *source, const struct select *sel,
	struct schema *schema, struct err *e)
{
	struct select no_rows = *sel;
	const struct schema *described;
	struct statement st;
	struct batch batch;

	no_rows.page = NULL;
	no_rows.limit = 0;
	select_compile(&rq->arena, &no_rows, &st);
	if (source_open(source, &st, &described, e) < 0)
		return -1;
	/* The source's schema ends with its result; the types are values, the names come from the catalog. */
	select_name_schema(&rq->arena, sel, described, schema);
	batch_init(&batch, described);
	int r = source_next(source, &batch, e);

	batch_free(&batch);
	return r < 0 ? -1 : 0;
}

int describe_table(struct request *rq, struct source *source, const struct catalog_table *t,
	const char *columns, struct schema *schema, struct err *e)
{
	struct select sel = { .table = t, .limit = 0 };

	if (select_columns(&rq->arena, &sel, columns, e) < 0)
		return -1;
	return describe_select(rq, source, &sel, schema, e);
}
