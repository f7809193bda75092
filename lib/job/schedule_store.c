#include "lib/job/schedule_store.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/job/job_state.h"
#include "lib/job/list_page.h"
#include "lib/job/metadata.h"

static void put_number(char to[24], int64_t n)
{
	snprintf(to, 24, "%lld", (long long)n);
}

static const char *bool_text(bool is)
{
	return is ? "t" : "f";
}

static int not_found(struct err *e)
{
	return err_set(e, ERR_NOT_FOUND, "there is no schedule by that id");
}

/* ---- made */

int schedule_create(struct metadata *m, const struct schedule_wanted *w, int64_t most,
	char id[UUID_TEXT], struct err *e)
{
	static const char sql[] =
		"SELECT sluice.schedule_create($1::uuid, $2, $3, $4::jsonb, $5, $6, $7, $8::jsonb,"
		" $9::boolean, $10::boolean, to_timestamp($11::bigint), $12::bigint)";
	const struct schedule_request *q = w->request;
	char next[24], limit[24];

	random_uuid7(id);
	put_number(next, w->next_s);
	put_number(limit, most);
	const char *params[] = { id, w->subject, w->tenant, w->principal, q->name, q->cron,
		q->time_zone, q->export, bool_text(q->increments), bool_text(q->enabled), next,
		limit };
	int64_t made = metadata_count(m, sql, params, 12, e);

	if (made < 0)
		return -1;
	return made ? 0
		    : err_set(e, ERR_UNPROCESSABLE, "you have %lld schedules, and may have no more",
			      (long long)most);
}

/* ---- shown */

#define REQUEST_JSON                                                                               \
	"'name', name, 'cron', cron, 'timeZone', time_zone, 'export', export,"                     \
	" 'increments', increments, 'enabled', enabled"

/* renew: a parameter, in seconds. */
#define SCHEDULE_JSON(renew)                                                                       \
	"json_build_object('id', id, 'subject', subject, " REQUEST_JSON ", 'createdAt', created,"  \
	" 'changedAt', changed, 'renewedAt', renewed, 'renewBy', CASE WHEN " renew "::bigint > 0"  \
	"  THEN renewed + " renew "::bigint * interval '1 second' END,"                            \
	" 'nextRunAt', CASE WHEN enabled THEN next_run END, 'lastRunAt', last_run, 'lastExport',"  \
	" (SELECT json_build_object('id', j.id, 'state', " JOB_SHOWN ", 'error', error)"           \
	"  FROM sluice.jobs j WHERE j.id = last_job AND deleted IS NULL),"                         \
	" 'nextCursor', cursor, 'notes', notes)::text"

/* The one row that the statement has for the id, the subject (or NULL) and the time to renew. */
static PGresult *find(struct metadata *m, const char *sql, const char *id, const char *subject,
	int64_t renew_s, struct err *e)
{
	char renew[24];

	put_number(renew, renew_s);
	const char *params[] = { id, subject, renew };
	PGresult *r = metadata_run(m, sql, params, 3, e);

	if (!r || PQntuples(r) == 1)
		return r;
	PQclear(r);
	not_found(e);
	return NULL;
}

int schedule_read(struct metadata *m, const char *id, const char *subject, int64_t renew_s,
	struct buf *json, struct err *e)
{
	static const char sql[] =
		"SELECT " SCHEDULE_JSON("$3") " FROM sluice.schedules s WHERE s.id = $1::uuid"
					      " AND ($2::text IS NULL OR s.subject = $2)";
	PGresult *r = find(m, sql, id, subject, renew_s, e);

	if (!r)
		return -1;
	buf_puts(json, PQgetvalue(r, 0, 0));
	PQclear(r);
	return 0;
}

/* Whose they are stands in the text, so that each of the two goes by an index of its own. */
#define LIST(whose)                                                                                \
	"SELECT " SCHEDULE_JSON("$2") ", " LIST_PAGE_PLACE " FROM " LIST_PAGE_SHORT("export",      \
		"SELECT * FROM sluice.schedules WHERE " whose " AND " LIST_PAGE_BEHIND("$3",       \
			"$4") " " LIST_PAGE_ORDER " LIMIT $5::int") " s WHERE " LIST_PAGE_ROOM     \
								    " " LIST_PAGE_ORDER

