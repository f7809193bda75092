#include "lib/job/job_queue.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/job/job_sweep.h"
#include "lib/job/metadata.h"
#include "lib/job/problem.h"

#define STR(x)  #x
#define TEXT(x) STR(x)

/* What every statement of a holder's goes by. */
#define HELD                                                                                       \
	"id = $1::uuid AND fence = $2::bigint AND state = 'running'"                               \
	" AND lease_until > clock_timestamp()"

/* What a job's end counts on must outlive the server, as that end does. */
#define SURELY "set_config('synchronous_commit', 'on', true)"

enum {
	LOST_MS = 1000, /* between two tries to have the database back */
	PAUSE_MS = 100  /* between two claims when what is due was locked for a moment */
};

struct job_queue {
	struct metadata *metadata; /* borrowed */
	char *worker;
	char running_most[24];
	char lease[24];     /* microseconds */
	char id[UUID_TEXT]; /* of the job claimed last; "": none */
	bool is_canceled;   /* as heard, of that */
	bool is_told;       /* something was, since the last claim */
	int64_t due_us;     /* monotonic, when there may be more; 0: nobody knows of any */
};

struct job_queue *job_queue_open_direct(
	struct metadata *m, const struct settings *s, const char *worker)
{
	struct job_queue *q = mem_zero(1, sizeof *q);

	q->metadata = m;
	q->worker = mem_strdup(worker);
	snprintf(q->lease, sizeof q->lease, "%lld", (long long)s->jobs_lease_us);
	return q;
}

struct job_queue *job_queue_open(struct metadata *m, const struct settings *s, const char *worker)
{
	struct job_queue *q = job_queue_open_direct(m, s, worker);

	snprintf(q->running_most, sizeof q->running_most, "%lld", (long long)s->limits_jobs);
	metadata_listen(m, "sluice_jobs");
	return q;
}

void job_queue_close(struct job_queue *q)
{
	if (!q)
		return;
	free(q->worker);
	free(q);
}

/* ---- claimed */

static const char *text(struct arena *a, const PGresult *r, int column)
{
	return PQgetisnull(r, 0, column) ? NULL : arena_strdup(a, PQgetvalue(r, 0, column));
}

static int64_t number(const PGresult *r, int column)
{
	return PQgetisnull(r, 0, column) ? -1 : strtoll(PQgetvalue(r, 0, column), NULL, 10);
}

static void read_claimed(struct job_claimed *c, struct arena *a, const PGresult *r)
{
	*c = (struct job_claimed){ 0 };
	snprintf(c->lease.id, sizeof c->lease.id, "%s", PQgetvalue(r, 0, 0));
	snprintf(c->lease.fence, sizeof c->lease.fence, "%s", PQgetvalue(r, 0, 1));
	c->subject = text(a, r, 2);
	c->tenant = text(a, r, 3);
	c->principal = text(a, r, 4);
	c->request = text(a, r, 5);
	c->snapshot = text(a, r, 6);
	c->attempt = (int)number(r, 7);
	c->estimated_rows = number(r, 8);
}

/* When a job that waits for its next attempt may have it, or a lease passes. */
static void look_ahead(struct job_queue *q)
{
	static const char sql[] =
		"SELECT ceil(extract(epoch FROM least("
		"  (SELECT min(available) FROM sluice.jobs WHERE state = 'queued' AND NOT direct"
		"   AND available > now()),"
		"  (SELECT min(lease_until) FROM sluice.jobs WHERE state = 'running'))"
		" - clock_timestamp()) * 1000)::bigint";
	struct err ignored; /* it is looked for again */
	PGresult *r = metadata_run(q->metadata, sql, NULL, 0, &ignored);

	q->due_us = 0;
	if (r && !PQgetisnull(r, 0, 0)) {
		int64_t ms = number(r, 0);

		q->due_us = clock_monotonic_us() + (ms > PAUSE_MS ? ms : PAUSE_MS) * 1000;
	}
	PQclear(r);
}

