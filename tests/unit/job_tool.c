/*
 * lib/job/job_*.c for a test that has servers: job_tool SLUICE.CONF takes commands on standard input, one a line, of words parted by tabs
 * ("-" is NULL), and answers each with a line; a failure with "! CODE TEXT".
 *
 *	create SUBJECT TENANT PAYLOAD KEY ESTIMATE KEEP_S DIRECT	1|0 ID
 *	read ID SUBJECT				STATE JSON
 *	list SUBJECT STATE TOKEN LIMIT		JSON
 *	remove ID SUBJECT			0|1|2, of enum job_removal
 *	claim ONLY				ID FENCE ATTEMPT REQUEST, or none
 *	wait MS					waited
 *	heard					0|1
 *	beat ID FENCE ROWS BYTES ESTIMATE	0|1, of cancel
 *	note ID FENCE TEXT			done
 *	snapshot ID FENCE TEXT			done
 *	part ID FENCE N FIRST LAST		done
 *	parts ID				JSON
 *	end ID FENCE STATE REASON ROWS BYTES FILES	STATE
 *	leases, expire, kept, purge S		a number, and ids
 *	erase SUBJECT				a number
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/job/job_queue.h"
#include "lib/job/job_store.h"
#include "lib/job/job_sweep.h"
#include "lib/job/metadata.h"

enum { WORDS = 8, FILES_MAX = 4 };

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct metadata *m;
static struct job_queue *q;
static char *w[WORDS]; /* NULL for "-" and for what is not there */

static long long num(int i)
{
	return w[i] ? strtoll(w[i], NULL, 10) : -1;
}

static struct job_lease lease(void)
{
	struct job_lease l;

	snprintf(l.id, sizeof l.id, "%s", w[1]);
	snprintf(l.fence, sizeof l.fence, "%s", w[2]);
	return l;
}

static int create(struct buf *out, struct err *e)
{
	struct job_wanted wanted = { .subject = w[1],
		.tenant = w[2],
		.principal = "{\"subject\": \"s\"}",
		.request = "{\"format\": \"csv\"}",
		.payload = w[3],
		.key = w[4],
		.estimated_rows = num(5),
		.keep_s = num(6),
		.is_direct = num(7) > 0 };
	char id[UUID_TEXT];
	int made = job_create(m, &wanted, id, e);

	buf_printf(out, "%d %s", made, id);
	return made;
}

static int read_one(struct buf *out, struct err *e)
{
	struct buf json = { 0 };
	enum job_state state = JOB_STATES_N;
	int status = job_read(m, w[1], w[2], &json, &state, e);

	if (status == 0)
		buf_printf(out, "%s %s", job_state_name(state), buf_str(&json));
	buf_free(&json);
	return status;
}

static int list(struct buf *out, struct err *e)
{
	struct job_list l = { .subject = w[1],
		.state = w[2] ? job_state_read(w[2]) : JOB_STATES_N,
		.token = w[3],
		.limit = (int)num(4) };

	return job_list(m, &l, out, e);
}

static int take_out(struct buf *out, struct err *e)
{
	enum job_removal what = JOB_WAS_CANCELED;
	int status = job_remove(m, w[1], w[2], &what, e);

	buf_printf(out, "%d", what);
	return status;
}

static int claim(struct buf *out, struct err *e)
{
	struct arena a = { 0 };
	struct job_claimed c;
	int status = job_claim(q, w[1], &a, &c, e);

	if (status == 1)
		buf_printf(out, "%s %s %d %s", c.lease.id, c.lease.fence, c.attempt, c.request);
	else if (status == 0)
		buf_puts(out, "none");
	arena_free(&a);
	return status;
}

static int wait_here(struct buf *out, struct err *e)
{
	buf_puts(out, "waited");
	return job_wait(q, (int)num(1), e);
}

static int heard(struct buf *out, struct err *e)
{
	(void)e;
	buf_printf(out, "%d", job_heard_cancel(q));
	return 0;
}

static int beat(struct buf *out, struct err *e)
{
	struct job_lease l = lease();
	struct job_progress p = { (uint64_t)num(3), (uint64_t)num(4), num(5) };
	bool cancel = false;
	int status = job_beat(q, &l, &p, &cancel, e);

	buf_printf(out, "%d", cancel);
	return status;
}

static int note(struct buf *out, struct err *e)
{
	struct job_lease l = lease();

	buf_puts(out, "done");
	return job_note(q, &l, w[3], e);
}

