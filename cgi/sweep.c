/*
 * sluice-sweep: what becomes of exports that nobody asks for any more (man page sluice-sweep(8)).
 *
 *	sluice-sweep [-c FILE]     once, for cron; says in one line what it did
 *
 * Exit status: 0 done, or another is at it; 1 it failed, one line on standard error says why; 2 it was called wrongly.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/settings.h"
#include "lib/job/audit.h"
#include "lib/job/deliveries.h"
#include "lib/job/job_sweep.h"
#include "lib/job/metadata.h"
#include "lib/job/outcome.h"
#include "lib/job/stage.h"

enum {
	FAILED = 1,
	USAGE = 2,
	FORGET_S =
		7 *
		86400 /* a job that has expired, or was removed; until then one that has expired answers 410 */
};

static const char help[] = "Usage: sluice-sweep [-c FILE]\n"
			   "\n"
			   "  -c, --config FILE     the configuration; else $SLUICE_CONFIG, else\n"
			   "                        " SLUICE_CONFIG_FILE "\n"
			   "      --help, --version\n"
			   "\n"
			   "Manual: sluice-sweep(8), sluice.conf(5)\n";

struct ids {
	const char **items;
	size_t n, room;
	struct arena *arena;
};

struct sweep {
	struct settings settings;
	struct metadata *metadata;
	struct stage *stage; /* NULL: there is nothing yet, or it cannot be had */
	struct err unstaged; /* why not */
	struct arena arena;
	struct ids gone; /* jobs whose files are to be removed */
	struct ids kept; /* all whose files are wanted */

	struct job_left left;
	int64_t leases, expired, jobs, outcomes, audit;
	size_t files;
	uint64_t bytes;
	struct stage_swept litter;
	struct deliveries deliveries;
};

static void take(void *to, const char *id)
{
	struct ids *ids = to;

	if (ids->n == ids->room) {
		ids->room = ids->room ? 2 * ids->room : 64;
		ids->items = mem_grow(ids->items, ids->room, sizeof *ids->items);
	}
	ids->items[ids->n++] = arena_strdup(ids->arena, id);
}

/* What the database has to say, all of it before anything is removed: without it nothing is known to be litter. */
static int ask(struct sweep *s, struct err *e)
{
	/* By then a worker that has lost its lease has noticed, or sleeps. */
	int64_t settled_s = 2 * s->settings.jobs_lease_us / 1000000;

	s->gone.arena = s->kept.arena = &s->arena;
	if (job_end_leases(s->metadata, &s->leases, e) < 0 ||
		job_list_kept(s->metadata, take, &s->kept, e) < 0 ||
		job_list_removed(s->metadata, settled_s, take, &s->gone, e) < 0 ||
		job_expire(s->metadata, take, &s->gone, &s->expired, e) < 0)
		return -1;
	return job_count_left(s->metadata, &s->left, e);
}

static int remove_files(struct sweep *s, const char *job, struct err *e)
{
	struct stage_entry *entries;
	struct arena a = { 0 };
	ssize_t n = stage_list(s->stage, job, &a, &entries, e);
	int failed = n < 0 || stage_remove(s->stage, job, e) < 0;

	for (ssize_t i = 0; !failed && i < n; i++) {
		s->files++;
		s->bytes += entries[i].bytes;
	}
	arena_free(&a);
	return failed ? -1 : 0;
}

/* Goes on after a failure, and tells the first. */
static int remove_all(struct sweep *s, struct err *e)
{
	struct err first, *to = e;
	int failed = 0;

	if (!s->stage) {
		*e = s->unstaged;
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	}
	for (size_t i = 0; i < s->gone.n; i++)
		if (remove_files(s, s->gone.items[i], to) < 0) {
			failed = -1;
			to = &first;
		}
	if (stage_sweep(s->stage, s->kept.items, s->kept.n, &s->litter, to) < 0)
		failed = -1;
	return failed;
}

static int forget(struct sweep *s, struct err *e)
{
	if (job_purge(s->metadata, FORGET_S, &s->jobs, e) < 0)
		return -1;
	if (outcome_purge(s->metadata, &s->outcomes, e) < 0)
		return -1;
	if (s->settings.audit_keep_us == 0)
		return 0;
	return audit_prune(s->metadata, s->settings.audit_keep_us, &s->audit, e);
}

