/*
 * How exports ended.
 */
#include "lib/web/route.h"

int handle_export(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct buf b = { 0 };

	if (request_known_params(rq, (const char *const[]){ NULL }, e) < 0)
		return -1;
	if (!app->outcomes)
		return err_set(e, ERR_NOT_FOUND,
			"outcomes are not kept: no metadata database is configured");
	if (!uuid_valid(rq->captures[0]))
		return err_set(e, ERR_NOT_FOUND, "that is not the id of an export");
	int status = outcome_read(app->outcomes, rq->captures[0], rq->principal.subject, &b, e);

	if (status == 0)
		response_json(rs, 200, &b);
	buf_free(&b);
	return status;
}
