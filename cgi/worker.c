/*
 * sluice-worker: runs exports that were asked for as jobs (man page sluice-worker(8)).
 *
 *	sluice-worker [-c FILE] [-n N]     N processes, until told to leave
 *	sluice-worker [-c FILE] --once     all that wait now, one after the other: for cron
 *
 * Exit status: 0 done, or left as told; 1 it failed, one line on standard error says why; 2 it was called wrongly.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/access/secret_key.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/stop.h"
#include "lib/base/unit.h"
#include "lib/job/job_run.h"
#include "lib/job/job_sweep.h"
#include "lib/job/metadata.h"
#include "lib/job/schedule_run.h"

enum {
	FAILED = 1,
	USAGE = 2,
	PROCESSES_MAX = 256,
	WAIT_MS = 5000, /* between two looks at the queue, when nothing is told */
	AGAIN_S = 1,    /* before a process that died is started again */
	SAY_S = 60,     /* between two lines of the log about what goes on failing */
	LOOK_S = 3600   /* between two looks whether somebody sweeps */
};

static const char help[] =
	"Usage: sluice-worker [-c FILE] [-n N | --once]\n"
	"\n"
	"  -n, --processes N     jobs that are run at the same time (1)\n"
	"      --once            run what waits now, one after the other, and leave\n"
	"  -c, --config FILE     the configuration; else $SLUICE_CONFIG, else\n"
	"                        " SLUICE_CONFIG_FILE "\n"
	"      --help, --version\n"
	"\n"
	"Manual: sluice-worker(8), sluice.conf(5)\n";

struct worker {
	struct settings settings;
	uint8_t mask_key[SECRET_KEY_BYTES];
	bool once;
};

static int fail(const struct err *e)
{
	fprintf(stderr, "sluice-worker: %s%s%s\n", e->text, *e->cause ? ": " : "", e->cause);
	return FAILED;
}

static int open_worker(struct worker *w, const char *config, struct err *e)
{
	const char *file;

	if (settings_read(&w->settings, config, e) < 0)
		return -1;
	file = *w->settings.log_file ? w->settings.log_file : NULL;
	if (log_open(file, (enum log_level)w->settings.log_level) < 0)
		return err_set(e, ERR_CONFIG, "log.file %s: %s", file, strerror(errno));
	if (!*w->settings.metadata_database)
		return err_set(e, ERR_CONFIG, "\"metadata.database\" is empty: there are no jobs");
	/* Told once, not by each process again and again. */
	struct stage *stage = stage_open(&w->settings, e);
	struct secret_key *key = stage ? secret_key_open(&w->settings, e) : NULL;

	stage_close(stage);
	if (!key)
		return -1;
	secret_key_derive(key, "hash mask", w->mask_key);
	secret_key_close(key);
	return 0;
}

static void log_failure(const char *what, const struct err *e)
{
	log_begin(LOG_WARN, what);
	log_str("error", e->text);
	log_str("cause", e->cause);
	log_end();
}

/* What fails again and again is told now and then. *told_us: when it was, monotonic; 0: it does not fail. */
static void log_trouble(int64_t *told_us, const char *what, const struct err *e)
{
	int64_t now_us = clock_monotonic_us();

	if (*told_us && now_us - *told_us < (int64_t)SAY_S * 1000000)
		return;
	*told_us = now_us;
	log_failure(what, e);
}

/* Whoever has forgotten the sweeper reads this log, until the disk is full. */
static void look_for_sweeper(struct metadata *m, int64_t *looked_us)
{
	int64_t now_us = clock_monotonic_us(), n;
	struct err ignored;

	if (*looked_us && now_us - *looked_us < (int64_t)LOOK_S * 1000000)
		return;
	if (job_count_unswept(m, &n, &ignored) < 0)
		return;
	*looked_us = now_us;
	if (n == 0)
		return;
	log_begin(LOG_WARN, "exports expired a day ago and were not removed: is sluice-sweep run?");
	log_int("exports", n);
	log_end();
}