int schedule_list(
	struct metadata *m, const struct schedule_list *l, struct buf *json, struct err *e)
{
	static const char mine[] = LIST("subject = $1"), all[] = LIST("$1::text IS NULL");
	struct list_place after;
	char limit[24], renew[24];

	if (l->token && list_page_read(l->token, &after, e) < 0)
		return -1;
	put_number(limit, l->limit + 1);
	put_number(renew, l->renew_s);
	const char *params[] = { l->subject, renew, l->token ? after.us : NULL,
		l->token ? after.id : NULL, limit };
	PGresult *r = metadata_run(m, l->subject ? mine : all, params, 5, e);

	if (!r)
		return -1;
	list_page_put(json, "schedules", r, l->limit);
	PQclear(r);
	return 0;
}

/* ---- found */

#define NOW_S "floor(extract(epoch FROM clock_timestamp()))::bigint"

int schedule_now(struct metadata *m, int64_t *now_s, struct err *e)
{
	*now_s = metadata_count(m, "SELECT " NOW_S, NULL, 0, e);
	return *now_s < 0 ? -1 : 0;
}

#define FOUND(renew)                                                                               \
	"id, revision, subject, principal, json_build_object(" REQUEST_JSON ")::text, cron,"       \
	" time_zone, export, cursor, increments, enabled, " renew "::bigint > 0 AND"               \
	" renewed + " renew "::bigint * interval '1 second' <= clock_timestamp(),"                 \
	" " NOW_S

enum { FOUND_N = 13 };

static const char *text(struct arena *a, const PGresult *r, int column)
{
	return PQgetisnull(r, 0, column) ? NULL : arena_strdup(a, PQgetvalue(r, 0, column));
}

static bool is_true(const PGresult *r, int column)
{
	return *PQgetvalue(r, 0, column) == 't';
}

static void take(struct schedule *s, struct arena *a, const PGresult *r)
{
	*s = (struct schedule){ .subject = text(a, r, 2),
		.principal = text(a, r, 3),
		.request = text(a, r, 4),
		.cron = text(a, r, 5),
		.time_zone = text(a, r, 6),
		.export = text(a, r, 7),
		.cursor = text(a, r, 8),
		.increments = is_true(r, 9),
		.enabled = is_true(r, 10),
		.is_stale = is_true(r, 11),
		.now_s = strtoll(PQgetvalue(r, 0, 12), NULL, 10) };
	snprintf(s->id, sizeof s->id, "%s", PQgetvalue(r, 0, 0));
	snprintf(s->revision, sizeof s->revision, "%s", PQgetvalue(r, 0, 1));
}

int schedule_find(struct metadata *m, struct arena *a, const char *id, const char *subject,
	int64_t renew_s, struct schedule *s, struct err *e)
{
	static const char sql[] = "SELECT " FOUND("$3") " FROM sluice.schedules"
							" WHERE id = $1::uuid"
							" AND ($2::text IS NULL OR subject = $2)";
	PGresult *r = find(m, sql, id, subject, renew_s, e);

	if (!r)
		return -1;
	take(s, a, r);
	PQclear(r);
	return 0;
}

int schedule_next_due(struct metadata *m, struct arena *a, int64_t renew_s, struct schedule *s,
	int64_t *wait_ms, struct err *e)
{
	static const char sql[] =
		"SELECT " FOUND("$1") ", ceil(extract(epoch FROM next_run - clock_timestamp())"
				      " * 1000)::bigint FROM sluice.schedules WHERE enabled"
				      " ORDER BY next_run LIMIT 1";
	char renew[24];

	put_number(renew, renew_s);
	const char *params[] = { renew };
	PGresult *r = metadata_run(m, sql, params, 1, e);

	if (!r)
		return -1;
	*wait_ms = PQntuples(r) ? strtoll(PQgetvalue(r, 0, FOUND_N), NULL, 10) : -1;
	int is_due = PQntuples(r) && *wait_ms <= 0;

	if (is_due)
		take(s, a, r);
	PQclear(r);
	return is_due;
}

/* ---- changed, removed */

