/*
 * Waiting with a pulse: the beat comes in time while somebody is watched, whatever is waited for, and its word ends the wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/wait.h"

enum { EVERY_US = 10000, LONG_MS = 100 };

struct pair {
	int ours, theirs;
};

struct counted {
	int n, last; /* beats so far; the one that says no, 0: none */
	int fd;      /* that the beat waits for by itself; -1: none */
};

static int open_pair(void **state)
{
	static struct pair p;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	p = (struct pair){ fds[0], fds[1] };
	*state = &p;
	return 0;
}

static int close_pair(void **state)
{
	struct pair *p = *state;

	wait_pulse(0, NULL, NULL);
	close(p->ours);
	if (p->theirs >= 0)
		close(p->theirs);
	return 0;
}

static int beat(void *of, struct err *e)
{
	struct counted *c = of;

	c->n++;
	if (c->fd >= 0)
		wait_fd(-1, 0, c->fd, 3 * EVERY_US / 1000);
	return c->n == c->last ? err_set(e, ERR_CONFLICT, "enough") : 0;
}

static void beats_while_it_waits(void **state)
{
	struct pair *p = *state;
	struct counted c = { 0, 0, -1 };
	int64_t from_us = clock_monotonic_us();

	wait_pulse(EVERY_US, beat, &c);
	assert_int_equal(wait_fd(p->ours, POLLIN, p->ours, LONG_MS), WAIT_TIMEOUT);
	int64_t took_us = clock_monotonic_us() - from_us;

	assert_true(took_us >= LONG_MS * 1000);
	assert_in_range(c.n, 1, took_us / EVERY_US);
}

static void beats_though_it_never_waits(void **state)
{
	struct pair *p = *state;
	struct counted c = { 0, 0, -1 };

	wait_pulse(EVERY_US, beat, &c);
	while (c.n < 2)
		assert_false(wait_hung_up(p->ours));
	assert_int_equal(wait_fd(p->ours, POLLOUT, p->ours, -1), WAIT_READY);
}

static void ends_the_wait(void **state)
{
	struct pair *p = *state;
	struct counted c = { 0, 3, -1 };
	struct err e;

	wait_pulse(EVERY_US, beat, &c);
	assert_int_equal(wait_fd(p->ours, POLLIN, p->ours, -1), WAIT_HANGUP);
	assert_int_equal(wait_gave_up(&e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_string_equal(e.text, "enough");
	/* That was its last. */
	assert_int_equal(wait_fd(p->ours, POLLIN, p->ours, LONG_MS), WAIT_TIMEOUT);
	assert_int_equal(c.n, 3);
	wait_pulse(0, NULL, NULL);
	wait_gave_up(&e);
	assert_int_equal(e.code, ERR_CLIENT_GONE);
}

static void is_silent_where_nobody_is_watched(void **state)
{
	struct pair *p = *state;
	struct counted c = { 0, 0, -1 };

	wait_pulse(EVERY_US, beat, &c);
	assert_int_equal(wait_fd(p->ours, POLLIN, -1, LONG_MS), WAIT_TIMEOUT);
	assert_int_equal(c.n, 0);
}

static void does_not_beat_within_itself(void **state)
{
	struct pair *p = *state;
	struct counted c = { 0, 2, p->ours };

	wait_pulse(EVERY_US, beat, &c);
	assert_int_equal(wait_fd(-1, 0, p->ours, -1), WAIT_HANGUP);
	assert_int_equal(c.n, 2);
}

static void sees_what_it_waits_for(void **state)
{
	struct pair *p = *state;
	struct counted c = { 0, 0, -1 };
	struct err e;

	wait_pulse(INT64_C(3600) * 1000000, beat, &c);
	assert_int_equal(write(p->theirs, "x", 1), 1);
	assert_int_equal(wait_fd(p->ours, POLLIN, p->ours, -1), WAIT_READY);
	close(p->theirs);
	p->theirs = -1;
	assert_int_equal(wait_fd(p->ours, POLLIN, p->ours, -1), WAIT_HANGUP);
	wait_gave_up(&e);
	assert_int_equal(e.code, ERR_CLIENT_GONE);
	assert_int_equal(c.n, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(beats_while_it_waits),
		TEST(beats_though_it_never_waits),
		TEST(ends_the_wait),
		TEST(is_silent_where_nobody_is_watched),
		TEST(does_not_beat_within_itself),
		TEST(sees_what_it_waits_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
