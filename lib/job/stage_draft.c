#include "lib/job/stage_draft.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/disk.h"

enum {
	LOOK_EVERY = 1 << 20, /* bytes between two looks at how full the disk is */
	COUNT_EVERY =
		64 << 20 /* bytes between two counts of what all jobs have: reads every directory */
};

/* Of this lease, so that who cleans up under another knows whose it is. */
static void make_temp(struct stage_draft *d)
{
	char id[UUID_TEXT];

	random_uuid7(id);
	snprintf(d->temp, sizeof d->temp, "%s.%llu" STAGE_TEMP, id,
		(unsigned long long)d->job->fence);
}

/* A lock says for as long as we live that the file is not litter. */
static int open_named(struct stage_draft *d)
{
	make_temp(d);
	d->fd = openat(
		d->job->dir, d->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return d->fd < 0 ? -1 : flock(d->fd, LOCK_EX | LOCK_NB);
}

/* Without /proc a file that has no name cannot get one. */
static int open_nameless(struct stage_draft *d)
{
	char path[STAGE_NAME];

	d->fd = openat(d->job->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (d->fd < 0)
		return errno == EOPNOTSUPP || errno == EISDIR ? 0 : -1;
	snprintf(path, sizeof path, "/proc/self/fd/%d", d->fd);
	if (access(path, F_OK) < 0) {
		close(d->fd);
		d->fd = -1;
	}
	return 0;
}

/* A directory that was removed while it is open says so in various ways. */
static int gone_or_failed(const struct stage_draft *d, struct err *e, const char *call)
{
	int cause = errno;
	struct stat st;

	if (fstat(d->job->dir, &st) == 0 && st.st_nlink == 0)
		return err_set(e, ERR_NOT_FOUND, "the job's files were removed meanwhile");
	errno = cause;
	return stage_failed(e, call);
}

/* All that is whole, and this one; which is among them already where it has a name. */
static int check_budget(const struct stage_draft *d, struct err *e)
{
	struct stage *st = d->job->stage;
	struct stat own;
	uint64_t used;

	if (st->budget == 0)
		return 0;
	if (stage_used(st, &used, e) < 0)
		return -1;
	if (*d->temp && fstat(d->fd, &own) == 0 && used >= (uint64_t)own.st_size)
		used -= (uint64_t)own.st_size;
	if (used <= st->budget && d->bytes <= st->budget - used)
		return 0;
	err_set(e, ERR_DISK,
		"the space for exports is used up; room is made as others expire or are removed");
	return err_cause(e, "jobs.budget is %llu, %llu are in use", (unsigned long long)st->budget,
		(unsigned long long)used);
}

int stage_draft_open(struct stage_draft *d, struct stage_job *j, struct err *e)
{
	*d = (struct stage_draft){ .job = j, .fd = -1 };
	if (check_budget(d, e) < 0)
		return -1;
	if (open_nameless(d) == 0 && (d->fd >= 0 || open_named(d) == 0) &&
		stage_share(j->stage, d->fd) == 0)
		return 0;
	gone_or_failed(d, e, "open");
	stage_draft_close(d);
	return -1;
}

int stage_draft_room(struct stage_draft *d, size_t len, struct err *e)
{
	uint64_t before = d->bytes;

	d->bytes += len;
	if (before > 0 && d->bytes - d->settled < LOOK_EVERY)
		return 0;
	if (disk_is_nearly_full(d->fd)) {
		err_set(e, ERR_DISK, "there is no room for the export on disk");
		return err_cause(e, "the disk of stage.dir is nearly full");
	}
	/* A hint; whether it failed the fsync tells. */
	if (!d->is_passing)
		sync_file_range(d->fd, (off_t)d->settled, (off_t)(before - d->settled),
			SYNC_FILE_RANGE_WRITE);
	d->settled = before;
	return before / COUNT_EVERY == d->bytes / COUNT_EVERY ? 0 : check_budget(d, e);
}

/* A name that is taken is replaced in one step: the draft needs one of its own for that. */
static int link_temp(struct stage_draft *d, const char *from)
{
	make_temp(d);
	if (linkat(AT_FDCWD, from, d->job->dir, d->temp, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	d->temp[0] = '\0';
	return -1;
}

static int give_name(struct stage_draft *d, const char *name)
{
	char from[STAGE_NAME];

	if (!*d->temp) {
		snprintf(from, sizeof from, "/proc/self/fd/%d", d->fd);
		if (linkat(AT_FDCWD, from, d->job->dir, name, AT_SYMLINK_FOLLOW) == 0)
			return 0;
		if (errno != EEXIST || link_temp(d, from) < 0)
			return -1;
	}
	if (renameat(d->job->dir, d->temp, d->job->dir, name) < 0)
		return -1;
	d->temp[0] = '\0';
	return 0;
}

/* Another may have the job, and nobody would miss what comes too late. */
static int check_lease(const struct stage_draft *d, struct err *e)
{
	int64_t until_us = atomic_load(&d->job->shared->until_us);

	if (until_us == 0 || clock_monotonic_us() < until_us)
		return 0;
	return err_set(e, ERR_CONFLICT, "the lease of the job has passed");
}

int stage_draft_name(struct stage_draft *d, const struct stage_name *name, struct err *e)
{
	char file[STAGE_NAME];

	if (check_budget(d, e) < 0)
		return -1;
	if (!d->is_passing && fsync(d->fd) < 0)
		return stage_failed(e, "fsync");
	if (check_lease(d, e) < 0)
		return -1;
	stage_file_name(name, file);
	if (give_name(d, file) < 0)
		return gone_or_failed(d, e, "link");
	return !d->is_passing && fsync(d->job->dir) < 0 ? stage_failed(e, "fsync") : 0;
}

void stage_draft_close(struct stage_draft *d)
{
	if (*d->temp)
		unlinkat(d->job->dir, d->temp, 0);
	if (d->fd >= 0)
		close(d->fd);
	d->temp[0] = '\0';
	d->fd = -1;
}
