#include "lib/job/job_direct.h"

#include <libpq-fe.h>
#include <string.h>

#include "lib/job/metadata.h"

enum column { STATE, HAS_EXPIRED, REQUEST, PURPOSE };

static int check(const char *state, bool has_expired, struct err *e)
{
	if (has_expired || !strcmp(state, "expired"))
		return err_set(e, ERR_GONE, "this export has expired");
	if (!strcmp(state, "canceled"))
		return err_set(e, ERR_CONFLICT, "this export was canceled");
	return 1;
}

int job_direct_read(struct metadata *m, struct arena *a, const char *job, const char *subject,
	struct job_direct *out, struct err *e)
{
	static const char sql[] =
		"SELECT CASE WHEN state = 'running' AND lease_until <= now() THEN"
		"  CASE WHEN cancel_requested THEN 'canceled' ELSE 'queued' END ELSE state END,"
		" expires <= now(), request, principal->>'purpose' FROM sluice.jobs"
		" WHERE id = $1::uuid AND direct AND subject = $2 AND deleted IS NULL";
	const char *params[] = { job, subject };
	PGresult *r = metadata_run(m, sql, params, 2, e);
	int status = r ? 0 : -1;

	if (PQntuples(r) == 1) {
		const char *state = PQgetvalue(r, 0, STATE);

		*out = (struct job_direct){
			.id = arena_strdup(a, job),
			.request = arena_strdup(a, PQgetvalue(r, 0, REQUEST)),
			.purpose = PQgetisnull(r, 0, PURPOSE)
					   ? NULL
					   : arena_strdup(a, PQgetvalue(r, 0, PURPOSE)),
			.is_running = !strcmp(state, "running"),
		};
		status = check(state, *PQgetvalue(r, 0, HAS_EXPIRED) == 't', e);
	}
	PQclear(r);
	return status;
}
