/*
 * The manifest of an export that was run as a job.
 */
#include "lib/base/random.h"
#include "lib/job/job_manifest.h"
#include "lib/web/route.h"

/* Seconds until a client that came too early should ask again. */
#define EARLY_RETRY "5"

static int find(struct app *app, struct request *rq, struct buf *json, struct err *e)
{
	const struct job_manifest_asked asked = { .job = rq->captures[0],
		.subject = rq->principal.subject,
		.is_admin = rq->principal.roles & ROLE_ADMIN };

	if (request_known_params(rq, (const char *const[]){ NULL }, e) < 0)
		return -1;
	if (!app->metadata)
		return err_set(e, ERR_NOT_FOUND,
			"there are no exports as jobs: no metadata database is configured");
	if (!uuid_valid(asked.job))
		return err_set(e, ERR_NOT_FOUND, "that is not the id of an export");
	rq->audit.definition = arena_printf(&rq->arena, "{\"export\":\"%s\"}", asked.job);
	return job_manifest_read(app->metadata, &asked, json, e);
}

int handle_manifest(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct buf json = { 0 };
	int status = find(app, rq, &json, e);

	if (status == 0) {
		response_header(rs, "Sluice-Export-Id", "%s", rq->captures[0]);
		response_json(rs, 200, &json);
	} else if (e->code == ERR_EARLY) {
		response_header(rs, "Retry-After", EARLY_RETRY);
		e->code = ERR_CONFLICT;
	}
	buf_free(&json);
	return status;
}
