/*
 * What the service is, and that it is alive. Neither asks a database.
 */
#include "config.h"

#include "lib/format/format.h"
#include "lib/sink/compress.h"
#include "lib/web/route.h"

int handle_service(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct buf b = { 0 };

	(void)rq, (void)e;
	buf_puts(&b, "{\"service\":\"sluice\",\"version\":\"" PACKAGE_VERSION "\",\"features\":{"
		     "\"formats\":[");
	for (size_t i = 0; format_types[i]; i++)
		buf_printf(&b, "%s\"%s\"", i ? "," : "", format_types[i]->name);
	buf_puts(&b, "],\"compressions\":[");
	for (size_t i = 0; compress_types[i]; i++)
		buf_printf(&b, "%s\"%s\"", i ? "," : "", compress_types[i]->name);
	const char *kept = app->outcomes ? "true" : "false"; /* there is a metadata database */

	buf_printf(&b, "],\"pages\":true,\"digest\":[\"sha-256\"],\"outcomes\":%s,\"jobs\":%s}}\n",
		kept, kept);
	response_json(rs, 200, &b);
	buf_free(&b);
	return 0;
}

int handle_health(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct buf b = { 0 };

	(void)app, (void)rq, (void)e;
	buf_puts(&b, "{\"status\":\"ok\",\"version\":\"" PACKAGE_VERSION "\"}\n");
	response_json(rs, 200, &b);
	buf_free(&b);
	return 0;
}
