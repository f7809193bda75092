#include "lib/job/job_run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/access/rights_json.h"
#include "lib/base/log.h"
#include "lib/base/stop.h"
#include "lib/base/wait.h"
#include "lib/export/describe.h"
#include "lib/export/lookup.h"
#include "lib/export/schema_json.h"
#include "lib/export/table.h"
#include "lib/job/job_crew.h"
#include "lib/job/job_increment.h"
#include "lib/job/job_principal.h"
#include "lib/query/compile.h"
#include "lib/rows/fingerprint.h"

enum {
	PARTS_MAX = PAGE_TOTAL_MAX,
	PART_ROWS = 5 * 1000 *
		    1000, /* of a part, about: so much is what the death of its process costs */
	BEAT_MS = 250     /* between two looks at what was told, while the database is waited for */
};

struct run {
	struct job_runner *runner;
	const struct job_claimed *claimed;
	struct arena arena;
	struct principal principal;
	const char *purpose;
	struct job_request request;

	/* the leader's own look at the tables, in the transaction whose snapshot the parts share */
	struct visitor visitor;
	struct table table;
	struct scope scope;
	struct query query;
	struct compile compile;
	char fingerprint[FINGERPRINT_TEXT];
	const char *lossy;
	const char *rights; /* JSON, as job_download.h has it */
	const char *snapshot;
	int64_t estimated_rows;
	struct increment_found increment; /* where the request has a since */

	struct page_key key;
	struct crew crew;
	struct stage_joining *joining; /* of formats that can be joined */
	size_t joined_n;               /* parts that it has */
	int quiet_fd; /* to be watched, so that the lease is kept meanwhile (wait_pulse) */
	bool is_canceled;
};

/* ---- who asked, and what */

static int read_principal(struct run *r, struct err *e)
{
	int status = job_principal_read(r->runner->settings, &r->arena, r->claimed->principal,
		&r->principal, &r->purpose, e);

	r->principal.subject = r->claimed->subject;
	return status;
}

/* The role was there when the job was asked for; what gives it may have changed. */
static int check_role(const struct run *r, struct err *e)
{
	return r->principal.roles & ROLE_EXPORTER
		       ? 0
		       : err_set(e, ERR_FORBIDDEN,
				 "this needs the role exporter, which its owner no longer has");
}

/* ---- the leader's look */

static void be_visitor(struct run *r)
{
	const struct settings *s = r->runner->settings;

	r->visitor = (struct visitor){ .settings = s,
		.principal = &r->principal,
		.arena = &r->arena,
		.mask_key = r->runner->mask_key,
		.id = r->claimed->lease.id,
		.purpose = r->purpose,
		.sources = sources_new(s),
		.hangup_fd = r->quiet_fd };
}

static const struct increment *increment(const struct run *r)
{
	return r->request.since ? &r->increment.range : NULL;
}

/* Of each table that the query reaches: the files may be asked for when the configuration gives less. */
static int note_rights(struct run *r, struct err *e)
{
	struct rights rights;
	struct buf b = { 0 };
	int status = 0;

	for (size_t i = 0; i < r->scope.n && status == 0; i++) {
		const struct settings_table *t = r->scope.tables[i].settings;

		status =
			policy_rights(r->runner->settings, t, &r->principal, &r->arena, &rights, e);
		if (status == 0) {
			buf_putc(&b, i ? ',' : '{');
			buf_put_json(&b, t->key, strlen(t->key));
			buf_putc(&b, ':');
			rights_json_put(&b, &rights);
		}
	}
	buf_putc(&b, '}');
	if (status == 0)
		r->rights = arena_strdup(&r->arena, buf_str(&b));
	buf_free(&b);
	return status;
}

static int enter(struct run *r, struct err *e)
{
	const char *format = r->request.format->name;
	const struct settings_table *t = settings_table(r->runner->settings, r->request.query.from);

	if (!t)
		return err_set(
			e, ERR_NOT_FOUND, "there is no table \"%.63s\"", r->request.query.from);
	r->query = r->request.query;
	r->compile = (struct compile){ .scope = &r->scope, .query = &r->query };
	if (table_enter(&r->visitor, t, &r->crew.source, &r->table, e) < 0 ||
		table_reach(&r->visitor, &r->crew.source, &r->table, &r->query, format, &r->scope,
			&r->compile.where, e) < 0 ||
		note_rights(r, e) < 0 ||
		(r->request.since && increment_find(&r->visitor, r->crew.source, &r->table,
					     r->request.since, &r->increment, e) < 0))
		return -1;
	r->scope.increment = increment(r);
	return 0;
}

