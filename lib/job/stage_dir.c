#include "lib/job/stage_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	TRIES = 16, /* to empty a directory that others still write into */
	DEPTH = 8 /* the stage makes no directories within those of jobs; deeper is nothing of its own */
};

int stage_failed(struct err *e, const char *call)
{
	err_set(e, ERR_DISK, "the files of the export could not be written");
	return err_cause(e, "%s: %s", call, strerror(errno));
}

void stage_file_name(const struct stage_name *name, char out[STAGE_NAME])
{
	snprintf(out, STAGE_NAME, name->kind == STAGE_PART ? "part-%04u.%llu" : "file-%u.%llu",
		name->n, (unsigned long long)name->fence);
}

int stage_share(const struct stage *st, int fd)
{
	struct stat now;

	if (fstat(fd, &now) < 0)
		return -1;
	mode_t mode = S_ISDIR(now.st_mode) ? 0700 : 0600;

	if (st->is_shared)
		mode = S_ISDIR(now.st_mode) ? 0710 : 0640;
	if (geteuid() == 0 && now.st_uid != st->owner && fchown(fd, st->owner, (gid_t)-1) < 0)
		return -1;
	if (st->is_shared && now.st_gid != st->group && fchown(fd, (uid_t)-1, st->group) < 0)
		return -1;
	return (now.st_mode & 07777) == mode ? 0 : fchmod(fd, mode);
}

static int each(DIR *d, stage_visit *visit, void *arg)
{
	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(d);
		struct stat st;

		if (!entry)
			return errno ? -1 : 0;
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT)
				continue;
			return -1;
		}
		int result = visit(arg, dirfd(d), entry->d_name, &st);

		if (result)
			return result;
	}
}

int stage_each(int dir, stage_visit *visit, void *arg)
{
	/* Opened anew: a copy of the descriptor would share its position with whoever else reads it. */
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		int cause = errno;

		if (fd >= 0)
			close(fd);
		errno = cause;
		/* removed since it was opened: there is nothing in it */
		return cause == ENOENT ? 0 : -1;
	}
	int result = each(d, visit, arg), cause = errno;

	closedir(d);
	errno = cause;
	return result;
}

int stage_remove_file(int dir, const char *name, uint64_t bytes, struct stage_swept *swept)
{
	if (unlinkat(dir, name, 0) < 0)
		return errno == ENOENT ? 0 : -1;
	swept->files++;
	swept->bytes += bytes;
	return 0;
}

struct emptying {
	struct stage_swept *swept;
	int depth;
};

static int remove_dir(int dir, const char *name, struct emptying *in);

static int remove_entry(void *arg, int dir, const char *name, const struct stat *st)
{
	struct emptying *in = arg;

	if (S_ISDIR(st->st_mode))
		return remove_dir(dir, name, in);
	return stage_remove_file(
		dir, name, S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0, in->swept);
}

static int empty_dir(int dir, const char *name, struct emptying *in)
{
	struct emptying within = { in->swept, in->depth + 1 };
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -1;
	int failed = stage_each(fd, remove_entry, &within), cause = errno;

	close(fd);
	errno = cause;
	return failed;
}

static int remove_dir(int dir, const char *name, struct emptying *in)
{
	if (in->depth >= DEPTH) {
		errno = ELOOP;
		return -1;
	}
	for (int i = 0; i < TRIES; i++) {
		if (empty_dir(dir, name, in) < 0)
			return errno == ENOENT ? 0 : -1;
		if (unlinkat(dir, name, AT_REMOVEDIR) == 0) {
			in->swept->dirs += in->depth == 0;
			return 0;
		}
		if (errno != ENOTEMPTY && errno != EEXIST)
			return errno == ENOENT ? 0 : -1;
	}
	return -1;
}

int stage_remove_tree(int dir, const char *name, struct stage_swept *swept)
{
	struct emptying in = { swept, 0 };
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	return remove_entry(&in, dir, name, &st);
}
