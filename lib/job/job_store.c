#include "lib/job/job_store.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/job/list_page.h"
#include "lib/job/metadata.h"

enum { KEY_MAX = 255 /* bytes; 0005_jobs.sql has it too */ };

#define SAME_WITHIN "1 hour"

/* ---- made */

static int check_key(const char *key, struct err *e)
{
	size_t len = key ? strlen(key) : 1;

	if (len < 1 || len > KEY_MAX)
		return err_set(
			e, ERR_BAD_REQUEST, "Idempotency-Key must have 1 to %d bytes", KEY_MAX);
	return !key || utf8_valid(key, len)
		       ? 0
		       : err_set(e, ERR_BAD_REQUEST, "Idempotency-Key must be UTF-8");
}

static int made(const char *what, struct err *e)
{
	if (!strcmp(what, "made"))
		return 1;
	if (!strcmp(what, "found"))
		return 0;
	if (!strcmp(what, "other"))
		return err_set(e, ERR_UNPROCESSABLE,
			"the Idempotency-Key was used before, for another request");
	return err_set(e, ERR_CONFLICT,
		"another request for an export is still being answered; try again");
}

int job_create(struct metadata *m, const struct job_wanted *w, char id[UUID_TEXT], struct err *e)
{
	static const char sql[] =
		"SELECT what, job FROM sluice.job_create($1::uuid, $2, $3, $4::jsonb, $5::jsonb,"
		" decode($6, 'hex'), $7, $8::boolean, $9::bigint,"
		" $10::bigint * interval '1 second',"
		" CASE WHEN $8::boolean THEN interval '0' ELSE interval '" SAME_WITHIN "' END)";
	char estimate[24], keep[24];

	if (check_key(w->key, e) < 0)
		return -1;
	random_uuid7(id);
	snprintf(estimate, sizeof estimate, "%lld", (long long)w->estimated_rows);
	snprintf(keep, sizeof keep, "%lld", (long long)w->keep_s);
	const char *params[] = { id, w->subject, w->tenant, w->principal, w->request, w->payload,
		w->key, w->is_direct ? "t" : "f", w->estimated_rows < 0 ? NULL : estimate, keep };
	PGresult *r = metadata_run(m, sql, params, 10, e);

	if (!r)
		return -1;
	int status = made(PQgetvalue(r, 0, 0), e);

	if (status >= 0)
		snprintf(id, UUID_TEXT, "%s", PQgetvalue(r, 0, 1));
	PQclear(r);
	return status;
}

/* ---- shown */

/* Of the attempt at hand as far as it was told, or of the last. */
#define SECONDS "extract(epoch FROM coalesce(ended, beat) - claimed)"

#define JOB_JSON                                                                                   \
	"json_build_object('id', id, 'state', shown, 'subject', subject, 'request', request,"      \
	" 'direct', direct, 'createdAt', created, 'startedAt', started,"                           \
	" 'endedAt', coalesce(ended, CASE WHEN shown = 'expired' THEN expires END),"               \
	" 'expiresAt', expires, 'nextAttemptAt',"                                                  \
	"  CASE WHEN shown = 'queued' AND attempts > 0 AND available > now() THEN available END,"  \
	" 'progress', json_build_object('rows', rows, 'estimatedRows', estimated_rows,"            \
	"  'bytes', bytes, 'percent', CASE WHEN shown = 'succeeded' THEN 100"                      \
	"   WHEN estimated_rows > 0 AND started IS NOT NULL AND shown <> 'expired'"                \
	"   THEN least(99, rows::numeric * 100 / estimated_rows)::int END,"                        \
	"  'rowsPerSecond', CASE WHEN rows > 0 AND shown IN ('running', 'succeeded')"              \
	"   AND " SECONDS " > 0 THEN (rows / " SECONDS ")::bigint END,"                            \
	"  'etaSeconds', CASE WHEN rows > 0 AND shown = 'running' AND estimated_rows >= rows"      \
	"   AND " SECONDS " > 0 THEN ceil((estimated_rows - rows) / rows::numeric * " SECONDS      \
	")::bigint END),"                                                                          \
	" 'attempts', attempts, 'cancelRequested', cancel_requested, 'error', error,"              \
	" 'files', (SELECT coalesce(json_agg(json_build_object('n', n, 'name', name,"              \
	"  'media', media, 'bytes', f.bytes, 'sha256', sha256) ORDER BY n), '[]')"                 \
	"  FROM sluice.job_files f WHERE job = j.id AND shown = 'succeeded'),"                     \
	" 'schedule', schedule, 'schema', schema_fingerprint, 'lossy', lossy,"                     \
	" 'nextCursor', next_cursor, 'notes', notes)::text"

