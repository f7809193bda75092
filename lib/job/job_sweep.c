#include "lib/job/job_sweep.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/job/job_queue.h"
#include "lib/job/metadata.h"
#include "lib/job/problem.h"

#define STR(x)  #x
#define TEXT(x) STR(x)

int job_sweep_alone(struct metadata *m, struct err *e)
{
	/* The keys are "swep", "jobs" in ASCII. */
	PGresult *r =
		metadata_run(m, "SELECT pg_try_advisory_lock(1937204592, 1785684595)", NULL, 0, e);

	if (!r)
		return -1;
	int alone = *PQgetvalue(r, 0, 0) == 't';

	PQclear(r);
	return alone;
}

void job_put_lost(struct buf *b)
{
	struct err lost;

	err_set(&lost, ERR_INTERNAL, "the process that made the export was lost");
	problem_put(b, &lost);
}

int job_end_leases(struct metadata *m, int64_t *n, struct err *e)
{
	static const char sql[] = "SELECT sluice.job_end_leases(" TEXT(JOB_ATTEMPTS) ", $1::jsonb)";
	struct buf lost = { 0 };

	job_put_lost(&lost);
	const char *params[] = { buf_str(&lost) };
	PGresult *r = metadata_run(m, sql, params, 1, e);

	buf_free(&lost);
	if (!r)
		return -1;
	*n = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
	PQclear(r);
	return 0;
}

static int take_ids(
	struct metadata *m, const char *sql, job_take_id *take, void *to, int64_t *n, struct err *e)
{
	PGresult *r = metadata_run(m, sql, NULL, 0, e);

	if (!r)
		return -1;
	for (int i = 0; i < PQntuples(r); i++)
		take(to, PQgetvalue(r, i, 0));
	*n = PQntuples(r);
	PQclear(r);
	return 0;
}

int job_expire(struct metadata *m, job_take_id *take, void *to, int64_t *n, struct err *e)
{
	static const char sql[] =
		"UPDATE sluice.jobs SET state = 'expired' WHERE id IN (SELECT id FROM sluice.jobs"
		"  WHERE expires <= now() AND state IN ('queued', 'succeeded')"
		"  FOR UPDATE SKIP LOCKED) RETURNING id";

	return take_ids(m, sql, take, to, n, e);
}

int job_list_kept(struct metadata *m, job_take_id *take, void *to, struct err *e)
{
	static const char sql[] = "SELECT id FROM sluice.jobs WHERE deleted IS NULL"
				  " AND state IN ('queued', 'running', 'succeeded')";
	int64_t n;

	return take_ids(m, sql, take, to, &n, e);
}

int job_remove_all(
	struct metadata *m, const char *subject, const char *tenant, int64_t *n, struct err *e)
{
	/* A running one is canceled by its worker, or when its lease has passed. */
	static const char sql[] =
		"WITH gone AS (UPDATE sluice.jobs SET deleted = clock_timestamp(),"
		"  state = CASE state WHEN 'queued' THEN 'canceled' ELSE state END,"
		"  cancel_requested = cancel_requested OR state IN ('queued', 'running')"
		"  WHERE deleted IS NULL AND (subject = $1 OR tenant = $2) RETURNING 1)"
		" SELECT count(*) FROM gone";
	const char *params[] = { subject, tenant };
	PGresult *r = metadata_run(m, sql, params, 2, e);

	if (!r)
		return -1;
	*n = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
	PQclear(r);
	return 0;
}

int job_list_removed(struct metadata *m, job_take_id *take, void *to, struct err *e)
{
	static const char sql[] =
		"SELECT id FROM sluice.jobs WHERE deleted IS NOT NULL AND state <> 'running'";
	int64_t n;

	return take_ids(m, sql, take, to, &n, e);
}

int job_purge(struct metadata *m, int64_t after_s, int64_t *n, struct err *e)
{
	static const char sql[] =
		"WITH gone AS (DELETE FROM sluice.jobs WHERE id IN (SELECT id FROM sluice.jobs"
		"  WHERE coalesce(deleted, CASE WHEN state NOT IN ('queued', 'running', "
		"'succeeded')"
		"   THEN expires END) <= now() - $1::bigint * interval '1 second'"
		"  FOR UPDATE SKIP LOCKED) RETURNING 1) SELECT count(*) FROM gone";
	char after[24];

	snprintf(after, sizeof after, "%lld", (long long)after_s);
	const char *params[] = { after };
	PGresult *r = metadata_run(m, sql, params, 1, e);

	if (!r)
		return -1;
	*n = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
	PQclear(r);
	return 0;
}
