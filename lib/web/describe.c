#include "lib/web/describe.h"

#include "lib/export/describe.h"
#include "lib/query/columns.h"

int describe_table(struct app *app, struct request *rq, struct source *source, struct table *t,
	const char *columns, struct schema *schema, struct err *e)
{
	struct query query = { .from = t->settings->key, .limit = 0 };
	struct compile c = { .query = &query };
	struct scope scope;

	c.scope = &scope;
	scope_init(&scope, &rq->arena, &app->settings, t->settings, &t->catalog, app->mask_key);
	if (columns && columns_read(&rq->arena, columns, &query, e) < 0)
		return -1;
	return describe_query(source, &c, schema, e);
}
