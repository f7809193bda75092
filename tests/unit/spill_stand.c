#include "tests/unit/spill_stand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fastcgi.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { WATCHDOG_S = 600 };

char stage_dir[] = "/tmp/sluice-spill-XXXXXX";

/* ---- the disk, as full as a test wants it */

static struct statvfs disk;

int fstatvfs(int fd, struct statvfs *v)
{
	(void)fd;
	*v = disk;
	return 0;
}

void set_disk(unsigned long all_mib, unsigned long free_mib)
{
	disk = (struct statvfs){
		.f_frsize = MIB,
		.f_blocks = all_mib,
		.f_bavail = free_mib,
	};
}

/* ---- the client, and what is between it and the sink */

static void *read_on(void *arg)
{
	struct client *c = arg;

	for (;;) {
		uint64_t may = atomic_load(&c->may_read), leaves = atomic_load(&c->leaves_at);
		size_t len = c->piece;

		if (c->got.len >= leaves)
			break;
		if (c->got.len >= may) {
			usleep(200);
			continue;
		}
		if (len > may - c->got.len)
			len = (size_t)(may - c->got.len);
		ssize_t n = read(c->fd, buf_reserve(&c->got, len), len);

		if (n <= 0)
			break;
		c->got.len += (size_t)n;
		if (c->pause_us)
			usleep(c->pause_us);
	}
	close(c->fd);
	return NULL;
}

void client_start(struct client *c)
{
	if (c->piece == 0)
		c->piece = PIECE;
	atomic_store(&c->leaves_at, everything);
	assert_int_equal(pthread_create(&c->thread, NULL, read_on, c), 0);
}

const struct spill_options quick = { stage_dir, 64 * MIB, UINT64_C(1) << 40, 20000 };

void open_stand(struct stand *s, const struct spill_options *options)
{
	int fds[2];

	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	if (s->room > 0)
		assert_return_code(
			setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &s->room, sizeof s->room), 0);
	s->request.ipcFd = fds[0];
	s->request.requestId = REQUEST;
	s->door = fcgi_sink_new(&s->request, STAND_HEAD, strlen(STAND_HEAD));
	s->spill = spill_sink_new(s->door, options);
	s->client.fd = fds[1];
	client_start(&s->client);
}

void close_stand(struct stand *s)
{
	sink_free(s->spill);
	close(s->request.ipcFd);
	atomic_store(&s->client.may_read, everything);
	assert_int_equal(pthread_join(s->client.thread, NULL), 0);
}

static void forget(struct stand *s)
{
	buf_free(&s->client.got);
}

/* Byte `at` of every body. */
static char byte_at(uint64_t at)
{
	return (char)(at * UINT64_C(0x9E3779B97F4A7C15) >> 56);
}

void put(struct stand *s, size_t len)
{
	char *data = mem_alloc(len, 1);

	for (size_t i = 0; i < len; i++)
		data[i] = byte_at(s->put + i);
	sink_put(s->spill, data, len);
	s->put += len;
	free(data);
}

void put_pieces(struct stand *s, uint64_t len)
{
	for (uint64_t end = s->put + len; s->put < end && !sink_failed(s->spill, NULL);)
		put(s, end - s->put < PIECE ? (size_t)(end - s->put) : PIECE);
}

bool is_staged(off_t *size, off_t *room)
{
	DIR *fds = opendir("/proc/self/fd");
	char path[PATH_MAX];
	bool found = false;
	struct stat st;

	assert_non_null(fds);
	for (struct dirent *d; (d = readdir(fds));) {
		ssize_t n = readlinkat(dirfd(fds), d->d_name, path, sizeof path - 1);

		if (n < 0 || strncmp(path, stage_dir, strlen(stage_dir)) != 0)
			continue;
		assert_false(found);
		found = true;
		assert_return_code(fstatat(dirfd(fds), d->d_name, &st, 0), 0);
		if (size)
			*size = st.st_size;
		if (room)
			*room = st.st_blocks * 512;
	}
	closedir(fds);
	return found;
}

void put_until_staged(struct stand *s)
{
	while (!is_staged(NULL, NULL)) {
		assert_false(sink_failed(s->spill, NULL));
		put(s, PIECE);
	}
}

void finish(struct stand *s)
{
	struct err e = { 0 };

	if (sink_finish(s->spill, &e) < 0)
		fail_msg("%s (%s)", e.text, e.cause);
}

void fails(struct stand *s, enum err_code code)
{
	struct err e = { 0 };

	assert_int_equal(sink_finish(s->spill, &e), -1);
	assert_int_equal(e.code, code);
	assert_true(e.text[0]);
}

/* ---- what the client got */

/* Every record is one of the body; the contents are the head and how every body begins. Returns the body's length. */
static uint64_t read_records(const struct buf *got, enum ending *ending)
{
	struct buf body = { 0 };
	size_t at = 0;

	*ending = AT_RECORD;
	while (at < got->len && *ending == AT_RECORD) {
		const unsigned char *r = (const unsigned char *)got->data + at;
		size_t left = got->len - at;
		size_t len = left < FCGI_HEADER_LEN ? 0 : (size_t)r[4] << 8 | r[5];
		size_t whole = FCGI_HEADER_LEN + len + (left < FCGI_HEADER_LEN ? 0 : r[6]);

		if (left >= FCGI_HEADER_LEN && r[0] != FCGI_VERSION_1) {
			*ending = WRONG_RECORD;
			assert_int_equal(left, FCGI_HEADER_LEN);
			break;
		}
		if (left < whole) {
			*ending = WITHIN_RECORD;
			len = left < FCGI_HEADER_LEN + len ? left - FCGI_HEADER_LEN : len;
		}
		if (left < FCGI_HEADER_LEN)
			break;
		assert_int_equal(r[1], FCGI_STDOUT);
		assert_int_equal(r[2] << 8 | r[3], REQUEST);
		assert_int_equal(whole % 8, 0);
		assert_true(len > 0); /* else it would be the end */
		buf_put(&body, r + FCGI_HEADER_LEN, len);
		at += whole;
	}
	size_t head = strlen(STAND_HEAD), n = body.len < head ? 0 : body.len - head;

	assert_memory_equal(buf_str(&body), STAND_HEAD, body.len < head ? body.len : head);
	for (size_t i = 0; i < n; i++)
		if (body.data[head + i] != byte_at(i))
			fail_msg("byte %zu of %zu is another", i, n);
	buf_free(&body);
	return n;
}

void is_whole(struct stand *s)
{
	enum ending ending;

	close_stand(s);
	assert_int_equal(read_records(&s->client.got, &ending), s->put);
	assert_int_equal(ending, AT_RECORD);
	assert_false(is_staged(NULL, NULL));
	forget(s);
}

/* Returns how much of the body came. */
uint64_t is_broken(struct stand *s, enum ending expected)
{
	enum ending ending;

	close_stand(s);
	uint64_t n = read_records(&s->client.got, &ending);

	assert_int_equal(ending, expected);
	assert_true(n <= s->put);
	assert_false(is_staged(NULL, NULL));
	forget(s);
	return n;
}

/* ---- before and after */

int stand_each(void **state)
{
	(void)state;
	set_disk(1000, 1000);
	alarm(WATCHDOG_S);
	return 0;
}

int stand_setup(void **state)
{
	(void)state;
	return mkdtemp(stage_dir) ? 0 : -1;
}

int stand_teardown(void **state)
{
	(void)state;
	return rmdir(stage_dir);
}