int schedule_change(struct metadata *m, const struct schedule *s, const struct schedule_wanted *w,
	struct err *e)
{
	static const char sql[] =
		"WITH old AS (SELECT *, increments AND $7::boolean AND NOT $12::boolean"
		"   AND export->'queryDefinition' = ($6::jsonb)->'queryDefinition'"
		"   AND ($10::jsonb IS NULL OR tenant IS NOT DISTINCT FROM $11) AS goes_on"
		"  FROM sluice.schedules WHERE id = $1::uuid AND revision = $2::bigint FOR UPDATE),"
		" new AS (UPDATE sluice.schedules s SET name = $3, cron = $4, time_zone = $5,"
		"  export = $6::jsonb, increments = $7::boolean, enabled = $8::boolean,"
		"  next_run = CASE WHEN s.enabled AND s.cron = $4 AND s.time_zone = $5"
		"   THEN s.next_run ELSE to_timestamp($9::bigint) END,"
		"  principal = coalesce($10::jsonb, s.principal),"
		"  tenant = CASE WHEN $10 IS NULL THEN s.tenant ELSE $11 END,"
		"  renewed = CASE WHEN $10 IS NULL THEN s.renewed ELSE clock_timestamp() END,"
		"  changed = clock_timestamp(), cursor = CASE WHEN goes_on THEN s.cursor END,"
		"  cursor_job = CASE WHEN goes_on THEN s.cursor_job END"
		"  FROM old WHERE s.id = old.id RETURNING 1) SELECT count(*) FROM new";
	const struct schedule_request *q = w->request;
	char next[24];

	put_number(next, w->next_s);
	const char *params[] = { s->id, s->revision, q->name, q->cron, q->time_zone, q->export,
		bool_text(q->increments), bool_text(q->enabled), next, w->principal, w->tenant,
		bool_text(w->from_start) };

	return (int)metadata_count(m, sql, params, 12, e);
}

int schedule_disable(struct metadata *m, const struct schedule *s, const char *note, struct err *e)
{
	static const char sql[] = "WITH new AS (UPDATE sluice.schedules SET enabled = false,"
				  "  notes = sluice.schedule_note(notes, $3)"
				  "  WHERE id = $1::uuid AND revision = $2::bigint RETURNING 1)"
				  " SELECT count(*) FROM new";
	const char *params[] = { s->id, s->revision, note };

	return (int)metadata_count(m, sql, params, 3, e);
}

int schedule_remove(struct metadata *m, const char *id, const char *subject, struct err *e)
{
	static const char sql[] =
		"WITH gone AS (DELETE FROM sluice.schedules WHERE id = $1::uuid"
		"  AND ($2::text IS NULL OR subject = $2) RETURNING 1)"
		" SELECT count(*), set_config('synchronous_commit', 'on', true) FROM gone";
	const char *params[] = { id, subject };
	int64_t n = metadata_count(m, sql, params, 2, e);

	if (n < 0)
		return -1;
	return n ? 0 : not_found(e);
}

int schedule_remove_all(
	struct metadata *m, const char *subject, const char *tenant, int64_t *n, struct err *e)
{
	static const char sql[] =
		"WITH gone AS (DELETE FROM sluice.schedules WHERE subject = $1 OR tenant = $2"
		"  RETURNING 1)"
		" SELECT count(*), set_config('synchronous_commit', 'on', true) FROM gone";
	const char *params[] = { subject, tenant };

	*n = metadata_count(m, sql, params, 2, e);
	return *n < 0 ? -1 : 0;
}

/* ---- run */

int schedule_make(struct metadata *m, const struct schedule *s, const struct schedule_job *j,
	enum schedule_made *what, struct err *e)
{
	static const char sql[] =
		"SELECT sluice.schedule_run($1::uuid, $2::bigint, $3::uuid, $4::jsonb,"
		" $5::bigint * interval '1 second', to_timestamp($6::bigint))";
	char keep[24], next[24];

	put_number(keep, j->keep_s);
	put_number(next, j->next_s);
	const char *params[] = { s->id, s->revision, j->id, j->request, keep,
		j->next_s ? next : NULL };
	PGresult *r = metadata_run(m, sql, params, 6, e);

	if (!r)
		return -1;
	const char *said = PQgetvalue(r, 0, 0);

	*what = !strcmp(said, "made")   ? SCHEDULE_MADE
		: !strcmp(said, "busy") ? SCHEDULE_BUSY
					: SCHEDULE_OTHER;
	PQclear(r);
	return 0;
}
