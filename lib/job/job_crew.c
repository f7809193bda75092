#include "lib/job/job_crew.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/stop.h"
#include "lib/export/lookup.h"

enum {
	PART_TRIES = 3,
	AGAIN_MS =
		500,   /* before a part that the database broke off is made again, the first time */
	LOOK_MS = 250, /* of a pause; a child's end is seen at once */
	STOP_MS = 10000 /* for the parts to end by themselves */
};

int crew_hire(struct crew *c, struct arena *a, size_t n, struct err *e)
{
	void *seen = mmap(NULL, n * sizeof *c->seen, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (seen == MAP_FAILED)
		return err_set(e, ERR_INTERNAL, "there is no memory for the parts");
	c->seen = seen;
	c->n = n;
	c->parts = arena_zero(a, n, sizeof *c->parts);
	for (size_t i = 0; i < n; i++)
		c->parts[i].seen = &c->seen[i];
	return 0;
}

void crew_close(struct crew *c)
{
	if (c->seen)
		munmap(c->seen, c->n * sizeof *c->seen);
	c->seen = NULL;
}

void crew_progress(const struct crew *c, struct job_progress *p)
{
	for (size_t i = 0; c->seen && i < c->n; i++) {
		p->rows += c->seen[i].rows;
		p->bytes += c->seen[i].counted;
	}
}

/* Told to end, it cancels its query first; when its leader is killed, so is it. Connections of the leader's are not touched. */
static void __attribute__((noreturn)) be_part(struct crew *c, struct part *p, pid_t leader)
{
	sigset_t none;
	struct err e = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != leader)
		_exit(0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	stop_limit(0);
	stage_job_count_in(c->stage, &p->seen->counted);
	if (part_make(&p->task, c->stage, p->seen, &e) < 0)
		p->seen->err = e;
	_exit(p->seen->err.code == ERR_NONE ? 0 : 1);
}

static int start(struct crew *c, struct part *p, struct err *e)
{
	pid_t leader = getpid();

	*p->seen = (struct part_seen){ 0 };
	p->is_sure = false;
	p->stopped_us = 0;
	p->tries++;
	p->pid = fork();
	if (p->pid == 0)
		be_part(c, p, leader);
	if (p->pid > 0)
		return 0;
	p->pid = 0;
	return err_set(e, ERR_UNAVAILABLE, "a process for a part could not be started");
}

static size_t count_running(const struct crew *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += c->parts[i].pid != 0;
	return n;
}

static bool is_to_start(const struct part *p)
{
	return !p->pid && !p->is_done && clock_monotonic_us() >= p->due_us;
}

/* As many at once as were asked for, in the order of the key. */
static int start_more(struct crew *c, struct err *e)
{
	for (size_t i = 0; i < c->n && count_running(c) < (size_t)c->parallel; i++)
		if (is_to_start(&c->parts[i]) && start(c, &c->parts[i], e) < 0)
			return -1;
	return 0;
}

void crew_pause(void)
{
	static const struct timespec look = { 0, LOOK_MS * 1000000L };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigtimedwait(&child, NULL, &look);
}

static void signal_all(struct crew *c, int signum)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->parts[i].pid)
			kill(c->parts[i].pid, signum);
}

/* Whoever is deaf, because the database's server is, is killed: the server finds out by itself. */
void crew_stop(struct crew *c)
{
	int64_t end_us = clock_monotonic_us() + (int64_t)STOP_MS * 1000;

	signal_all(c, SIGTERM);
	signal_all(c, SIGCONT);
	while (count_running(c) > 0) {
		if (clock_monotonic_us() >= end_us)
			signal_all(c, SIGKILL);
		for (size_t i = 0; i < c->n; i++)
			if (c->parts[i].pid && waitpid(c->parts[i].pid, NULL, WNOHANG) != 0)
				c->parts[i].pid = 0;
		if (count_running(c) > 0)
			crew_pause();
	}
}

