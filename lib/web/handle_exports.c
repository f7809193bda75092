/*
 * How exports ended.
 */
#include <ctype.h>
#include <string.h>

#include "lib/web/route.h"

static bool is_uuid(const char *s)
{
	if (strlen(s) != UUID_TEXT - 1)
		return false;
	for (size_t i = 0; s[i]; i++)
		if (i == 8 || i == 13 || i == 18 || i == 23 ? s[i] != '-'
							    : !isxdigit((unsigned char)s[i]))
			return false;
	return true;
}

int handle_export(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct buf b = { 0 };

	if (request_known_params(rq, (const char *const[]){ NULL }, e) < 0)
		return -1;
	if (!app->outcomes)
		return err_set(e, ERR_NOT_FOUND,
			"outcomes are not kept: no metadata database is configured");
	if (!is_uuid(rq->captures[0]))
		return err_set(e, ERR_NOT_FOUND, "that is not the id of an export");
	int status = outcome_read(app->outcomes, rq->captures[0], rq->principal.subject, &b, e);

	if (status == 0)
		response_json(rs, 200, &b);
	buf_free(&b);
	return status;
}
