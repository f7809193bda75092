#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "lib/job/stage_dir.h"

/* ---- how much */

static int add_file(void *arg, int dir, const char *name, const struct stat *st)
{
	(void)dir;
	(void)name;
	*(uint64_t *)arg += S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
	return 0;
}

/* What is called as if it were a job's directory, but is none or has vanished, holds nothing. */
static int add_job(void *arg, int dir, const char *name, const struct stat *st)
{
	if (!S_ISDIR(st->st_mode))
		return 0;
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	int failed = stage_each(fd, add_file, arg), cause = errno;

	close(fd);
	errno = cause;
	return failed;
}

int stage_used(struct stage *st, uint64_t *bytes, struct err *e)
{
	*bytes = 0;
	return stage_each(st->jobs, add_job, bytes) < 0 ? stage_failed(e, "readdir") : 0;
}

/* ---- litter */

struct sweeping {
	const char **jobs; /* sorted */
	size_t n;
	time_t before; /* what has changed since is left */
	struct stage_swept *swept;
	int cause; /* errno of the first failure */
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int note(struct sweeping *s, int failed)
{
	if (failed && !s->cause)
		s->cause = errno;
	return 0;
}

static bool is_temp(const char *name)
{
	size_t len = strlen(name), end_len = sizeof STAGE_TEMP - 1;

	return len >= end_len && !strcmp(name + len - end_len, STAGE_TEMP);
}

/* Its writer holds a lock on it, however long nothing comes. */
static bool is_being_written(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return false;
	bool is_locked = flock(fd, LOCK_EX | LOCK_NB) < 0;

	close(fd);
	return is_locked;
}

static int sweep_file(void *arg, int dir, const char *name, const struct stat *st)
{
	struct sweeping *s = arg;

	if (!S_ISREG(st->st_mode) || !is_temp(name) || st->st_mtime >= s->before ||
		is_being_written(dir, name))
		return 0;
	return note(s, stage_remove_file(dir, name, (uint64_t)st->st_size, s->swept));
}

static int sweep_job(void *arg, int dir, const char *name, const struct stat *st)
{
	struct sweeping *s = arg;

	if (!bsearch(&name, s->jobs, s->n, sizeof *s->jobs, compare))
		return st->st_mtime < s->before ? note(s, stage_remove_tree(dir, name, s->swept))
						: 0;
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return note(s, errno == ENOENT ? 0 : -1);
	note(s, stage_each(fd, sweep_file, s));
	close(fd);
	return 0;
}

int stage_sweep(struct stage *st, const char *const *jobs, size_t n, struct stage_swept *swept,
	struct err *e)
{
	const char **sorted = mem_alloc(n + 1, sizeof *sorted);
	struct sweeping s = { sorted, n, time(NULL) - STAGE_LITTER_S, swept, 0 };

	*swept = (struct stage_swept){ 0 };
	for (size_t i = 0; i < n; i++)
		sorted[i] = jobs[i];
	qsort(sorted, n, sizeof *sorted, compare);
	note(&s, stage_each(st->jobs, sweep_job, &s));
	free(sorted);
	errno = s.cause;
	return s.cause ? stage_failed(e, "sweep") : 0;
}