#define CLAIMED                                                                                    \
	"SELECT id, fence, subject, tenant, principal, request, snapshot, attempts, "              \
	"estimated_rows FROM"

#define CLAIM_LEASE "$4::bigint * interval '1 us'"

static PGresult *claim(struct job_queue *q, const char *only, struct err *e)
{
	static const char any[] = CLAIMED " sluice.job_claim($1, " CLAIM_LEASE
					  ", $2::bigint, " TEXT(JOB_ATTEMPTS) ", $3::jsonb)";
	static const char direct[] =
		CLAIMED " sluice.job_claim_direct($2::uuid, $1, " CLAIM_LEASE ", $3::jsonb)";
	struct buf lost = { 0 };

	job_put_lost(&lost);
	const char *params[] = { q->worker, only ? only : q->running_most, buf_str(&lost),
		q->lease };
	PGresult *r = metadata_run(q->metadata, only ? direct : any, params, 4, e);

	buf_free(&lost);
	return r;
}

int job_claim(struct job_queue *q, const char *only, struct arena *a, struct job_claimed *c,
	struct err *e)
{
	q->is_told = false;
	q->is_canceled = false;
	q->id[0] = '\0';
	PGresult *r = claim(q, only, e);

	if (!r)
		return -1;
	int found = PQntuples(r) == 1;

	if (found) {
		read_claimed(c, a, r);
		memcpy(q->id, c->lease.id, sizeof q->id);
	} else if (!only) {
		look_ahead(q);
	}
	PQclear(r);
	return found;
}

/* ---- told */

static void hear(void *to, const char *payload)
{
	struct job_queue *q = to;

	q->is_told = true;
	if (*q->id && !strncmp(payload, "cancel ", 7) && !strcmp(payload + 7, q->id))
		q->is_canceled = true;
}

int job_wait(struct job_queue *q, int timeout_ms, struct err *e)
{
	if (q->due_us) {
		int64_t left_ms = (q->due_us - clock_monotonic_us() + 999) / 1000;

		if (left_ms < timeout_ms)
			timeout_ms = left_ms > 0 ? (int)left_ms : 0;
	}
	if (q->is_told)
		timeout_ms = 0;
	int told = metadata_wait(q->metadata, timeout_ms, hear, q, e);

	if (told < 0)
		poll(NULL, 0, LOST_MS);
	return told < 0 ? -1 : 0;
}

bool job_heard_cancel(struct job_queue *q)
{
	metadata_hear(q->metadata, hear, q);
	return q->is_canceled;
}

/* ---- under the lease */

static int not_held(struct err *e)
{
	return err_set(e, ERR_CONFLICT, "the job is no longer this worker's");
}

/* A statement that returns a row when the lease was held. NULL when it was not, or on failure. */
static PGresult *run_held(
	struct job_queue *q, const char *sql, const char *const *params, int n, struct err *e)
{
	PGresult *r = metadata_run(q->metadata, sql, params, n, e);

	if (!r || PQntuples(r) == 1)
		return r;
	PQclear(r);
	not_held(e);
	return NULL;
}

static void put_number(char to[24], int64_t n)
{
	snprintf(to, 24, "%lld", (long long)n);
}

int job_beat(struct job_queue *q, const struct job_lease *l, const struct job_progress *p,
	bool *cancel, struct err *e)
{
	static const char sql[] =
		"UPDATE sluice.jobs SET"
		" lease_until = clock_timestamp() + $6::bigint * interval '1 us',"
		" beat = clock_timestamp(), rows = $3::bigint, bytes = $4::bigint,"
		" estimated_rows = coalesce($5::bigint, estimated_rows)"
		" WHERE " HELD " RETURNING cancel_requested";
	char rows[24], bytes[24], estimate[24];

	put_number(rows, (int64_t)p->rows);
	put_number(bytes, (int64_t)p->bytes);
	put_number(estimate, p->estimated_rows);
	const char *params[] = { l->id, l->fence, rows, bytes,
		p->estimated_rows < 0 ? NULL : estimate, q->lease };
	PGresult *r = run_held(q, sql, params, 6, e);

	if (!r)
		return -1;
	*cancel = *PQgetvalue(r, 0, 0) == 't';
	PQclear(r);
	return 0;
}