static int check_rows(struct run *r, struct err *e)
{
	int64_t most = r->table.rights.rows, rows;

	if (most < 0 || (r->query.limit >= 0 && r->query.limit <= most))
		return 0;
	if (lookup_count(r->crew.source, &r->compile, most, &rows, e) < 0)
		return -1;
	if (rows <= most)
		return 0;
	return err_set(e, ERR_TOO_LARGE, "you may have no more than %lld rows in one answer",
		(long long)most);
}

static int describe(struct run *r, struct err *e)
{
	struct buf b = { 0 };
	struct schema schema;

	if (describe_query(r->crew.source, &r->compile, &schema, e) < 0 ||
		fingerprint(&schema, r->fingerprint, e) < 0)
		return -1;
	schema_json_lossy(&b, &schema, r->request.format, &r->request.options);
	r->lossy = arena_strdup(&r->arena, buf_str(&b));
	buf_free(&b);
	return 0;
}

/* ---- the parts */

static bool is_joinable(const struct job_request *q)
{
	return q->format->traits & FORMAT_JOINABLE && (!q->compress || q->compress->coding);
}

/* Whether ranges of a key make up the query: rows of the table itself, in no order of their own and without a limit. */
static bool can_cut(struct run *r)
{
	const struct query *q = &r->query;
	struct compiled compiled;
	struct err ignored;

	return q->limit < 0 && q->offset == 0 && !q->sort_n &&
	       catalog_page_key(r->scope.tables[0].table, &r->key) &&
	       compile_query(&r->compile, &compiled, &ignored) == 0 && !compiled.is_grouped;
}

static size_t count_parts(const struct run *r, int64_t rows)
{
	int64_t n = rows / PART_ROWS + 1, parallel = r->request.parallel;

	/* Files of their own are not made of what was not asked for in parts. */
	if (!is_joinable(&r->request) && parallel == 1)
		return 1;
	/* More than processes, so that none waits long for the last one. */
	if (parallel > 1 && n < 2 * parallel)
		n = is_joinable(&r->request) ? 2 * parallel : parallel;
	return n < PARTS_MAX ? (size_t)n : PARTS_MAX;
}

static void set_part(struct run *r, size_t i)
{
	r->crew.parts[i].task = (struct part_task){ .by = { .settings = r->runner->settings,
							    .principal = &r->principal,
							    .mask_key = r->runner->mask_key,
							    .id = r->claimed->lease.id,
							    .purpose = r->purpose,
							    .snapshot = r->snapshot },
		.request = &r->request,
		.increment = increment(r),
		.key = r->crew.n > 1 ? &r->key : NULL,
		.bounds = &r->crew.bounds,
		.number = (int32_t)i + 1,
		.is_joined = r->joining && r->crew.n > 1,
		.is_later = i > 0 && r->joining };
}

static int note_snapshot(struct run *r, struct err *e)
{
	int status;

	do
		status = job_set_snapshot(r->runner->queue, &r->claimed->lease, r->snapshot, e);
	while (status < 0 && job_hold_again(&r->crew.hold, e));
	return status;
}

static int cut(struct run *r, struct err *e)
{
	struct compiled compiled;
	struct plan plan;

	r->scope.increment = NULL; /* the planner knows nothing of it */
	if (compile_query(&r->compile, &compiled, e) < 0 ||
		lookup_plan(r->crew.source, &r->scope, &compiled.statement, &plan, e) < 0)
		return -1;
	r->scope.increment = increment(r);
	int64_t rows = !increment(r) || increment(r)->is_start ? (int64_t)plan.rows : -1;
	size_t n = can_cut(r) ? count_parts(r, rows) : 1;

	/* Else it is not to be told (scope.h). */
	if (!scope_has_others(&r->scope))
		r->estimated_rows = rows;
	if (n > 1 && lookup_bounds(r->crew.source, &r->arena, &r->key, (int32_t)n, &r->crew.bounds,
			     e) < 0)
		return -1;
	if (source_share(r->crew.source, &r->arena, &r->snapshot, e) < 0 || note_snapshot(r, e) < 0)
		return -1;
	r->crew.parallel = r->request.parallel;
	if (crew_hire(&r->crew, &r->arena, n, e) < 0)
		return -1;
	if (is_joinable(&r->request))
		r->joining = stage_join_begin(r->crew.stage, r->crew.n);
	for (size_t i = 0; i < r->crew.n; i++)
		set_part(r, i);
	return 0;
}

/* ---- the lease */

static struct job_progress progress(const struct run *r)
{
	struct job_progress p = { .estimated_rows = r->estimated_rows };

	crew_progress(&r->crew, &p);
	return p;
}

static int canceled(struct run *r, struct err *e)
{
	r->is_canceled = true;
	return err_set(e, ERR_CLIENT_GONE, "the export was canceled");
}

