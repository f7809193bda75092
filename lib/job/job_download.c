#include "lib/job/job_download.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/job/metadata.h"

enum column {
	STATE,
	HAS_EXPIRED,
	ENDED,
	FILES_N,
	PATH,
	NAME,
	MEDIA,
	SHA256,
	BYTES,
	TENANT,
	TABLE,
	FORMAT,
	PRINCIPAL,
	REQUEST,
	RIGHTS,
	PURPOSE,
	IS_DIRECT
};

static PGresult *look(
	struct metadata *m, const char *job, const char *subject, int n, struct err *e)
{
	static const char sql[] =
		"SELECT j.state, j.expires <= now(), floor(extract(epoch FROM j.ended))::bigint,"
		" (SELECT count(*) FROM sluice.job_files WHERE job = j.id),"
		" f.path, f.name, f.media, f.sha256, f.bytes,"
		" j.tenant, j.request #>> '{queryDefinition,from}', j.request ->> 'format',"
		" j.principal, j.request, j.rights, j.principal ->> 'purpose', j.direct"
		" FROM sluice.jobs j LEFT JOIN sluice.job_files f ON f.job = j.id AND f.n = $3::int"
		" WHERE j.id = $1::uuid AND ($2::text IS NULL OR j.subject = $2) AND j.deleted IS "
		"NULL";
	char number[16];
	const char *params[] = { job, subject, number };

	snprintf(number, sizeof number, "%d", n == JOB_DOWNLOAD_ONLY ? 1 : n);
	return metadata_run(m, sql, params, 3, e);
}

static bool has_state(const PGresult *r, const char *state)
{
	return !strcmp(PQgetvalue(r, 0, STATE), state);
}

/* Whether the job has come to its end, and its files are still kept. */
static int check_job(const PGresult *r, struct err *e)
{
	if (PQntuples(r) != 1)
		return err_set(e, ERR_NOT_FOUND, "there is no export by that id");
	if (has_state(r, "expired") || *PQgetvalue(r, 0, HAS_EXPIRED) == 't')
		return err_set(e, ERR_GONE, "the files of this export have expired");
	if (*PQgetvalue(r, 0, IS_DIRECT) == 't')
		return err_set(e, ERR_NOT_FOUND,
			"this export has no such file: the request for its download runs it");
	if (has_state(r, "queued") || has_state(r, "running"))
		return err_set(e, ERR_EARLY, "this export is not done yet: it is %s",
			PQgetvalue(r, 0, STATE));
	if (!has_state(r, "succeeded"))
		return err_set(e, ERR_CONFLICT, "this export has no files: it %s",
			has_state(r, "canceled") ? "was canceled" : "has failed");
	return 0;
}

static int check_file(const PGresult *r, int n, struct err *e)
{
	long files_n = strtol(PQgetvalue(r, 0, FILES_N), NULL, 10);

	if (n == JOB_DOWNLOAD_ONLY && files_n > 1)
		return err_set(e, ERR_UNPROCESSABLE,
			"this export has %ld files: ask for each of them (files/1 to files/%ld)",
			files_n, files_n);
	if (PQgetisnull(r, 0, PATH))
		return err_set(e, ERR_NOT_FOUND, "this export has no such file");
	return 0;
}

static const char *copy(struct arena *a, const PGresult *r, enum column c)
{
	return PQgetisnull(r, 0, c) ? NULL : arena_strdup(a, PQgetvalue(r, 0, c));
}

int job_download_read(struct metadata *m, struct arena *a, const char *job, const char *subject,
	int n, struct job_download *out, struct err *e)
{
	PGresult *r = look(m, job, subject, n, e);
	int status = r ? 0 : -1;

	*out = (struct job_download){ 0 };
	if (r && PQntuples(r) == 1) {
		out->tenant = copy(a, r, TENANT);
		out->table = copy(a, r, TABLE);
		out->format = copy(a, r, FORMAT);
		out->purpose = copy(a, r, PURPOSE);
		out->principal = copy(a, r, PRINCIPAL);
		out->request = copy(a, r, REQUEST);
		out->rights = copy(a, r, RIGHTS);
	}
	if (r && (check_job(r, e) < 0 || check_file(r, n, e) < 0))
		status = -1;
	if (status == 0) {
		out->path = copy(a, r, PATH);
		out->name = copy(a, r, NAME);
		out->media = copy(a, r, MEDIA);
		out->sha256 = copy(a, r, SHA256);
		out->bytes = strtoull(PQgetvalue(r, 0, BYTES), NULL, 10);
		out->ended = strtoll(PQgetvalue(r, 0, ENDED), NULL, 10);
	}
	PQclear(r);
	return status;
}