static int snapshot(struct buf *out, struct err *e)
{
	struct job_lease l = lease();

	buf_puts(out, "done");
	return job_set_snapshot(q, &l, w[3], e);
}

static int part(struct buf *out, struct err *e)
{
	struct job_lease l = lease();
	struct job_part p = { (int)num(3), w[4], w[5], 10, 100, SHA };

	buf_puts(out, "done");
	return job_put_part(q, &l, &p, e);
}

static int parts(struct buf *out, struct err *e)
{
	return job_read_parts(q, w[1], out, e);
}

static int end(struct buf *out, struct err *e)
{
	struct job_lease l = lease();
	struct job_file files[FILES_MAX];
	struct err reason;
	enum job_state became = JOB_STATES_N;

	for (int i = 0; i < FILES_MAX; i++)
		files[i] = (struct job_file){ "users \"\xc3\xa9\".csv", "jobs/x/file", "text/csv",
			1000 + i, SHA };
	err_set(&reason, ERR_DATABASE, "%s", w[4] ? w[4] : "");
	struct job_end how = { .state = job_state_read(w[3]),
		.err = w[4] ? &reason : NULL,
		.rows = (uint64_t)num(5),
		.bytes = (uint64_t)num(6),
		.fingerprint = "print",
		.lossy = "[\"a\"]",
		.files = files,
		.files_n = (size_t)num(7) };
	int status = job_end(q, &l, &how, &became, e);

	if (status == 0)
		buf_puts(out, job_state_name(became));
	return status;
}

static void put_id(void *to, const char *id)
{
	buf_printf(to, " %s", id);
}

static int leases(struct buf *out, struct err *e)
{
	int64_t n = 0;
	int status = job_end_leases(m, &n, e);

	buf_printf(out, "%lld", (long long)n);
	return status;
}

static int expire(struct buf *out, struct err *e)
{
	int64_t n = 0;
	int status = job_expire(m, put_id, out, &n, e);

	buf_printf(out, " %lld", (long long)n);
	return status;
}

static int kept(struct buf *out, struct err *e)
{
	return job_list_kept(m, put_id, out, e);
}

static int purge(struct buf *out, struct err *e)
{
	int64_t n = 0;
	int status = job_purge(m, num(1), &n, e);

	buf_printf(out, "%lld", (long long)n);
	return status;
}

static int erase(struct buf *out, struct err *e)
{
	int64_t n = 0;
	int status = job_remove_all(m, w[1], NULL, &n, e);

	buf_printf(out, "%lld", (long long)n);
	return status;
}

static const struct command {
	const char *name;
	int (*run)(struct buf *out, struct err *e);
} commands[] = {
	{ "create", create },
	{ "read", read_one },
	{ "list", list },
	{ "remove", take_out },
	{ "claim", claim },
	{ "wait", wait_here },
	{ "heard", heard },
	{ "beat", beat },
	{ "note", note },
	{ "snapshot", snapshot },
	{ "part", part },
	{ "parts", parts },
	{ "end", end },
	{ "leases", leases },
	{ "expire", expire },
	{ "kept", kept },
	{ "purge", purge },
	{ "erase", erase },
};

static void split(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	for (int i = 0; i < WORDS; i++) {
		w[i] = line ? strsep(&line, "\t") : NULL;
		if (w[i] && !strcmp(w[i], "-"))
			w[i] = NULL;
	}
}

static void obey(char *line)
{
	struct buf out = { 0 };
	struct err e = { 0 };
	size_t i = 0, n = sizeof commands / sizeof *commands;

	split(line);
	while (i < n && strcmp(commands[i].name, w[0] ? w[0] : "") != 0)
		i++;
	if (i == n)
		exit(EXIT_FAILURE);
	if (commands[i].run(&out, &e) < 0)
		printf("! %s %s %s\n", err_info(e.code)->name, e.text, e.cause);
	else
		puts(buf_str(&out));
	buf_free(&out);
	if (fflush(stdout))
		exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	struct settings s;
	struct err e = { 0 };
	char *line = NULL;
	size_t cap = 0;

	if (argc != 2 || settings_read(&s, argv[1], &e) < 0 || !(m = metadata_open(&s))) {
		fprintf(stderr, "job_tool: %s\n", e.text);
		return EXIT_FAILURE;
	}
	log_open(NULL, LOG_WARN);
	q = job_queue_open(m, &s, "host:1");
	while (getline(&line, &cap, stdin) > 0)
		obey(line);
	free(line);
	job_queue_close(q);
	metadata_close(m);
	settings_free(&s);
	return EXIT_SUCCESS;
}