static int beat(void *arg, struct err *e)
{
	struct run *r = arg;
	struct job_progress p = progress(r);
	bool cancel = job_heard_cancel(r->runner->queue);

	if (!cancel && !job_hold_is_due(&r->crew.hold))
		return 0;
	if (!cancel && job_hold_beat(&r->crew.hold, &p, &cancel, e) < 0)
		return -1;
	stage_job_until(r->crew.stage, job_hold_until(&r->crew.hold));
	return cancel ? canceled(r, e) : 0;
}

static int look(void *arg, struct err *e)
{
	struct run *r = arg;

	if (stop_requested())
		return wait_gave_up(e);
	return crew_look(&r->crew, e) < 0 || beat(r, e) < 0 ? -1 : 0;
}

static uint64_t fence(const struct run *r)
{
	return strtoull(r->claimed->lease.fence, NULL, 10);
}

static struct stage_name name_of(const struct run *r, enum stage_kind kind, size_t i)
{
	return (struct stage_name){ kind, (unsigned)i + 1, fence(r) };
}

static struct stage_part stage_part_of(const struct run *r, size_t i)
{
	const struct part_seen *seen = r->crew.parts[i].seen;

	return (struct stage_part){ name_of(r, STAGE_PART, i), seen->bytes, seen->sha256 };
}

/* Put together what is made, in the order of the key, while the rest still is. */
static int join_made(struct run *r, struct err *e)
{
	struct stage_pulse pulse = { look, r };

	while (r->joining && r->joined_n < r->crew.n && r->crew.parts[r->joined_n].is_done) {
		struct stage_part part = stage_part_of(r, r->joined_n);

		if (stage_join_add(r->joining, &part, &pulse, e) < 0)
			return -1;
		r->joined_n++;
	}
	return 0;
}

static bool is_made(const struct run *r)
{
	for (size_t i = 0; i < r->crew.n; i++)
		if (!r->crew.parts[i].is_done)
			return false;
	return !r->joining || r->joined_n == r->crew.n;
}

static int make_parts(struct run *r, struct err *e)
{
	while (look(r, e) == 0 && join_made(r, e) == 0) {
		if (is_made(r))
			return beat(r, e);
		crew_pause();
	}
	return -1;
}

/* ---- the files */

static int end_file(struct run *r, struct stage_joining *joining, size_t i, size_t files_n,
	struct job_file *file, struct err *e)
{
	struct stage_name name = name_of(r, STAGE_FILE, i);
	struct stage_joined *joined = arena_zero(&r->arena, 1, sizeof *joined);
	struct stage_pulse pulse = { beat, r };
	char path[STAGE_PATH];

	if (stage_join_end(joining, name.n, &pulse, joined, e) < 0)
		return -1;
	stage_path(r->claimed->lease.id, &name, path);
	*file = (struct job_file){ .name = job_request_file_name(
					   &r->arena, &r->request, i, files_n),
		.path = arena_strdup(&r->arena, path),
		.media = job_request_media(&r->request),
		.bytes = (int64_t)joined->bytes,
		.sha256 = joined->sha256 };
	return 0;
}

/* A part becomes a file. */
static int make_file(struct run *r, size_t i, struct job_file *file, struct err *e)
{
	struct stage_joining *joining = stage_join_begin(r->crew.stage, 1);
	struct stage_part part = stage_part_of(r, i);
	struct stage_pulse pulse = { beat, r };
	int status = stage_join_add(joining, &part, &pulse, e);

	if (status == 0)
		status = end_file(r, joining, i, r->crew.n, file, e);
	stage_join_free(joining);
	return status;
}

static int make_files(struct run *r, struct job_end *end, struct err *e)
{
	size_t n = r->joining ? 1 : r->crew.n;
	struct job_file *files = arena_zero(&r->arena, n, sizeof *files);

	for (size_t i = 0; i < n; i++) {
		if ((r->joining ? end_file(r, r->joining, 0, 1, files, e)
				: make_file(r, i, &files[i], e)) < 0)
			return -1;
		end->bytes += (uint64_t)files[i].bytes;
	}
	for (size_t i = 0; i < r->crew.n; i++)
		end->rows += r->crew.parts[i].seen->rows;
	end->files = files;
	end->files_n = n;
	return 0;
}

/* ---- all of it */

static int look_around(struct run *r, struct err *e)
{
	if (enter(r, e) < 0)
		return -1;
	r->compile.nested_as_text = r->request.options.nested == NESTED_SERVER;
	return check_rows(r, e) < 0 || describe(r, e) < 0 || cut(r, e) < 0 ? -1 : 0;
}