static int not_found(struct err *e)
{
	return err_set(e, ERR_NOT_FOUND, "there is no export by that id, or it is no longer kept");
}

int job_read(struct metadata *m, const char *id, const char *subject, struct buf *json,
	enum job_state *state, struct err *e)
{
	static const char sql[] =
		"SELECT " JOB_JSON ", shown FROM (SELECT *, " JOB_SHOWN " AS shown"
		"  FROM sluice.jobs WHERE id = $1::uuid AND deleted IS NULL"
		"  AND ($2::text IS NULL OR subject = $2)) j";
	const char *params[] = { id, subject };
	PGresult *r = metadata_run(m, sql, params, 2, e);

	if (!r)
		return -1;
	bool found = PQntuples(r) == 1;

	if (found) {
		buf_puts(json, PQgetvalue(r, 0, 0));
		*state = job_state_read(PQgetvalue(r, 0, 1));
	}
	PQclear(r);
	return found ? 0 : not_found(e);
}

/* ---- listed */

/* Whose they are stands in the text, so that each of the two goes by an index of its own. */
#define LIST(whose)                                                                                \
	"SELECT " JOB_JSON ", " LIST_PAGE_PLACE " FROM " LIST_PAGE_SHORT("request",                \
		"SELECT *, " JOB_SHOWN " AS shown FROM sluice.jobs WHERE " whose                   \
		" AND deleted IS NULL AND ($2::text IS NULL OR " JOB_SHOWN " = $2)"                \
		" AND ($6::uuid IS NULL OR schedule = $6) AND " LIST_PAGE_BEHIND("$3",             \
			"$4") " " LIST_PAGE_ORDER " LIMIT $5::int") " j WHERE " LIST_PAGE_ROOM     \
								    " " LIST_PAGE_ORDER

int job_list(struct metadata *m, const struct job_list *l, struct buf *json, struct err *e)
{
	static const char mine[] = LIST("subject = $1"), all[] = LIST("$1::text IS NULL");
	struct list_place after;
	char limit[24];

	if (l->token && list_page_read(l->token, &after, e) < 0)
		return -1;
	snprintf(limit, sizeof limit, "%d", l->limit + 1);
	const char *params[] = { l->subject,
		l->state == JOB_STATES_N ? NULL : job_state_name(l->state),
		l->token ? after.us : NULL, l->token ? after.id : NULL, limit, l->schedule };
	PGresult *r = metadata_run(m, l->subject ? mine : all, params, 6, e);

	if (!r)
		return -1;
	list_page_put(json, "exports", r, l->limit);
	PQclear(r);
	return 0;
}

/* ---- canceled, removed */

/* A running one whose lease has passed has nobody who could be told. */
#define WAITS "(state = 'queued' OR (state = 'running' AND lease_until <= clock_timestamp()))"

int job_remove(struct metadata *m, const char *id, const char *subject, enum job_removal *what,
	struct err *e)
{
	static const char sql[] =
		"UPDATE sluice.jobs SET state = CASE WHEN " WAITS " THEN 'canceled' ELSE state END,"
		" cancel_requested = cancel_requested OR state IN ('queued', 'running'),"
		" deleted = CASE WHEN state NOT IN ('queued', 'running') THEN clock_timestamp() END"
		" WHERE id = $1::uuid AND ($2::text IS NULL OR subject = $2) AND deleted IS NULL"
		" RETURNING state, deleted IS NOT NULL";
	const char *params[] = { id, subject };
	PGresult *r = metadata_run(m, sql, params, 2, e);

	if (!r)
		return -1;
	bool found = PQntuples(r) == 1;

	if (found)
		*what = *PQgetvalue(r, 0, 1) == 't'               ? JOB_WAS_REMOVED
			: !strcmp(PQgetvalue(r, 0, 0), "running") ? JOB_IS_CANCELING
								  : JOB_WAS_CANCELED;
	PQclear(r);
	return found ? 0 : not_found(e);
}
