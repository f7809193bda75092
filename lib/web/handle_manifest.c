/*
 * The manifest of an export that was run as a job.
 */
#include "lib/base/random.h"
#include "lib/job/job_download.h"
#include "lib/job/job_manifest.h"
#include "lib/web/export_named.h"
#include "lib/web/job_rights.h"
#include "lib/web/route.h"

/* Seconds until a client that came too early should ask again. */
#define EARLY_RETRY "5"

/* The ranges of the key that one's own has are values of its rows, also when the files have expired. An admin is told none of
 * another's. */
static int check_own(struct app *app, struct request *rq, struct err *e)
{
	struct job_download f;
	struct err why = { 0 };

	job_download_read(
		app->metadata, &rq->arena, rq->captures[0], rq->principal.subject, 1, &f, &why);
	if (f.principal)
		return job_rights_check(app, &rq->arena, &f, &rq->principal, e);
	if (why.code == ERR_NOT_FOUND && rq->principal.roles & ROLE_ADMIN)
		return 0;
	*e = why;
	return -1;
}

static int find(struct app *app, struct request *rq, struct buf *json, struct err *e)
{
	const struct job_manifest_asked asked = { .job = rq->captures[0],
		.subject = rq->principal.subject,
		.is_admin = rq->principal.roles & ROLE_ADMIN };

	if (export_named(app, rq, e) < 0)
		return -1;
	rq->audit.definition = arena_printf(&rq->arena, "{\"export\":\"%s\"}", asked.job);
	return job_manifest_read(app->metadata, &asked, json, e) < 0 ? -1 : check_own(app, rq, e);
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