/* One job, or none: 1, 0; -1 when the queue cannot be asked. */
static int run_next(struct job_runner *r, struct err *e)
{
	struct arena a = { 0 };
	struct job_claimed claimed;
	enum job_state became;
	struct err failure;
	int found = job_claim(r->queue, NULL, &a, &claimed, e);

	if (found > 0 && job_run(r, &claimed, &became, &failure) < 0)
		log_failure("the end of a job could not be noted", &failure);
	arena_free(&a);
	return found;
}

static int serve(struct worker *w, struct job_runner *r, struct metadata *m, struct err *e)
{
	int64_t schedules_us = 0, queue_us = 0, looked_us = 0;

	while (!stop_requested()) {
		int wait_ms = WAIT_MS;
		int due = schedule_run_due(m, &w->settings, &wait_ms, e);

		/* What is wrong with schedules does not keep jobs from being run. */
		if (due < 0)
			log_trouble(&schedules_us, "what is due of schedules could not be run", e);
		int found = run_next(r, e);

		if (found >= 0)
			look_for_sweeper(m, &looked_us);
		if (w->once && found <= 0)
			return found;
		if (found == 0 && job_wait(r->queue, wait_ms, e) < 0)
			found = -1;
		if (found < 0) {
			log_trouble(&queue_us, "the queue of jobs cannot be asked", e);
			sleep(AGAIN_S);
		}
		schedules_us = due < 0 ? schedules_us : 0;
		queue_us = found < 0 ? queue_us : 0;
	}
	return 0;
}

/* What one process does. */
static int work(struct worker *w)
{
	struct err e;
	struct job_runner r = { .settings = &w->settings, .mask_key = w->mask_key };
	struct metadata *m = metadata_open(&w->settings);
	char host[128] = "", name[160];
	sigset_t child;
	int status = -1;

	gethostname(host, sizeof host - 1);
	snprintf(name, sizeof name, "%s:%ld", host, (long)getpid());
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	stop_limit(0); /* a job is given back */
	r.stage = stage_open(&w->settings, &e);
	r.queue = job_queue_open(m, &w->settings, name);
	if (r.stage)
		status = serve(w, &r, m, &e);
	job_queue_close(r.queue);
	stage_close(r.stage);
	metadata_close(m);
	return status < 0 ? fail(&e) : 0;
}

static pid_t start(struct worker *w)
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	_exit(getppid() == parent ? work(w) : 0);
}

static int keep_all(struct worker *w, pid_t *pids, int64_t n)
{
	while (!stop_requested()) {
		pid_t ended = wait(NULL);

		for (int64_t i = 0; i < n && !stop_requested(); i++)
			if (pids[i] <= 0 || pids[i] == ended) {
				sleep(AGAIN_S);
				pids[i] = start(w);
			}
	}
	for (int64_t i = 0; i < n; i++)
		if (pids[i] > 0)
			kill(pids[i], SIGTERM);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	return 0;
}

static int run_all(struct worker *w, int64_t n)
{
	pid_t pids[PROCESSES_MAX];

	for (int64_t i = 0; i < n; i++)
		pids[i] = start(w);
	return keep_all(w, pids, n);
}

static int usage(const char *what)
{
	fprintf(stderr, "sluice-worker: %s; `sluice-worker --help` tells more\n", what);
	return USAGE;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "processes", required_argument, NULL, 'n' },
		{ "once", no_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	struct worker w = { 0 };
	const char *config = getenv("SLUICE_CONFIG");
	int64_t n = 1;
	struct err e;

	for (int c; (c = getopt_long(argc, argv, "c:n:h", options, NULL)) != -1;)
		switch (c) {
		case 'c': config = optarg; break;
		case 'o': w.once = true; break;
		case 'h': return fputs(help, stdout) < 0 ? FAILED : 0;
		case 'v': return puts(PACKAGE_STRING) < 0 ? FAILED : 0;
		case 'n':
			if (unit_read_integer(optarg, &n) || n < 1 || n > PROCESSES_MAX)
				return usage("-n takes a number from 1 to 256");
			break;
		default: return USAGE;
		}
	if (optind < argc)
		return usage("it takes no arguments");
	stop_install();
	int status;

	if (open_worker(&w, config && *config ? config : SLUICE_CONFIG_FILE, &e) < 0)
		status = fail(&e);
	else
		status = w.once ? work(&w) : run_all(&w, n);
	settings_free(&w.settings);
	return status;
}