int job_note(struct job_queue *q, const struct job_lease *l, const char *words, struct err *e)
{
	static const char sql[] = "UPDATE sluice.jobs SET notes = sluice.job_note(notes, $3)"
				  " WHERE " HELD " RETURNING 1";
	const char *params[] = { l->id, l->fence, words };
	PGresult *r = run_held(q, sql, params, 3, e);

	PQclear(r);
	return r ? 0 : -1;
}

int job_set_snapshot(
	struct job_queue *q, const struct job_lease *l, const char *snapshot, struct err *e)
{
	static const char sql[] =
		"WITH held AS (UPDATE sluice.jobs SET snapshot = $3 WHERE " HELD " RETURNING id),"
		" gone AS (DELETE FROM sluice.job_parts WHERE job IN (SELECT id FROM held))"
		" SELECT " SURELY " FROM held";
	const char *params[] = { l->id, l->fence, snapshot };
	PGresult *r = run_held(q, sql, params, 3, e);

	PQclear(r);
	return r ? 0 : -1;
}

int job_put_part(
	struct job_queue *q, const struct job_lease *l, const struct job_part *p, struct err *e)
{
	/* The job's row is locked until the part is committed, so that its lease is not given to another in between. */
	static const char sql[] =
		"WITH held AS (SELECT id, fence FROM sluice.jobs WHERE " HELD " FOR UPDATE)"
		" INSERT INTO sluice.job_parts (job, n, first, last, rows, bytes, sha256, fence)"
		" SELECT id, $3::int, $4, $5, $6::bigint, $7::bigint, $8, fence FROM held"
		" ON CONFLICT (job, n) DO UPDATE SET first = excluded.first, last = excluded.last,"
		" rows = excluded.rows, bytes = excluded.bytes, sha256 = excluded.sha256,"
		" fence = excluded.fence RETURNING " SURELY;
	char n[24], rows[24], bytes[24];

	put_number(n, p->n);
	put_number(rows, p->rows);
	put_number(bytes, p->bytes);
	const char *params[] = { l->id, l->fence, n, p->first, p->last, rows, bytes, p->sha256 };
	PGresult *r = run_held(q, sql, params, 8, e);

	PQclear(r);
	return r ? 0 : -1;
}

int job_read_parts(struct job_queue *q, const char *id, struct buf *json, struct err *e)
{
	static const char sql[] =
		"SELECT coalesce(json_agg(json_build_object('n', n, 'first', first, 'last', last,"
		" 'rows', rows, 'bytes', bytes, 'sha256', sha256) ORDER BY n), '[]')::text"
		" FROM sluice.job_parts WHERE job = $1::uuid";
	const char *params[] = { id };
	PGresult *r = metadata_run(q->metadata, sql, params, 1, e);

	if (!r)
		return -1;
	buf_puts(json, PQgetvalue(r, 0, 0));
	PQclear(r);
	return 0;
}

/* ---- ended */

static void put_member(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, ",\"%s\":", name);
	buf_put_json(b, value, strlen(value));
}

static void put_files(struct buf *b, const struct job_file *files, size_t n)
{
	buf_putc(b, '[');
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "%s{\"n\":%zu,\"bytes\":%lld", i ? "," : "", i + 1,
			(long long)files[i].bytes);
		put_member(b, "name", files[i].name);
		put_member(b, "path", files[i].path);
		put_member(b, "media", files[i].media);
		put_member(b, "sha256", files[i].sha256);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