static int note_part(struct crew *c, const struct part *p, struct err *e)
{
	int i = p->task.number;
	bool is_range = p->task.key && !c->bounds.empty;
	struct job_part done = { .n = i,
		.first = is_range ? c->bounds.values[i - 1] : NULL,
		.last = is_range ? c->bounds.values[i] : NULL,
		.rows = (int64_t)p->seen->rows,
		.bytes = (int64_t)p->seen->bytes,
		.sha256 = p->seen->sha256 };
	int status;

	do
		status = job_put_part(c->hold.queue, c->hold.lease, &done, e);
	while (status < 0 && job_hold_again(&c->hold, e));
	return status;
}

static int note(struct crew *c, const char *text, struct err *e)
{
	int status;

	do
		status = job_note(c->hold.queue, c->hold.lease, text, e);
	while (status < 0 && job_hold_again(&c->hold, e));
	return status;
}

/* Whether the leader's own session lives. */
static int ask_leader(struct crew *c, struct err *e)
{
	static const struct statement ask = { .sql = "SELECT 1" };

	return lookup_run(c->source, &ask, e);
}

/* Names of snapshots come again: after the server was lost, another session's may have that of the leader's. So long as the leader's
 * session lives it is the only one, and what a part has read under it before is right. */
static int make_sure(struct crew *c, struct err *e)
{
	bool is_sure = true;

	for (size_t i = 0; i < c->n; i++)
		is_sure &= c->parts[i].is_sure || !c->parts[i].seen->is_under;
	if (is_sure)
		return 0;
	for (size_t i = 0; i < c->n; i++)
		c->parts[i].is_sure |= c->parts[i].seen->is_under;
	return ask_leader(c, e);
}

/* Whether it is of use to make the part again. What is wrong with the whole attempt is found out by asking the leader's own
 * session; and who has locked the table waits for that session's end, with everybody else behind them. */
static bool is_in_vain(struct crew *c, const struct part *p, struct err *e)
{
	const struct err *why = &p->seen->err;

	return p->tries >= PART_TRIES || !err_is_passing(why) || why->code == ERR_DISK ||
	       source_has_said(why, SOURCE_LOCKED) || ask_leader(c, e) < 0;
}

static int make_again(struct crew *c, struct part *p, bool died, struct err *e)
{
	if (died && p->tries >= PART_TRIES)
		return err_set(
			e, ERR_INTERNAL, "the process of a part was lost %d times", PART_TRIES);
	if (!died && is_in_vain(c, p, e)) {
		*e = p->seen->err;
		return -1;
	}
	stage_job_uncount(c->stage, p->seen->counted);
	*p->seen = (struct part_seen){ 0 };
	p->is_sure = false;
	if (!died)
		p->due_us = clock_monotonic_us() + ((int64_t)AGAIN_MS << p->tries) * 500;
	return note(c,
		died ? "the process of a part was lost; the part is made again"
		     : "the database broke off a part; the part is made again",
		e);
}

/* A part whose process has ended: whole, to be made again, or the end of the job. */
static int take_ended(struct crew *c, struct part *p, int how, struct err *e)
{
	p->pid = 0;
	if (!WIFEXITED(how) || WEXITSTATUS(how) != 0)
		return make_again(c, p, !WIFEXITED(how), e);
	if (make_sure(c, e) < 0)
		return -1;
	p->is_done = true;
	return note_part(c, p, e);
}

/* A process that was stopped and is not continued within the time of a lease is as good as dead. */
static void take_stopped(struct crew *c, struct part *p, int how)
{
	if (WIFSTOPPED(how))
		p->stopped_us = clock_monotonic_us();
	else if (WIFCONTINUED(how))
		p->stopped_us = 0;
	if (p->stopped_us && clock_monotonic_us() - p->stopped_us > c->hold.lease_us)
		kill(p->pid, SIGKILL);
}

static int take_changed(struct crew *c, struct part *p, struct err *e)
{
	int how = 0;
	bool is_told = waitpid(p->pid, &how, WNOHANG | WUNTRACED | WCONTINUED) > 0;

	if (is_told && (WIFEXITED(how) || WIFSIGNALED(how)))
		return take_ended(c, p, how, e);
	take_stopped(c, p, is_told ? how : 0);
	return 0;
}

int crew_look(struct crew *c, struct err *e)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->parts[i].pid && take_changed(c, &c->parts[i], e) < 0)
			return -1;
	return make_sure(c, e) < 0 || start_more(c, e) < 0 ? -1 : 0;
}
