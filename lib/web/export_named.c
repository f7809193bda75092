#include "lib/web/export_named.h"

#include "lib/base/random.h"

int export_need_metadata(const struct app *app, struct err *e)
{
	return app->metadata ? 0
			     : err_set(e, ERR_NOT_FOUND,
				       "exports are not kept: no metadata database is configured");
}

int export_named(const struct app *app, const struct request *rq, struct err *e)
{
	if (request_known_params(rq, (const char *const[]){ NULL }, e) < 0 ||
		export_need_metadata(app, e) < 0)
		return -1;
	return uuid_valid(rq->captures[0])
		       ? 0
		       : err_set(e, ERR_NOT_FOUND, "that is not the id of an export");
}
