/*
 * Writing past the page cache: what is in the file is what was written, wherever it stands in memory and whatever the file
 * system can do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/disk.h"
#include "lib/base/mem.h"

enum { PAGES = 64, LEN = PAGES * MEM_PAGE };

static char byte_at(size_t at)
{
	return (char)(at * 31 + at / 251);
}

static int nameless(const char *dir)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/disk.XXXXXX", dir);
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

/* Pieces of these lengths, one behind the other; each from the start of a page in memory, or `askew` bytes behind it. */
static void writes(const char *dir, const size_t *lens, size_t askew)
{
	char *data = mem_pages(PAGES + 1), *back = mem_alloc(3, LEN);
	int fd = nameless(dir);
	size_t all = 0;

	for (; *lens; lens++) {
		for (size_t i = 0; i < *lens; i++)
			data[askew + i] = byte_at(all + i);
		assert_int_equal(disk_write_direct(fd, data + askew, *lens), 0);
		all += *lens;
	}
	assert_int_equal(fcntl(fd, F_GETFL) & O_DIRECT, 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), all);
	assert_int_equal(pread(fd, back, 3 * (size_t)LEN, 0), all);
	for (size_t i = 0; i < all; i++)
		if (back[i] != byte_at(i))
			fail_msg("%s: byte %zu of %zu is another", dir, i, all);
	close(fd);
	free(back);
	free(data);
}

static void whatever_the_place(void **state)
{
	static const char *const dirs[] = { ".", "/dev/shm" };
	static const size_t cases[][4] = {
		{ LEN, LEN, 0 },
		{ LEN, LEN, 17, 0 },
		{ 1, LEN, LEN - 1, 0 }, /* the second at no page's start of the file */
		{ LEN, 4095, MEM_PAGE, 0 },
		{ 0 },
	};

	(void)state;
	for (size_t d = 0; d < sizeof dirs / sizeof dirs[0]; d++)
		for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
			writes(dirs[d], cases[i], 0);
			writes(dirs[d], cases[i], 8);
		}
}

static void failures_are_told(void **state)
{
	char *data = mem_pages(1);
	int fd = open("/dev/full", O_WRONLY);

	(void)state;
	memset(data, 'x', MEM_PAGE);
	assert_int_equal(disk_write_direct(fd, data, MEM_PAGE), -1);
	assert_int_equal(errno, ENOSPC);
	close(fd);
	assert_int_equal(disk_write_direct(fd, data, MEM_PAGE), -1);
	assert_int_equal(errno, EBADF);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_the_place),
		cmocka_unit_test(failures_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
