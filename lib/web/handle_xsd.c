/*
 * The XML schema of a table's export as XML: of the document that rows.xml with the same parameters gives.
 */
#include <assert.h>

#include "lib/format/options.h"
#include "lib/format/xml_schema.h"
#include "lib/web/describe.h"
#include "lib/web/route.h"
#include "lib/web/table.h"

/* Every option of XML, so that the query of rows.xml fits; tz changes the values, not what may stand there. */
static int check_params(const struct request *rq, struct err *e)
{
	enum { MOST = 16 };
	const char *known[MOST] = { "columns" };
	size_t n = 1;

	for (const struct format_option *o = format_option_table; o->name; o++) {
		if (!(o->families & FAMILY_XML))
			continue;
		assert(n + 2 < MOST);
		known[n++] = o->name;
		if (o->alias)
			known[n++] = o->alias;
	}
	known[n] = NULL;
	return request_known_params(rq, known, e);
}

static const char *get_param(const void *from, const char *name)
{
	return request_param(from, name);
}

static int describe(struct app *app, struct request *rq, struct schema *schema, struct err *e)
{
	struct source *source = NULL;
	struct catalog_table t;

	if (table_find(app, rq, &source, &t, e) == 0 &&
		describe_table(rq, source, &t, request_param(rq, "columns"), schema, e) == 0 &&
		table_leave(&source, e) == 0)
		return 0;
	table_abandon(&source);
	return -1;
}

int handle_table_xsd(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct format_options options;
	struct schema schema;
	struct buf b = { 0 };

	format_options_init(&options, false);
	int status = check_params(rq, e);

	if (status == 0)
		status = format_options_read(&options, FAMILY_XML, get_param, rq, &rq->arena, e);
	if (status == 0)
		status = describe(app, rq, &schema, e);
	if (status == 0) {
		xml_schema(&b, &schema, options.root, options.row);
		response_body(rs, 200, "application/xml", &b);
	}
	buf_free(&b);
	format_options_free(&options);
	return status;
}