/* $3: the state that is wanted; $4: the problem; $9: whether the attempt does not count. */
#define BECOMES                                                                                    \
	"CASE WHEN cancel_requested THEN 'canceled' WHEN $3 = 'queued' AND (direct OR"             \
	" (attempts >= " TEXT(JOB_ATTEMPTS) " AND NOT $9::boolean)) THEN 'failed' ELSE $3 END"

static const char end_sql[] =
	"WITH held AS (UPDATE sluice.jobs SET state = " BECOMES ","
	" error = CASE WHEN " BECOMES " = 'failed' THEN $4::jsonb END,"
	" rows = $5::bigint, bytes = $6::bigint,"
	" schema_fingerprint = coalesce($7, schema_fingerprint),"
	" lossy = coalesce($8::jsonb, lossy),"
	" available = CASE WHEN " BECOMES " <> 'queued' THEN available"
	"  WHEN $9::boolean THEN clock_timestamp() ELSE"
	"  clock_timestamp() + interval '5 s' * (2 ^ attempts * (0.75 + random() / 2)) END,"
	" notes = CASE WHEN " BECOMES " <> 'queued' THEN notes ELSE sluice.job_note(notes,"
	"  format('attempt %s: %s', attempts, $4::jsonb->>'detail')) END,"
	" next_cursor = CASE WHEN " BECOMES " = 'succeeded' THEN $11 END, rights = $12::jsonb,"
	" attempts = attempts - (" BECOMES " = 'queued' AND $9::boolean)::int"
	" WHERE " HELD " RETURNING id, state),"
	" files AS (INSERT INTO sluice.job_files (job, n, name, path, media, bytes, sha256)"
	"  SELECT id, n, name, path, media, bytes, sha256 FROM held,"
	"  jsonb_to_recordset($10::jsonb) AS f"
	"  (n int, name text, path text, media text, bytes bigint, sha256 text)"
	"  WHERE state = 'succeeded')"
	" SELECT state FROM held";

/* The session may have died behind the commit, and the statement been run again: then the job has succeeded under this fence, which
 * nobody else can have done. */
static int has_succeeded(struct job_queue *q, const struct job_lease *l, struct err *e)
{
	static const char sql[] = "SELECT FROM sluice.jobs WHERE id = $1::uuid"
				  " AND fence = $2::bigint AND state = 'succeeded'";
	const char *params[] = { l->id, l->fence };
	PGresult *r = metadata_run(q->metadata, sql, params, 2, e);

	if (!r)
		return -1;
	bool is = PQntuples(r) == 1;

	PQclear(r);
	return is ? 0 : not_held(e);
}

int job_end(struct job_queue *q, const struct job_lease *l, const struct job_end *end,
	enum job_state *became, struct err *e)
{
	bool is_stop = end->state == JOB_QUEUED && !end->err;
	struct err stopped = { .code = ERR_UNAVAILABLE, .text = "the worker was stopped" };
	struct buf problem = { 0 }, files = { 0 };
	char rows[24], bytes[24];

	if (end->err || is_stop)
		problem_put(&problem, end->err ? end->err : &stopped);
	put_files(&files, end->files, end->files_n);
	put_number(rows, (int64_t)end->rows);
	put_number(bytes, (int64_t)end->bytes);
	const char *params[] = { l->id, l->fence, job_state_name(end->state),
		problem.len ? buf_str(&problem) : NULL, rows, bytes, end->fingerprint, end->lossy,
		is_stop ? "t" : "f", buf_str(&files), end->next_cursor, end->rights };
	PGresult *r = metadata_run(q->metadata, end_sql, params, 12, e);
	int status = r ? 0 : -1;

	if (r && PQntuples(r) == 1) {
		*became = job_state_read(PQgetvalue(r, 0, 0));
	} else if (r) {
		status = end->state == JOB_SUCCEEDED ? has_succeeded(q, l, e) : not_held(e);
		*became = JOB_SUCCEEDED;
	}
	PQclear(r);
	buf_free(&problem);
	buf_free(&files);
	return status;
}
