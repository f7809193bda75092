/*
 * Files of exports that were run as jobs; and the download of one that has none, but is run by the request for it.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/web/direct_send.h"
#include "lib/web/export_named.h"
#include "lib/web/job_file.h"
#include "lib/web/job_rights.h"
#include "lib/web/route.h"

/* Seconds until a client that came too early should ask again. */
#define EARLY_RETRY "5"

/* Digits, without those that a number could be written with in two ways; 0: none. */
static int file_number(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len > 6 || *text == '0' || text[strspn(text, "0123456789")])
		return 0;
	return (int)strtol(text, NULL, 10);
}

static int find(struct app *app, struct request *rq, int n, struct job_download *out, struct err *e)
{
	rq->audit.definition = arena_printf(&rq->arena, "{\"export\":\"%s\",\"file\":%d}",
		rq->captures[0], n == JOB_DOWNLOAD_ONLY ? 1 : n);
	const struct principal caller = rq->principal;
	int status = job_download_read(
		app->metadata, &rq->arena, rq->captures[0], caller.subject, n, out, e);

	job_file_audit(rq, out);
	return status < 0 ? -1 : job_rights_check(app, &rq->arena, out, &caller, e);
}

static int send(struct app *app, struct response *rs, const struct job_download *f, struct err *e)
{
	const struct served_file file = job_file_served(app, f);

	response_header(rs, "Sluice-Export-Id", "%s", rs->request->captures[0]);
	return file_send(rs, &file, e);
}

/* early: the code for a job that is not done. */
static int answer(struct app *app, struct request *rq, struct response *rs, int n,
	enum err_code early, struct err *e)
{
	struct job_download f;

	if (find(app, rq, n, &f, e) == 0)
		return send(app, rs, &f, e);
	if (e->code == ERR_EARLY) {
		response_header(rs, "Retry-After", EARLY_RETRY);
		e->code = early;
	}
	return -1;
}

int handle_file(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	int n = file_number(rq->captures[1]);

	if (n == 0)
		return err_set(e, ERR_NOT_FOUND, "files have numbers, from 1");
	if (export_named(app, rq, e) < 0)
		return -1;
	return answer(app, rq, rs, n, ERR_CONFLICT, e);
}

int handle_download(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct job_direct direct;

	if (export_named(app, rq, e) < 0)
		return -1;
	rq->audit.definition = arena_printf(&rq->arena, "{\"export\":\"%s\"}", rq->captures[0]);
	int is_direct = job_direct_read(
		app->metadata, &rq->arena, rq->captures[0], rq->principal.subject, &direct, e);

	if (is_direct < 0)
		return -1;
	return is_direct ? direct_send(app, rs, &direct, e)
			 : answer(app, rq, rs, JOB_DOWNLOAD_ONLY, ERR_EARLY, e);
}
