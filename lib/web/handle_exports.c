/*
 * What became of an export: of one that was run as a job, the job; of one that was streamed, how it ended.
 */
#include "lib/job/job_store.h"
#include "lib/web/export_named.h"
#include "lib/web/route.h"

static int read_export(struct app *app, struct request *rq, struct buf *b, struct err *e)
{
	const char *id = rq->captures[0], *subject = rq->principal.subject;
	enum job_state ignored;

	if (job_read(app->metadata, id, request_owner(rq), b, &ignored, e) == 0)
		return 0;
	return e->code == ERR_NOT_FOUND ? outcome_read(app->outcomes, id, subject, b, e) : -1;
}

int handle_export(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct buf b = { 0 };

	if (export_named(app, rq, e) < 0)
		return -1;
	int status = read_export(app, rq, &b, e);

	if (status == 0)
		response_json(rs, 200, &b);
	buf_free(&b);
	return status;
}
