#include "lib/job/job_sweep.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/job/job_queue.h"
#include "lib/job/metadata.h"
#include "lib/job/problem.h"

#define STR(x)  #x
#define TEXT(x) STR(x)

/* So many at a time as are certain to be done within a statement's time. */
#define SOME "10000"

/* The keys are "swep", "jobs" in ASCII. */
#define LOCK "(1937204592, 1785684595)"

int job_sweep_alone(struct metadata *m, struct err *e)
{
	return (int)metadata_count(m, "SELECT pg_try_advisory_lock" LOCK, NULL, 0, e);
}

void job_sweep_done(struct metadata *m)
{
	struct err ignored; /* without a session there is no lock */

	PQclear(metadata_run(m, "SELECT pg_advisory_unlock" LOCK, NULL, 0, &ignored));
}

int job_count_left(struct metadata *m, struct job_left *left, struct err *e)
{
	static const char sql[] =
		"SELECT waiting, CASE WHEN late + due > 0 AND NOT EXISTS (SELECT FROM sluice.jobs"
		"  WHERE NOT direct AND beat > now() - interval '1 hour') THEN late + due ELSE 0 "
		"END"
		" FROM (SELECT count(*) AS waiting,"
		"   count(*) FILTER (WHERE available <= now() - interval '1 hour') AS late"
		"  FROM sluice.jobs WHERE state = 'queued' AND NOT direct AND deleted IS NULL"
		"  AND available <= now() AND expires > now()) jobs,"
		" (SELECT count(*) AS due FROM sluice.schedules"
		"  WHERE enabled AND next_run <= now() - interval '1 hour') runs";
	PGresult *r = metadata_run(m, sql, NULL, 0, e);

	if (!r)
		return -1;
	left->waiting = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
	left->for_long = strtoll(PQgetvalue(r, 0, 1), NULL, 10);
	PQclear(r);
	return 0;
}

int job_count_unswept(struct metadata *m, int64_t *n, struct err *e)
{
	static const char sql[] = "SELECT count(*) FROM sluice.jobs WHERE state = 'succeeded'"
				  " AND expires <= now() - interval '1 day'";

	*n = metadata_count(m, sql, NULL, 0, e);
	return *n < 0 ? -1 : 0;
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

	*n = metadata_count(m, sql, params, 1, e);
	buf_free(&lost);
	return *n < 0 ? -1 : 0;
}

/* seconds: the statement's parameter; -1: it has none. */
static int take_ids(struct metadata *m, const char *sql, int64_t seconds, job_take_id *take,
	void *to, int64_t *n, struct err *e)
{
	char text[24];
	const char *params[] = { text };

	snprintf(text, sizeof text, "%lld", (long long)seconds);
	PGresult *r = metadata_run(m, sql, params, seconds >= 0, e);

	if (!r)
		return -1;
	for (int i = 0; i < PQntuples(r); i++)
		take(to, PQgetvalue(r, i, 0));
	*n = PQntuples(r);
	PQclear(r);
	return 0;
}

/* The statement changes some of what it is about and tells their ids; it is run until there is no more. take: or NULL. */
static int change_all(struct metadata *m, const char *sql, const char *const *params, int params_n,
	job_take_id *take, void *to, int64_t *n, struct err *e)
{
	int some;

	*n = 0;
	do {
		PGresult *r = metadata_run(m, sql, params, params_n, e);

		if (!r)
			return -1;
		some = PQntuples(r);
		for (int i = 0; take && i < some; i++)
			take(to, PQgetvalue(r, i, 0));
		*n += some;
		PQclear(r);
	} while (some > 0);
	return 0;
}

int job_expire(struct metadata *m, job_take_id *take, void *to, int64_t *n, struct err *e)
{
	static const char sql[] =
		"UPDATE sluice.jobs SET state = 'expired' WHERE id IN (SELECT id FROM sluice.jobs"
		"  WHERE expires <= now() AND state IN ('queued', 'succeeded')"
		"  LIMIT " SOME " FOR UPDATE SKIP LOCKED) RETURNING id";

	return change_all(m, sql, NULL, 0, take, to, n, e);
}

int job_list_kept(struct metadata *m, job_take_id *take, void *to, struct err *e)
{
	static const char sql[] = "SELECT id FROM sluice.jobs WHERE deleted IS NULL"
				  " AND state IN ('queued', 'running', 'succeeded')";
	int64_t n;

	return take_ids(m, sql, -1, take, to, &n, e);
}

int job_remove_all(
	struct metadata *m, const char *subject, const char *tenant, int64_t *n, struct err *e)
{
	/* A running one is canceled by its worker, or when its lease has passed. None is passed over. */
	static const char sql[] =
		"UPDATE sluice.jobs SET deleted = clock_timestamp(),"
		" state = CASE state WHEN 'queued' THEN 'canceled' ELSE state END,"
		" cancel_requested = cancel_requested OR state IN ('queued', 'running')"
		" WHERE id IN (SELECT id FROM sluice.jobs WHERE deleted IS NULL"
		"  AND (subject = $1 OR tenant = $2) LIMIT " SOME " FOR UPDATE) RETURNING id";
	const char *params[] = { subject, tenant };

	return change_all(m, sql, params, 2, NULL, NULL, n, e);
}

int job_list_removed(
	struct metadata *m, int64_t settled_s, job_take_id *take, void *to, struct err *e)
{
	static const char sql[] =
		"SELECT id FROM sluice.jobs WHERE state <> 'running' AND (deleted IS NOT NULL"
		" OR state IN ('failed', 'canceled', 'expired')"
		"  AND ended <= now() - $1::bigint * interval '1 second')";
	int64_t n;

	return take_ids(m, sql, settled_s, take, to, &n, e);
}

int job_purge(struct metadata *m, int64_t after_s, int64_t *n, struct err *e)
{
	static const char sql[] =
		"DELETE FROM sluice.jobs WHERE id IN (SELECT id FROM sluice.jobs WHERE"
		"  coalesce(deleted, CASE WHEN state NOT IN ('queued', 'running', 'succeeded')"
		"   THEN expires END) <= now() - $1::bigint * interval '1 second'"
		"  LIMIT " SOME " FOR UPDATE SKIP LOCKED) RETURNING id";
	char after[24];
	const char *params[] = { after };

	snprintf(after, sizeof after, "%lld", (long long)after_s);
	return change_all(m, sql, params, 1, NULL, NULL, n, e);
}
