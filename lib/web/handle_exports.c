/*
 * What became of an export: of one that was run as a job, the job; of one that was streamed, how it ended.
 */
#include "lib/job/job_store.h"
#include "lib/web/route.h"

static int read_export(struct app *app, struct request *rq, struct buf *b, struct err *e)
{
	const char *id = rq->captures[0], *subject = rq->principal.subject;
	enum job_state ignored;

	if (job_read(app->metadata, id, rq->principal.roles & ROLE_ADMIN ? NULL : subject, b,
		    &ignored, e) == 0)
		return 0;
	return e->code == ERR_NOT_FOUND ? outcome_read(app->outcomes, id, subject, b, e) : -1;
}

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
	int status = read_export(app, rq, &b, e);

	if (status == 0)
		response_json(rs, 200, &b);
	buf_free(&b);
	return status;
}