/* What the web server's log has of downloads. */
static int note_deliveries(struct sweep *s, struct err *e)
{
	const char *path = s->settings.audit_deliveries;
	struct audit *audit;

	if (!*path)
		return 0;
	audit = audit_open(s->metadata, &s->settings);
	int status = deliveries_read(s->metadata, audit, path, &s->deliveries, e);

	audit_close(audit);
	return status;
}

static int tell(const struct sweep *s)
{
	printf("leases ended %" PRId64 ", jobs waiting %" PRId64 ", jobs expired %" PRId64
	       ", files removed %zu (%" PRIu64 " bytes), litter removed %zu (%" PRIu64
	       " bytes), jobs forgotten %" PRId64 ", outcomes forgotten %" PRId64
	       ", deliveries noted %" PRId64 ", deliveries unknown %" PRId64
	       ", audit pruned %" PRId64 "\n",
		s->leases, s->left.waiting, s->expired, s->files, s->bytes,
		s->litter.dirs + s->litter.files, s->litter.bytes, s->jobs, s->outcomes,
		s->deliveries.noted, s->deliveries.unknown + s->deliveries.garbage, s->audit);
	return ferror(stdout) || fflush(stdout) != 0;
}

/* Whoever has forgotten the workers reads what cron sends by mail. */
static void warn(const struct sweep *s)
{
	if (s->left.for_long)
		fprintf(stderr,
			"sluice-sweep: %" PRId64
			" exports have been due for more than an hour, and no worker was at work: "
			"is sluice-worker run?\n",
			s->left.for_long);
}

/* What was done is told even when something failed. */
static int sweep_alone(struct sweep *s, struct err *e)
{
	if (ask(s, e) < 0)
		return -1;
	struct err later;
	int failed = remove_all(s, e);

	if (note_deliveries(s, failed ? &later : e) < 0)
		failed = -1;
	if (forget(s, failed ? &later : e) < 0)
		failed = -1;
	warn(s);
	if (tell(s) && !failed)
		failed = err_set(e, ERR_DISK, "the output cannot be written: %s", strerror(errno));
	return failed;
}

static int sweep(struct sweep *s, struct err *e)
{
	int alone = job_sweep_alone(s->metadata, e);

	if (alone < 0)
		return -1;
	if (!alone) {
		puts("another sluice-sweep is at it");
		return 0;
	}
	int failed = sweep_alone(s, e);

	job_sweep_done(s->metadata);
	return failed;
}

static int open_sweep(struct sweep *s, const char *config, struct err *e)
{
	if (settings_read(&s->settings, config, e) < 0)
		return -1;
	s->metadata = metadata_open(&s->settings);
	if (!s->metadata)
		return err_set(e, ERR_CONFIG, "\"metadata.database\" is empty: there are no jobs");
	/* Whoever comes first may be another user than the workers, or in another group. */
	s->stage = stage_find(&s->settings, &s->unstaged);
	return 0;
}

static void close_sweep(struct sweep *s)
{
	free(s->gone.items);
	free(s->kept.items);
	arena_free(&s->arena);
	stage_close(s->stage);
	metadata_close(s->metadata);
	settings_free(&s->settings);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	const char *config = getenv("SLUICE_CONFIG");
	struct sweep s = { 0 };
	struct err e;

	for (int c; (c = getopt_long(argc, argv, "c:h", options, NULL)) != -1;)
		switch (c) {
		case 'c': config = optarg; break;
		case 'h': return fputs(help, stdout) < 0 ? FAILED : 0;
		case 'v': return puts(PACKAGE_STRING) < 0 ? FAILED : 0;
		default: return USAGE;
		}
	if (optind < argc) {
		fputs("sluice-sweep: it takes no arguments; `sluice-sweep --help` tells more\n",
			stderr);
		return USAGE;
	}
	int failed = open_sweep(&s, config && *config ? config : SLUICE_CONFIG_FILE, &e) < 0 ||
		     sweep(&s, &e) < 0;

	if (failed)
		fprintf(stderr, "sluice-sweep: %s%s%s\n", e.text, *e.cause ? ": " : "", e.cause);
	close_sweep(&s);
	return failed ? FAILED : 0;
}
