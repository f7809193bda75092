#include "lib/export/describe.h"

int describe_query(
	struct source *source, const struct compile *c, struct schema *schema, struct err *e)
{
	struct query query = *c->query;
	struct compile no_rows = *c;
	struct compiled compiled;
	const struct schema *described;
	struct batch batch;

	query.limit = 0;
	query.offset = 0;
	no_rows.query = &query;
	no_rows.page = NULL;
	no_rows.cursor = false;
	no_rows.after = NULL;
	if (compile_query(&no_rows, &compiled, e) < 0 ||
		source_open(source, &compiled.statement, &described, e) < 0)
		return -1;
	/* The source's schema ends with its result; the types are values, the names come from the catalog. */
	compiled_schema(c->scope->arena, &compiled, described, schema);
	batch_init(&batch, described);
	int r = source_next(source, &batch, e);

	batch_free(&batch);
	return r < 0 ? -1 : 0;
}
