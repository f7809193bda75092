#include "lib/base/disk.h"

#include <errno.h>
#include <stdint.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LEFT_MOST UINT64_C(1073741824) /* free bytes that are enough on any disk */

bool disk_is_nearly_full(int fd)
{
	struct statvfs v;

	if (fstatvfs(fd, &v) < 0)
		return false;
	uint64_t left = (uint64_t)v.f_blocks * v.f_frsize / 20;

	return (uint64_t)v.f_bavail * v.f_frsize < (left < LEFT_MOST ? left : LEFT_MOST);
}

int disk_write(int fd, const void *data, size_t len)
{
	for (const char *p = data; len > 0;) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}
