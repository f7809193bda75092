#include "lib/job/job_run.h"

#include <json-c/json.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/stop.h"
#include "lib/base/wait.h"
#include "lib/export/describe.h"
#include "lib/export/lookup.h"
#include "lib/export/schema_json.h"
#include "lib/export/table.h"
#include "lib/job/job_part.h"
#include "lib/query/compile.h"
#include "lib/rows/fingerprint.h"

enum {
	PARTS_MAX = PAGE_TOTAL_MAX,
	PART_ROWS = 2 * 1000 *
		    1000, /* of a part, about: so long is what the death of its process costs */
	PART_TRIES = 3,
	LOOK_MS = 250, /* between two looks at what was told; a child's end is seen at once */
	BEATS = 3      /* in the time of a lease */
};

/* A part that is made, or waits for it. */
struct part {
	pid_t pid; /* 0: no process has it */
	int tries;
	bool is_done;
	struct part_task task;
	struct part_seen *seen; /* shared with its process */
};

struct run {
	struct job_runner *runner;
	const struct job_claimed *claimed;
	struct arena arena;
	struct principal principal;
	const char *purpose;
	struct job_request request;
	struct stage_job *stage;

	/* the leader's own look at the tables, in the transaction whose snapshot the parts share */
	struct visitor visitor;
	struct source *source;
	struct table table;
	struct scope scope;
	struct query query;
	struct compile compile;
	char fingerprint[FINGERPRINT_TEXT];
	const char *lossy;
	const char *snapshot;
	int64_t estimated_rows;

	struct page_key key;
	struct page_bounds bounds;
	struct part *parts;
	struct part_seen *seen; /* parts_n of them, mapped */
	size_t parts_n;
	int64_t beaten_us; /* monotonic, the last heartbeat */
	bool is_canceled;
};

/* ---- who asked, and what */

/* {"subject","issuer","claims":{…},"purpose"} */
static int read_principal(struct run *r, struct err *e)
{
	struct json_object *doc = json_tokener_parse(r->claimed->principal), *claims, *value;
	int status = -1;

	if (json_object_object_get_ex(doc, "claims", &claims)) {
		status = principal_read(r->runner->settings, claims, &r->arena, &r->principal, e);
		r->principal.subject = r->claimed->subject;
		if (json_object_object_get_ex(doc, "issuer", &value))
			r->principal.issuer =
				arena_strdup(&r->arena, json_object_get_string(value));
		r->principal.claims = arena_strdup(
			&r->arena, json_object_to_json_string_ext(claims, JSON_C_TO_STRING_PLAIN));
		if (json_object_object_get_ex(doc, "purpose", &value) && value)
			r->purpose = arena_strdup(&r->arena, json_object_get_string(value));
	} else {
		err_set(e, ERR_INTERNAL, "the job does not tell whose it is");
	}
	json_object_put(doc);
	return status;
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
		.hangup_fd = -1 };
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
	return table_enter(&r->visitor, t, &r->source, &r->table, e) < 0 ||
			       table_reach(&r->visitor, &r->source, &r->table, &r->query, format,
				       &r->scope, &r->compile.where, e) < 0
		       ? -1
		       : 0;
}

