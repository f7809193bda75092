#include "lib/job/stage_file.h"

#include <stdlib.h>

#include "lib/base/disk.h"
#include "lib/job/stage_draft.h"

struct stage_file {
	struct sink base;
	struct stage_draft draft;
	struct stage_name name;
	uint64_t counted; /* of the job's bytes */
};

static int count(struct stage_file *f, size_t len, struct err *e)
{
	struct stage_job *j = f->draft.job;

	f->counted += len;
	uint64_t all = atomic_fetch_add(&j->shared->bytes, len) + len;

	if (j->own)
		atomic_fetch_add(j->own, len);
	if (all <= j->stage->max_bytes)
		return 0;
	err_set(e, ERR_TOO_LARGE, "the export is larger than an export may be");
	return err_cause(e, "jobs.max_bytes is %llu", (unsigned long long)j->stage->max_bytes);
}

/* A passing file is best left in memory; of another the database's pages are worth more. */
static int write_all(const struct stage_draft *d, const void *data, size_t len)
{
	return d->is_passing ? disk_write(d->fd, data, len) : disk_write_direct(d->fd, data, len);
}

static void put(struct sink *s, const void *data, size_t len)
{
	struct stage_file *f = (struct stage_file *)s;
	struct err e;

	if (count(f, len, &e) < 0 || stage_draft_room(&f->draft, len, &e) < 0)
		sink_fail(s, &e);
	else if (write_all(&f->draft, data, len) < 0) {
		stage_failed(&e, "write");
		sink_fail(s, &e);
	}
}

static void finish(struct sink *s)
{
	struct stage_file *f = (struct stage_file *)s;
	struct err e;

	if (stage_draft_name(&f->draft, &f->name, &e) < 0)
		sink_fail(s, &e);
}

static void flush(struct sink *s)
{
	(void)s;
}

static void give_up(struct sink *s)
{
	struct stage_file *f = (struct stage_file *)s;

	stage_draft_close(&f->draft);
	stage_job_uncount(f->draft.job, f->counted);
	if (f->draft.job->own)
		atomic_fetch_sub(f->draft.job->own, f->counted);
}

static void free_sink(struct sink *s)
{
	stage_draft_close(&((struct stage_file *)s)->draft);
	free(s);
}

struct sink *stage_file_new(
	struct stage_job *j, enum stage_kind kind, unsigned n, bool is_passing, struct err *e)
{
	static const struct sink_ops ops = { put, flush, finish, give_up, free_sink };
	struct stage_file *f = mem_zero(1, sizeof *f);

	f->base.ops = &ops;
	f->name = (struct stage_name){ kind, n, j->fence };
	if (stage_draft_open(&f->draft, j, e) < 0) {
		free(f);
		return NULL;
	}
	f->draft.is_passing = is_passing;
	return digest_sink_new(&f->base);
}
