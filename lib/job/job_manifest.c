#include "config.h"

#include "lib/job/job_manifest.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "lib/job/job_state.h"
#include "lib/job/manifest.h"
#include "lib/job/metadata.h"

/* The job itself, then its files, then its parts: one statement, so that they are of one moment. */
enum kind { JOB, FILES, PARTS };
enum column { KIND, A, B, C, D, HASH, ROWS, BYTES, N, NEXT_CURSOR };

static const char sql[] =
	"WITH j AS (SELECT * FROM sluice.jobs WHERE id = $1::uuid AND deleted IS NULL"
	"  AND (subject = $2 OR $3::boolean))"
	" SELECT 0 AS kind, CASE WHEN direct THEN 'direct' ELSE " JOB_SHOWN " END AS a,"
	" request::text AS b, snapshot AS c,"
	"  coalesce(lossy, '[]')::text AS d, schema_fingerprint AS hash, rows, bytes, 0 AS n,"
	"  next_cursor FROM j"
	" UNION ALL SELECT 1, f.name, f.media, NULL, NULL, f.sha256, 0, f.bytes, f.n, NULL"
	"  FROM sluice.job_files f JOIN j ON f.job = j.id"
	" UNION ALL SELECT 2, CASE WHEN subject = $2 THEN p.first END,"
	"  CASE WHEN subject = $2 THEN p.last END, NULL, NULL, p.sha256, p.rows, p.bytes, p.n,"
	"  NULL"
	"  FROM sluice.job_parts p JOIN j ON p.job = j.id"
	" ORDER BY kind, n";

static const char *text(const PGresult *r, int row, int column)
{
	return PQgetisnull(r, row, column) ? NULL : PQgetvalue(r, row, column);
}

static uint64_t count(const PGresult *r, int row, int column)
{
	return strtoull(PQgetvalue(r, row, column), NULL, 10);
}

static size_t count_kind(const PGresult *r, enum kind kind)
{
	size_t n = 0;

	for (int i = 0; i < PQntuples(r); i++)
		n += PQgetvalue(r, i, KIND)[0] == '0' + (char)kind;
	return n;
}

static int check(const PGresult *r, size_t files_n, struct err *e)
{
	if (PQntuples(r) == 0)
		return err_set(
			e, ERR_NOT_FOUND, "there is no export by that id, or it is no longer kept");
	const char *state = PQgetvalue(r, 0, A);

	if (!strcmp(state, "direct"))
		return err_set(e, ERR_NOT_FOUND,
			"this export has no manifest: the request for its download runs it");
	if (!strcmp(state, "queued") || !strcmp(state, "running"))
		return err_set(e, ERR_EARLY, "this export is not done yet: it is %s", state);
	if (!strcmp(state, "failed") || !strcmp(state, "canceled"))
		return err_set(e, ERR_CONFLICT, "this export has no files: it %s",
			!strcmp(state, "canceled") ? "was canceled" : "has failed");
	return files_n ? 0 : err_set(e, ERR_GONE, "this export expired before it was run");
}

/* Parts were joined into the only file, or each is one. */
static void put(const PGresult *r, const char *job, size_t files_n, struct buf *json)
{
	struct arena a = { 0 };
	size_t parts_n = count_kind(r, PARTS);
	struct manifest_file *files = arena_zero(&a, files_n, sizeof *files);
	struct manifest_part *parts = arena_zero(&a, parts_n + 1, sizeof *parts);

	for (size_t i = 0; i < files_n; i++) {
		int row = (int)(1 + i);

		files[i] = (struct manifest_file){ .name = text(r, row, A),
			.media = text(r, row, B),
			.bytes = count(r, row, BYTES),
			.sha256 = text(r, row, HASH) };
	}
	for (size_t i = 0; i < parts_n; i++) {
		int row = (int)(1 + files_n + i);

		parts[i] = (struct manifest_part){ .file = files_n == 1 ? 1 : i + 1,
			.first = text(r, row, A),
			.last = text(r, row, B),
			.rows = count(r, row, ROWS),
			.bytes = count(r, row, BYTES),
			.sha256 = text(r, row, HASH) };
	}
	struct manifest m = { .created_by = "sluice " PACKAGE_VERSION,
		.job = job,
		.request = text(r, 0, B),
		.snapshot = text(r, 0, C),
		.schema = text(r, 0, HASH),
		.lossy = text(r, 0, D),
		.next_cursor = text(r, 0, NEXT_CURSOR),
		.parts = parts,
		.parts_n = parts_n,
		.files = files,
		.files_n = files_n,
		.rows = count(r, 0, ROWS) };

	manifest_put(&m, json);
	arena_free(&a);
}

int job_manifest_read(
	struct metadata *m, const struct job_manifest_asked *asked, struct buf *json, struct err *e)
{
	const char *params[] = { asked->job, asked->subject, asked->is_admin ? "t" : "f" };
	PGresult *r = metadata_run(m, sql, params, 3, e);

	if (!r)
		return -1;
	size_t files_n = count_kind(r, FILES);
	int status = check(r, files_n, e);

	if (status == 0)
		put(r, asked->job, files_n, json);
	PQclear(r);
	return status;
}
