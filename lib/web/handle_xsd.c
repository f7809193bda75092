/*
 * The XML schema of a table's export as XML: of the document that rows.xml with the same parameters gives.
 */
#include "lib/format/xml_schema.h"
#include "lib/web/describe.h"
#include "lib/web/option_params.h"
#include "lib/web/route.h"
#include "lib/web/visit.h"

static int describe(struct app *app, struct request *rq, struct schema *schema, struct err *e)
{
	struct source *source = NULL;
	struct table t;

	if (visit_table(app, rq, &source, &t, e) == 0 &&
		describe_table(app, rq, source, &t, request_param(rq, "columns"), schema, e) == 0 &&
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

	/* Every option of XML, so that the query of rows.xml fits; tz changes the values, not what may stand there. */
	int status = option_params_read(rq, format_by_suffix("xml"), NULL, &options, e);

	if (status == 0)
		status = option_params_check(rq, (const char *const[]){ "columns", NULL }, e);
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