static int check_rows(struct run *r, struct err *e)
{
	int64_t most = r->table.rights.rows, rows;

	if (most < 0)
		return 0;
	if (lookup_count(r->source, &r->compile, most, &rows, e) < 0)
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

	if (describe_query(r->source, &r->compile, &schema, e) < 0 ||
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

static size_t count_parts(struct run *r)
{
	int64_t rows = r->estimated_rows;
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
	struct part *p = &r->parts[i];

	p->seen = &r->seen[i];
	p->task = (struct part_task){ .settings = r->runner->settings,
		.principal = &r->principal,
		.request = &r->request,
		.mask_key = r->runner->mask_key,
		.id = r->claimed->lease.id,
		.purpose = r->purpose,
		.snapshot = r->snapshot,
		.key = r->parts_n > 1 ? &r->key : NULL,
		.bounds = &r->bounds,
		.number = (int32_t)i + 1,
		.has_header = i == 0 || !is_joinable(&r->request) };
}

static int cut(struct run *r, struct err *e)
{
	struct compiled compiled;
	struct plan plan;

	if (compile_query(&r->compile, &compiled, e) < 0 ||
		lookup_plan(r->source, &r->scope, &compiled.statement, &plan, e) < 0)
		return -1;
	r->estimated_rows = (int64_t)plan.rows;
	r->parts_n = can_cut(r) ? count_parts(r) : 1;
	if (r->parts_n > 1 && lookup_bounds(r->source, &r->arena, &r->key, (int32_t)r->parts_n,
				      &r->bounds, e) < 0)
		return -1;
	if (source_share(r->source, &r->arena, &r->snapshot, e) < 0 ||
		job_set_snapshot(r->runner->queue, &r->claimed->lease, r->snapshot, e) < 0)
		return -1;
	r->parts = arena_zero(&r->arena, r->parts_n, sizeof *r->parts);
	r->seen = mmap(NULL, r->parts_n * sizeof *r->seen, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r->seen == MAP_FAILED) {
		r->seen = NULL;
		return err_set(e, ERR_INTERNAL, "there is no memory for the parts");
	}
	for (size_t i = 0; i < r->parts_n; i++)
		set_part(r, i);
	return 0;
}

/* ---- their processes */

/* Told to end, it cancels its query first; when its leader is killed, so is it. Connections of the leader's are not touched. */
static void __attribute__((noreturn)) be_part(struct run *r, struct part *p, pid_t leader)
{
	sigset_t none;
	struct err e = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != leader)
		_exit(0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	stop_limit(0);
	if (part_make(&p->task, r->stage, p->seen, &e) < 0)
		p->seen->err = e;
	_exit(p->seen->err.code == ERR_NONE ? 0 : 1);
}

static int start(struct run *r, struct part *p, struct err *e)
{
	pid_t leader = getpid();

	*p->seen = (struct part_seen){ 0 };
	p->tries++;
	p->pid = fork();
	if (p->pid == 0)
		be_part(r, p, leader);
	if (p->pid > 0)
		return 0;
	p->pid = 0;
	return err_set(e, ERR_UNAVAILABLE, "a process for a part could not be started");
}

static size_t count_running(const struct run *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->parts_n; i++)
		n += r->parts[i].pid != 0;
	return n;
}

/* As many at once as were asked for, in the order of the key. */
static int start_more(struct run *r, struct err *e)
{
	for (size_t i = 0; i < r->parts_n && count_running(r) < (size_t)r->request.parallel; i++)
		if (!r->parts[i].pid && !r->parts[i].is_done && start(r, &r->parts[i], e) < 0)
			return -1;
	return 0;
}

static void stop_all(struct run *r)
{
	for (size_t i = 0; i < r->parts_n; i++)
		if (r->parts[i].pid)
			kill(r->parts[i].pid, SIGTERM);
	for (size_t i = 0; i < r->parts_n; i++)
		if (r->parts[i].pid) {
			waitpid(r->parts[i].pid, NULL, 0);
			r->parts[i].pid = 0;
		}
}

static int note_part(struct run *r, const struct part *p, struct err *e)
{
	int i = p->task.number;
	bool is_range = p->task.key && !r->bounds.empty;
	struct job_part done = { .n = i,
		.first = is_range ? r->bounds.values[i - 1] : NULL,
		.last = is_range ? r->bounds.values[i] : NULL,
		.rows = (int64_t)p->seen->rows,
		.bytes = (int64_t)p->seen->bytes,
		.sha256 = p->seen->sha256 };

	return job_put_part(r->runner->queue, &r->claimed->lease, &done, e);
}

/* A part whose process has ended: whole, to be made again, or the end of the job. */
static int take_ended(struct run *r, struct part *p, int how, struct err *e)
{
	bool died = !WIFEXITED(how);

	p->pid = 0;
	if (!died && WEXITSTATUS(how) == 0) {
		p->is_done = true;
		return note_part(r, p, e);
	}
	if (died && p->tries < PART_TRIES)
		return job_note(r->runner->queue, &r->claimed->lease,
			"the process of a part was lost; the part is made again", e);
	if (died)
		return err_set(
			e, ERR_INTERNAL, "the process of a part was lost %d times", PART_TRIES);
	*e = p->seen->err;
	return -1;
}

static int take_all_ended(struct run *r, struct err *e)
{
	int how;

	for (size_t i = 0; i < r->parts_n; i++)
		if (r->parts[i].pid && waitpid(r->parts[i].pid, &how, WNOHANG) > 0 &&
			take_ended(r, &r->parts[i], how, e) < 0)
			return -1;
	return 0;
}

/* ---- the lease */

static struct job_progress progress(const struct run *r)
{
	struct job_progress p = { .estimated_rows = r->estimated_rows };

	for (size_t i = 0; i < r->parts_n; i++) {
		p.rows += r->parts[i].seen->rows;
		p.bytes += r->parts[i].seen->bytes;
	}
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
	int64_t now_us = clock_monotonic_us();
	bool cancel = job_heard_cancel(r->runner->queue);

	if (!cancel && now_us - r->beaten_us < (int64_t)JOB_LEASE_S * 1000000 / BEATS)
		return 0;
	r->beaten_us = now_us;
	if (!cancel && job_beat(r->runner->queue, &r->claimed->lease, &p, &cancel, e) < 0)
		return -1;
	return cancel ? canceled(r, e) : 0;
}

/* Until a process has ended, or it is time to look. */
static void pause_a_moment(void)
{
	static const struct timespec look = { 0, LOOK_MS * 1000000L };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigtimedwait(&child, NULL, &look);
}

static int make_parts(struct run *r, struct err *e)
{
	size_t left = r->parts_n;

	while (left > 0) {
		if (stop_requested())
			return wait_gave_up(e);
		if (start_more(r, e) < 0)
			return -1;
		pause_a_moment();
		if (take_all_ended(r, e) < 0 || beat(r, e) < 0)
			return -1;
		left = 0;
		for (size_t i = 0; i < r->parts_n; i++)
			left += !r->parts[i].is_done;
	}
	return 0;
}

/* ---- the files */

static const char *media_of(const struct job_request *q)
{
	return q->compress ? q->compress->media : q->format->media;
}

/* "users.csv" of one file; "users-2.parquet" of several. */
static const char *name_of(struct run *r, size_t i, size_t n)
{
	const char *name = r->request.file_name;
	size_t suffix = strlen(r->request.format->suffix) + 1;

	if (r->request.compress)
		suffix += strlen(r->request.compress->suffix) + 1;
	size_t stem = strlen(name) - suffix;

	return n == 1 ? name
		      : arena_printf(&r->arena, "%.*s-%zu%s", (int)stem, name, i + 1, name + stem);
}

/* One file of parts first .. first + n - 1. */
static int make_file(struct run *r, size_t first, size_t n, size_t number, size_t files_n,
	struct job_file *file, struct err *e)
{
	struct stage_part *parts = arena_zero(&r->arena, n, sizeof *parts);
	uint64_t fence = strtoull(r->claimed->lease.fence, NULL, 10);
	struct stage_name name = { STAGE_FILE, (unsigned)number + 1, fence };
	struct stage_pulse pulse = { beat, r };
	struct stage_joined *joined = arena_zero(&r->arena, 1, sizeof *joined);
	char path[STAGE_PATH];

	for (size_t i = 0; i < n; i++)
		parts[i] = (struct stage_part){
			{ STAGE_PART, (unsigned)(first + i) + 1, fence },
			r->parts[first + i].seen->bytes,
			r->parts[first + i].seen->sha256,
		};
	if (stage_join(r->stage, parts, n, name.n, &pulse, joined, e) < 0)
		return -1;
	stage_path(r->claimed->lease.id, &name, path);
	*file = (struct job_file){ .name = name_of(r, number, files_n),
		.path = arena_strdup(&r->arena, path),
		.media = media_of(&r->request),
		.bytes = (int64_t)joined->bytes,
		.sha256 = joined->sha256 };
	return 0;
}

static int make_files(struct run *r, struct job_end *end, struct err *e)
{
	size_t n = is_joinable(&r->request) ? 1 : r->parts_n;
	struct job_file *files = arena_zero(&r->arena, n, sizeof *files);

	for (size_t i = 0; i < n; i++) {
		size_t first = n == 1 ? 0 : i;

		if (make_file(r, first, n == 1 ? r->parts_n : 1, i, n, &files[i], e) < 0)
			return -1;
		end->bytes += (uint64_t)files[i].bytes;
	}
	for (size_t i = 0; i < r->parts_n; i++)
		end->rows += r->parts[i].seen->rows;
	end->files = files;
	end->files_n = n;
	return 0;
}

/* ---- all of it */

static int make(struct run *r, struct job_end *end, struct err *e)
{
	const char *pointer;
	uint64_t fence = strtoull(r->claimed->lease.fence, NULL, 10);

	if (read_principal(r, e) < 0 ||
		job_request_read(&r->arena, r->runner->settings, r->claimed->request,
			strlen(r->claimed->request), &r->request, &pointer, e) < 0)
		return -1;
	r->stage = stage_job_open(r->runner->stage, r->claimed->lease.id, fence, e);
	if (!r->stage || stage_job_keep(r->stage, NULL, 0, e) < 0)
		return -1;
	be_visitor(r);
	if (enter(r, e) < 0)
		return -1;
	r->compile.nested_as_text = r->request.options.nested == NESTED_SERVER;
	if (check_rows(r, e) < 0 || describe(r, e) < 0 || cut(r, e) < 0 || make_parts(r, e) < 0)
		return -1;
	table_abandon(&r->source); /* the parts have read what they share */
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
	else
		end->state = err_info(failure->code)->retryable ? JOB_QUEUED : JOB_FAILED;
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

int job_run(struct job_runner *runner, const struct job_claimed *c, enum job_state *became,
	struct err *e)
{
	struct run r = { .runner = runner, .claimed = c, .estimated_rows = -1 };
	struct err failure = { 0 };
	struct job_end end = { .state = JOB_SUCCEEDED };

	r.beaten_us = clock_monotonic_us();
	int made = make(&r, &end, &failure);

	stop_all(&r);
	table_abandon(&r.source);
	if (made < 0)
		choose_end(&r, &failure, &end);
	if (*r.fingerprint) {
		end.fingerprint = r.fingerprint;
		end.lossy = r.lossy;
	}
	int status = job_end(runner->queue, &c->lease, &end, became, e);

	/* Only what is certainly nobody's: an end that could not be noted may have been noted all the same. */
	if (r.stage && (status < 0 ? e->code == ERR_CONFLICT : *became != JOB_SUCCEEDED)) {
		struct err ignored; /* the sweeper takes what stays */

		stage_job_discard(r.stage, &ignored);
	}
	if (status == 0)
		log_job(&r, *became, made < 0 ? &failure : NULL);
	stage_job_close(r.stage);
	if (r.seen)
		munmap(r.seen, r.parts_n * sizeof *r.seen);
	job_request_free(&r.request);
	sources_close(r.visitor.sources, runner->settings);
	arena_free(&r.arena);
	return status;
}
