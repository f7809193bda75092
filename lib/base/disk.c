#include "lib/base/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/mem.h"

#define LEFT_MOST UINT64_C(1073741824) /* free bytes that are enough on any disk */

bool disk_is_nearly_full(int fd)
{
	struct statvfs v;

	if (fstatvfs(fd, &v) < 0)
		return false;
	uint64_t left = (uint64_t)v.f_blocks * v.f_frsize / 20;

	return (uint64_t)v.f_bavail * v.f_frsize < (left < LEFT_MOST ? left : LEFT_MOST);
}

/* From *p on; both are left where it came to. */
static int write_on(int fd, const char **p, size_t *len)
{
	while (*len > 0) {
		ssize_t n = write(fd, *p, *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		*p += n;
		*len -= (size_t)n;
	}
	return 0;
}

int disk_write(int fd, const void *data, size_t len)
{
	const char *p = data;

	return write_on(fd, &p, &len);
}

static bool set_direct(int fd, bool is_direct)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 &&
	       fcntl(fd, F_SETFL, is_direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

int disk_write_direct(int fd, const void *data, size_t len)
{
	const char *p = data;

	if ((uintptr_t)data % MEM_PAGE != 0 || len % MEM_PAGE != 0 || !set_direct(fd, true))
		return disk_write(fd, data, len);
	int status = write_on(fd, &p, &len), cause = errno;

	set_direct(fd, false);
	errno = cause;
	/* What some file systems say only now, as they do of a place that is not a page's start. */
	return status < 0 && cause == EINVAL ? write_on(fd, &p, &len) : status;
}
