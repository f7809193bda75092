#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { READ_LEN = 16 * 1024 };

static int read_all(int fd, size_t max, struct buf *out)
{
	for (size_t total = 0;;) {
		ssize_t n = read(fd, buf_reserve(out, READ_LEN), READ_LEN);

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		out->len += (size_t)n;
		total += (size_t)n;
		if (total > max) {
			errno = EFBIG;
			return -1;
		}
	}
}

int file_read(const char *path, size_t max, struct buf *out)
{
	size_t before = out->len;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	int failed = read_all(fd, max, out), cause = errno;

	close(fd); /* nothing was written: its result says nothing */
	if (failed) {
		out->len = before;
		errno = cause;
	}
	return failed;
}
