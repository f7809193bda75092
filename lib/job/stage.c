#include "lib/job/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/job/stage_dir.h"

#define JOBS "jobs"

/* A UUID as the store writes it: nothing else becomes the name of a directory. */
static bool is_id(const char *job)
{
	size_t i = 0;

	for (; i < UUID_TEXT - 1 && job[i]; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (is_dash ? job[i] != '-' : !strchr("0123456789abcdef", job[i]))
			return false;
	}
	return i == UUID_TEXT - 1 && !job[i];
}

static int check_id(const char *job, struct err *e)
{
	return is_id(job) ? 0 : err_set(e, ERR_NOT_FOUND, "there is no such job");
}

static int find_dir(int parent, const char *name)
{
	return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Made where it is missing, and surely there after a loss of power. */
static int make_dir(const struct stage *st, int parent, const char *name)
{
	if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
		return -1;
	int fd = find_dir(parent, name);

	if (fd >= 0 && (stage_share(st, fd) < 0 || fsync(parent) < 0)) {
		int cause = errno;

		close(fd);
		errno = cause;
		return -1;
	}
	return fd;
}

static int unusable(struct err *e, const char *dir, const char *below)
{
	return err_set(e, ERR_DISK, "stage.dir: %s%s: %s", dir, below, strerror(errno));
}

/* ERR_NOT_FOUND: it is not there, and was not to be made. */
static int open_jobs(struct stage *st, const char *dir, bool may_make, struct err *e)
{
	int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat s;

	if (root < 0)
		return unusable(e, dir, "");
	if (fstat(root, &s) == 0) {
		/* 0755 is no decision: it is what mkdir makes. */
		st->is_shared = (s.st_mode & (S_IXGRP | S_IXOTH)) == S_IXGRP;
		st->owner = s.st_uid;
		st->group = s.st_gid;
		st->jobs = may_make ? make_dir(st, root, JOBS) : find_dir(root, JOBS);
	}
	if (st->jobs < 0 && !may_make && errno == ENOENT)
		err_set(e, ERR_NOT_FOUND, "no job has made a file yet");
	else if (st->jobs < 0)
		unusable(e, dir, "/" JOBS);
	close(root);
	return st->jobs < 0 ? -1 : 0;
}

static struct stage *open_stage(const struct settings *s, bool may_make, struct err *e)
{
	struct stage *st = mem_zero(1, sizeof *st);

	st->jobs = -1;
	st->max_bytes = (uint64_t)s->jobs_max_bytes;
	st->budget = (uint64_t)s->jobs_budget;
	if (open_jobs(st, s->stage_dir, may_make, e) == 0)
		return st;
	free(st);
	return NULL;
}

struct stage *stage_open(const struct settings *s, struct err *e)
{
	return open_stage(s, true, e);
}

struct stage *stage_find(const struct settings *s, struct err *e)
{
	return open_stage(s, false, e);
}

void stage_close(struct stage *st)
{
	if (!st)
		return;
	close(st->jobs);
	free(st);
}

void stage_path(const char *job, const struct stage_name *name, char path[STAGE_PATH])
{
	char file[STAGE_NAME];

	stage_file_name(name, file);
	snprintf(path, STAGE_PATH, JOBS "/%s/%s", job, file);
}

/* ---- reading */

/* "jobs/ID/NAME" in its parts; NAME borrowed. */
static const char *take_path(const char *path, char job[UUID_TEXT])
{
	size_t before = sizeof JOBS "/" - 1, len = before + UUID_TEXT - 1;

	if (strlen(path) <= len + 1 || strncmp(path, JOBS "/", before) != 0 || path[len] != '/')
		return NULL;
	snprintf(job, UUID_TEXT, "%s", path + before);
	const char *name = path + len + 1;

	return is_id(job) && *name != '.' && !strchr(name, '/') ? name : NULL;
}

/* Not blocking: what is no file might make an open wait. */
static int open_file(const struct stage *st, const char *job, const char *name)
{
	int dir = openat(st->jobs, job, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return -1;
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), cause = errno;

	close(dir);
	errno = cause;
	return fd;
}

int stage_read(struct stage *st, const char *path, uint64_t *bytes, struct err *e)
{
	char job[UUID_TEXT];
	const char *name = take_path(path, job);
	int fd = name ? open_file(st, job, name) : -1;
	struct stat s;

	if (!name || (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENOTDIR)))
		return err_set(e, ERR_NOT_FOUND, "the file is not there any more");
	if (fd < 0 || fstat(fd, &s) < 0 || !S_ISREG(s.st_mode)) {
		err_set(e, ERR_DISK, "the file could not be read");
		err_cause(e, "open: %s", fd < 0 ? strerror(errno) : "not a file");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	*bytes = (uint64_t)s.st_size;
	return fd;
}

/* ---- one job */

struct listing {
	struct arena *arena;
	struct buf entries; /* struct stage_entry */
};

static int list_entry(void *arg, int dir, const char *name, const struct stat *st)
{
	struct listing *l = arg;
	struct stage_entry entry = { arena_strdup(l->arena, name), (uint64_t)st->st_size };

	(void)dir;
	buf_put(&l->entries, &entry, sizeof entry);
	return 0;
}

ssize_t stage_list(struct stage *st, const char *job, struct arena *a, struct stage_entry **entries,
	struct err *e)
{
	struct listing l = { .arena = a };

	*entries = NULL;
	if (check_id(job, e) < 0)
		return -1;
	int fd = openat(st->jobs, job, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : stage_failed(e, "open");
	int failed = stage_each(fd, list_entry, &l);

	if (failed)
		stage_failed(e, "readdir");
	close(fd);
	if (!failed && l.entries.len > 0) {
		*entries = arena_alloc(a, l.entries.len);
		memcpy(*entries, l.entries.data, l.entries.len);
	}
	ssize_t n = (ssize_t)(l.entries.len / sizeof **entries);

	buf_free(&l.entries);
	return failed ? -1 : n;
}

int stage_remove(struct stage *st, const char *job, struct err *e)
{
	struct stage_swept swept = { 0 };

	if (check_id(job, e) < 0)
		return -1;
	return stage_remove_tree(st->jobs, job, &swept) < 0 ? stage_failed(e, "remove") : 0;
}

struct stage_job *stage_job_open(struct stage *st, const char *job, uint64_t fence, struct err *e)
{
	if (check_id(job, e) < 0)
		return NULL;
	int dir = make_dir(st, st->jobs, job);

	if (dir < 0) {
		stage_failed(e, "mkdir");
		return NULL;
	}
	struct stage_shared *shared = mmap(
		NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED) {
		stage_failed(e, "mmap");
		close(dir);
		return NULL;
	}
	struct stage_job *j = mem_zero(1, sizeof *j);

	*j = (struct stage_job){ st, dir, fence, shared, NULL };
	return j;
}

void stage_job_close(struct stage_job *j)
{
	if (!j)
		return;
	munmap(j->shared, sizeof *j->shared);
	close(j->dir);
	free(j);
}

void stage_job_until(struct stage_job *j, int64_t until_us)
{
	atomic_store(&j->shared->until_us, until_us);
}

void stage_job_count_in(struct stage_job *j, _Atomic uint64_t *own)
{
	j->own = own;
}

void stage_job_uncount(struct stage_job *j, uint64_t bytes)
{
	atomic_fetch_sub(&j->shared->bytes, bytes);
}

struct keeping {
	const struct stage_name *names;
	size_t n;
	uint64_t fence;
	struct stage_swept swept;
	uint64_t kept; /* bytes */
};

static bool is_kept(const struct keeping *k, const char *name)
{
	char kept[STAGE_NAME];

	for (size_t i = 0; i < k->n; i++) {
		stage_file_name(&k->names[i], kept);
		if (!strcmp(kept, name))
			return true;
	}
	return false;
}

/* "part-0001.7", "file-1.7", "UUID.7.tmp" */
static bool is_later(const struct keeping *k, const char *name)
{
	const char *dot = strchr(name, '.');

	return dot && strtoull(dot + 1, NULL, 10) > k->fence;
}

static int keep_entry(void *arg, int dir, const char *name, const struct stat *st)
{
	struct keeping *k = arg;

	if (is_later(k, name))
		return 0;
	if (!S_ISREG(st->st_mode) || !is_kept(k, name))
		return stage_remove_tree(dir, name, &k->swept);
	k->kept += (uint64_t)st->st_size;
	return 0;
}

int stage_job_keep(struct stage_job *j, const struct stage_name *names, size_t n, struct err *e)
{
	struct keeping k = { .names = names, .n = n, .fence = j->fence };

	if (stage_each(j->dir, keep_entry, &k) < 0)
		return stage_failed(e, "remove");
	atomic_store(&j->shared->bytes, k.kept);
	return 0;
}

struct discarding {
	char end[STAGE_NAME]; /* of the names */
	struct stage_swept swept;
};

static int discard_entry(void *arg, int dir, const char *name, const struct stat *st)
{
	struct discarding *d = arg;
	size_t len = strlen(name), end_len = strlen(d->end);

	if (len < end_len || strcmp(name + len - end_len, d->end) != 0)
		return 0;
	return stage_remove_file(dir, name, (uint64_t)st->st_size, &d->swept);
}

int stage_job_discard(struct stage_job *j, struct err *e)
{
	struct discarding d = { 0 };

	snprintf(d.end, sizeof d.end, ".%llu", (unsigned long long)j->fence);
	return stage_each(j->dir, discard_entry, &d) < 0 ? stage_failed(e, "remove") : 0;
}