/* To count rows, and to find where a table is to be cut, may take longer than a lease. */
static int look_first(struct run *r, struct err *e)
{
	wait_pulse((int64_t)BEAT_MS * 1000, beat, r);
	int status = look_around(r, e);

	wait_pulse(0, NULL, NULL);
	return status;
}

static int make(struct run *r, struct job_end *end, struct err *e)
{
	const char *pointer;

	if (read_principal(r, e) < 0 || check_role(r, e) < 0 ||
		job_request_read(&r->arena, r->runner->settings, r->claimed->request,
			strlen(r->claimed->request), &r->request, &pointer, e) < 0)
		return -1;
	r->crew.stage = stage_job_open(r->runner->stage, r->claimed->lease.id, fence(r), e);
	if (!r->crew.stage || stage_job_keep(r->crew.stage, NULL, 0, e) < 0)
		return -1;
	stage_job_until(r->crew.stage, job_hold_until(&r->crew.hold));
	be_visitor(r);
	if (look_first(r, e) < 0 || make_parts(r, e) < 0)
		return -1;
	/* The parts have read what they share. */
	if (increment(r) && job_increment_settle(&r->visitor, &r->crew.source, &r->increment,
				    &(struct stage_pulse){ beat, r }, e) < 0)
		return -1;
	table_abandon(&r->crew.source);
	end->next_cursor = r->increment.next_cursor;
	return make_files(r, end, e);
}

/* What a failure makes of the job. A worker that is told to leave gives it back. */
static void choose_end(const struct run *r, const struct err *failure, struct job_end *end)
{
	bool is_leaving = stop_requested() && !r->is_canceled;

	end->err = failure;
	if (r->is_canceled)
		end->state = JOB_CANCELED;
	else if (is_leaving)
		*end = (struct job_end){ .state = JOB_QUEUED };
	else /* a lease that seems to have passed, and has not, is given back */
		end->state = err_is_passing(failure) || failure->code == ERR_CONFLICT ? JOB_QUEUED
										      : JOB_FAILED;
}

static void log_job(const struct run *r, enum job_state became, const struct err *failure)
{
	log_begin(became == JOB_FAILED ? LOG_WARN : LOG_REQUEST, "job");
	log_str("id", r->claimed->lease.id);
	log_str("sub", r->claimed->subject);
	log_str("state", job_state_name(became));
	log_int("attempt", r->claimed->attempt);
	if (failure) {
		log_str("error", failure->text);
		log_str("cause", failure->cause);
	}
	log_end();
}

/* Only what is certainly nobody's: an end that could not be noted may have been noted all the same. */
static void clear_up(struct run *r, int status, enum job_state became, const struct job_end *end,
	const struct err *e)
{
	struct err ignored; /* the sweeper takes what stays */
	size_t n = status == 0 && became == JOB_SUCCEEDED ? end->files_n : 0;
	struct stage_name *names = arena_zero(&r->arena, n, sizeof *names);

	for (size_t i = 0; i < n; i++)
		names[i] = name_of(r, STAGE_FILE, i);
	if (status == 0)
		stage_job_keep(r->crew.stage, names, n, &ignored);
	else if (e->code == ERR_CONFLICT)
		stage_job_discard(r->crew.stage, &ignored);
}

int job_run(struct job_runner *runner, const struct job_claimed *c, enum job_state *became,
	struct err *e)
{
	struct run r = { .runner = runner,
		.claimed = c,
		.estimated_rows = -1,
		.quiet_fd = eventfd(0, EFD_CLOEXEC) };
	struct err failure = { 0 };
	struct job_end end = { .state = JOB_SUCCEEDED };

	job_hold_begin(&r.crew.hold, runner->settings, runner->queue, &c->lease);
	int made = make(&r, &end, &failure);

	crew_stop(&r.crew);
	table_abandon(&r.crew.source);
	if (made < 0)
		choose_end(&r, &failure, &end);
	if (*r.fingerprint) {
		end.fingerprint = r.fingerprint;
		end.lossy = r.lossy;
	}
	end.rights = r.rights;
	int status;

	do
		status = job_end(runner->queue, &c->lease, &end, became, e);
	while (status < 0 && job_hold_again(&r.crew.hold, e));
	if (r.crew.stage)
		clear_up(&r, status, *became, &end, e);
	if (status == 0)
		log_job(&r, *became, made < 0 ? &failure : NULL);
	stage_join_free(r.joining);
	stage_job_close(r.crew.stage);
	crew_close(&r.crew);
	job_request_free(&r.request);
	sources_close(r.visitor.sources, runner->settings);
	close(r.quiet_fd);
	arena_free(&r.arena);
	return status;
}
