#include "lib/sink/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/disk.h"
#include "lib/base/mem.h"

enum {
	CHUNK = 64 * 1024,
	PAGE = 4096,         /* holes begin and end where blocks do */
	LOOK_EVERY = 1 << 20 /* bytes put between two looks at how full the disk is */
};

#define DROP_MOST UINT64_C(67108864) /* bytes that one hole is in the making */

struct file_sink {
	struct sink base;
	int fd;
	uint64_t max_bytes;
	uint64_t dropped;   /* bytes at the front that take no room */
	uint64_t looked_at; /* bytes when the disk was last looked at */
};

static int disk_error(struct err *e, const char *text, const char *call)
{
	err_set(e, ERR_DISK, "%s", text);
	return err_cause(e, "%s: %s", call, strerror(errno));
}

/* That a disk is full would be felt by others than the one client whose body this is. */
static bool is_nearly_full(struct file_sink *f)
{
	if (f->base.bytes > 0 && f->base.bytes - f->looked_at < LOOK_EVERY)
		return false;
	f->looked_at = f->base.bytes;
	return disk_is_nearly_full(f->fd);
}

static int check_room(struct file_sink *f, size_t len, struct err *e)
{
	if (f->base.bytes + len - f->dropped > f->max_bytes) {
		err_set(e, ERR_DISK, "more of the body waits to be sent than the stage may hold");
		return err_cause(e, "stage.max_bytes is %llu", (unsigned long long)f->max_bytes);
	}
	if (is_nearly_full(f)) {
		err_set(e, ERR_DISK, "the body could not be staged");
		return err_cause(e, "the disk of stage.dir is nearly full");
	}
	return 0;
}

static void put(struct sink *s, const void *data, size_t len)
{
	struct file_sink *f = (struct file_sink *)s;
	struct err e;

	if (check_room(f, len, &e) < 0)
		sink_fail(s, &e);
	else if (disk_write(f->fd, data, len) < 0) {
		disk_error(&e, "the body could not be staged", "write");
		sink_fail(s, &e);
	}
}

static void nothing(struct sink *s)
{
	(void)s;
}

static void free_sink(struct sink *s)
{
	close(((struct file_sink *)s)->fd);
	free(s);
}

struct sink *file_sink_new(const char *dir, uint64_t max_bytes, struct err *e)
{
	static const struct sink_ops ops = { put, nothing, nothing, nothing, free_sink };
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0) {
		disk_error(e, "the body could not be staged", dir);
		return NULL;
	}
	struct file_sink *f = mem_zero(1, sizeof *f);

	f->base.ops = &ops;
	f->fd = fd;
	f->max_bytes = max_bytes;
	return &f->base;
}

ssize_t file_sink_read(struct sink *file, uint64_t at, void *data, size_t len, struct err *e)
{
	ssize_t n;

	do
		n = pread(((struct file_sink *)file)->fd, data, len, (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	if (n == 0)
		errno = EIO; /* shorter than what was put */
	return disk_error(e, "the staged body could not be read back", "read");
}

void file_sink_drop(struct sink *file, uint64_t end)
{
	struct file_sink *f = (struct file_sink *)file;
	uint64_t least = f->max_bytes / 8 < DROP_MOST ? f->max_bytes / 8 : DROP_MOST;

	end -= end % PAGE;
	if (end <= f->dropped || end - f->dropped < least)
		return;
	if (fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)f->dropped,
		    (off_t)(end - f->dropped)) == 0)
		f->dropped = end;
}

int file_sink_send(struct sink *file, struct sink *to, struct err *e)
{
	char *chunk = mem_alloc(CHUNK, 1);
	uint64_t at = 0;
	ssize_t n = 0;

	while (n >= 0 && at < file->bytes && !sink_failed(to, NULL)) {
		n = file_sink_read(file, at, chunk, CHUNK, e);
		if (n > 0)
			sink_put(to, chunk, (size_t)n);
		at += n > 0 ? (uint64_t)n : 0;
	}
	free(chunk);
	return n < 0 || sink_failed(to, e) ? -1 : 0;
}
