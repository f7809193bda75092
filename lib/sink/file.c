#include "lib/sink/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"

enum { CHUNK = 64 * 1024 };

struct file_sink {
	struct sink base;
	int fd;
	uint64_t max_bytes;
};

static void put(struct sink *s, const void *data, size_t len)
{
	struct file_sink *f = (struct file_sink *)s;
	struct err e;

	if (s->bytes + len > f->max_bytes) {
		err_set(&e, ERR_DISK, "the body is larger than the stage may hold");
		err_cause(&e, "stage.max_bytes is %llu", (unsigned long long)f->max_bytes);
		sink_fail(s, &e);
		return;
	}
	for (const char *p = data; len > 0;) {
		ssize_t n = write(f->fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err_set(&e, ERR_DISK, "the body could not be staged");
			err_cause(&e, "write: %s", strerror(errno));
			sink_fail(s, &e);
			return;
		}
		p += n;
		len -= (size_t)n;
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
		err_set(e, ERR_DISK, "the body could not be staged");
		err_cause(e, "%s: %s", dir, strerror(errno));
		return NULL;
	}
	struct file_sink *f = mem_zero(1, sizeof *f);

	f->base.ops = &ops;
	f->fd = fd;
	f->max_bytes = max_bytes;
	return &f->base;
}

int file_sink_send(struct sink *file, struct sink *to, struct err *e)
{
	int fd = ((struct file_sink *)file)->fd;
	char *chunk = mem_alloc(CHUNK, 1);
	uint64_t at = 0;

	while (at < file->bytes && !sink_failed(to, NULL)) {
		ssize_t n = pread(fd, chunk, CHUNK, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		sink_put(to, chunk, (size_t)n);
		at += (uint64_t)n;
	}
	free(chunk);
	if (sink_failed(to, e))
		return -1;
	if (at == file->bytes)
		return 0;
	err_set(e, ERR_DISK, "the staged body could not be read back");
	return err_cause(e, "read: %s", strerror(errno));
}
