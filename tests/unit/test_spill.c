/*
 * Spill, the door behind it and the file: whatever the client does, it gets the body whole or sees that it is not,
 * and what waits for it waits on disk, within a budget.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/stop.h"
#include "tests/unit/spill_stand.h"

enum { HEADER = 8 /* of a record */ };

/* ---- whole bodies */

/* 1 byte to 200 KiB, of each magnitude as many, and now and then what just fills a record. */
static size_t some_size(unsigned *seed)
{
	size_t most = (size_t)1 << rand_r(seed) % 18;

	if (rand_r(seed) % 16 == 0)
		return FCGI_SINK_RECORD - 1 + (size_t)rand_r(seed) % 3;
	return 1 + (size_t)rand_r(seed) % most;
}

/* A machine that keeps a client from reading makes it slow: of a few tries one is as it should be. */
static void mostly(bool (*passes)(void))
{
	for (int tries = 5; tries > 0; tries--)
		if (passes())
			return;
	fail_msg("staged each time");
}

static bool passes_a_fast_client(void)
{
	struct stand s = { .client.may_read = everything };
	struct spill_options options = { stage_dir, MIB, 1000, 500000 };
	unsigned seed = 1;
	bool was_staged = false;

	open_stand(&s, &options);
	while (s.put < 64 * MIB && !was_staged) {
		put(&s, some_size(&seed));
		was_staged = is_staged(NULL, NULL);
	}
	finish(&s);
	is_whole(&s);
	return !was_staged;
}

static void a_fast_client(void **state)
{
	(void)state;
	mostly(passes_a_fast_client);
}

/* Puts do not wait for it: this would not come to its end. */
static void a_client_that_reads_nothing(void **state)
{
	struct stand s = { 0 };
	off_t size;

	(void)state;
	open_stand(&s, &quick);
	put_until_staged(&s);
	put_pieces(&s, 30 * MIB);
	sink_flush(s.spill);
	assert_true(is_staged(&size, NULL));
	assert_true(size >= 29 * MIB);
	assert_true(s.door->bytes <= s.put - (uint64_t)size);
	atomic_store(&s.client.may_read, everything);
	finish(&s);
	assert_int_equal(s.door->bytes, s.put);
	assert_int_equal(s.spill->bytes, s.put);
	is_whole(&s);
}

/* At any rate and in any sizes, to the file and past it by turns. */
static void every_rate(void **state)
{
	static const struct {
		size_t piece;
		useconds_t pause_us;
		int room;
	} rates[] = { { 100, 0, 0 }, { 5000, 100, 0 }, { 30000, 1000, 30000 }, { 20000, 50, 5000 },
		{ PIECE, 50, 0 }, { PIECE, 0, 20000 } };
	struct spill_options options = { stage_dir, 64 * MIB, UINT64_C(1) << 40, 1000 };
	unsigned seed = 7;
	int turns = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
		struct stand s = { .client = { .may_read = everything,
					   .piece = rates[i].piece,
					   .pause_us = rates[i].pause_us },
			.room = rates[i].room };
		bool was_staged = false;

		open_stand(&s, &options);
		while (s.put < 4 * MIB) {
			put(&s, some_size(&seed));
			turns += is_staged(NULL, NULL) != was_staged;
			was_staged = is_staged(NULL, NULL);
			if (rand_r(&seed) % 8 == 0)
				sink_flush(s.spill);
			if (rand_r(&seed) % 32 == 0)
				while (is_staged(NULL, NULL))
					sink_flush(s.spill);
		}
		finish(&s);
		is_whole(&s);
	}
	assert_true(turns > 4);
}

static void a_client_that_becomes_fast(void **state)
{
	struct stand s = { 0 };

	(void)state;
	open_stand(&s, &quick);
	put_until_staged(&s);
	put_pieces(&s, 8 * MIB);
	atomic_store(&s.client.may_read, everything);
	while (is_staged(NULL, NULL)) {
		put(&s, KIB);
		usleep(100);
	}
	put_pieces(&s, KIB);
	assert_int_equal(s.door->bytes, s.put);
	assert_false(fcgi_sink_holds(s.door));
	finish(&s);
	is_whole(&s);
}

static void a_flush_sends_what_waits(void **state)
{
	struct stand s = { 0 };

	(void)state;
	open_stand(&s, &quick);
	put_until_staged(&s);
	put_pieces(&s, 2 * MIB);
	atomic_store(&s.client.may_read, everything);
	while (is_staged(NULL, NULL))
		sink_flush(s.spill);
	assert_int_equal(s.door->bytes, s.put);
	finish(&s);
	is_whole(&s);
}

/* Little comes: the client is waited for, but not for long. */
static bool passes_a_slow_database(void)
{
	struct stand s = { .client.may_read = everything };
	struct spill_options options = quick;
	bool was_staged = false;

	options.slow_after_us = 200000;
	open_stand(&s, &options);
	for (int i = 0; i < 40 && !was_staged; i++) {
		put(&s, MIB);
		sink_flush(s.spill);
		was_staged = is_staged(NULL, NULL);
		usleep(20000);
	}
	assert_true(fcgi_sink_waited_us(s.door) > 0);
	finish(&s);
	is_whole(&s);
	return !was_staged;
}

static void a_slow_database(void **state)
{
	(void)state;
	mostly(passes_a_slow_database);
}

static void a_client_that_is_slow_but_not_for_long(void **state)
{
	struct stand s = { .client = { .may_read = everything, .piece = 5000, .pause_us = 500 } };
	struct spill_options options = quick;

	(void)state;
	options.slow_after_us = 60000000;
	open_stand(&s, &options);
	put_pieces(&s, MIB);
	assert_false(is_staged(NULL, NULL));
	finish(&s);
	is_whole(&s);
}

static bool passes_one_that_is_fast_enough(void)
{
	struct stand s = { .client = { .may_read = everything, .piece = 1000, .pause_us = 100 },
		.room = 20000 };
	struct spill_options options = { stage_dir, MIB, 1000, 500000 };
	int64_t end = clock_monotonic_us() + 3 * options.slow_after_us;
	bool was_staged = false;

	open_stand(&s, &options);
	while (!was_staged && (clock_monotonic_us() < end ||
				      fcgi_sink_waited_us(s.door) <= options.slow_after_us)) {
		put(&s, PIECE);
		was_staged = is_staged(NULL, NULL);
	}
	finish(&s);
	is_whole(&s);
	return !was_staged;
}

static void a_client_that_is_fast_enough(void **state)
{
	(void)state;
	mostly(passes_one_that_is_fast_enough);
}

static void without_a_stage(void **state)
{
	struct stand s = { .client = { .may_read = everything, .piece = 2000, .pause_us = 50 } };
	struct spill_options options = quick;

	(void)state;
	options.dir = "/nowhere";
	open_stand(&s, &options);
	put_pieces(&s, 4 * MIB);
	assert_true(fcgi_sink_waited_us(s.door) > options.slow_after_us);
	finish(&s);
	is_whole(&s);
}

static void no_body(void **state)
{
	struct stand s = { .client.may_read = everything };

	(void)state;
	open_stand(&s, &quick);
	sink_flush(s.spill);
	finish(&s);
	is_whole(&s);
}

/* ---- failures */

/* The source fails after any number of bytes, while the client is fast. */
static void broken_off_while_it_passes(void **state)
{
	(void)state;
	for (size_t len = 1; len < 5 * MIB; len = len * 3 + 1) {
		struct stand s = { .client.may_read = everything };

		open_stand(&s, &quick);
		put(&s, len);
		sink_abort(s.spill);
		assert_int_equal(is_broken(&s, WRONG_RECORD), len);
	}
}

/* At once, and not when all that waits is sent; a record that was begun is ended before. */
static void broken_off_while_it_spills(void **state)
{
	(void)state;
	for (uint64_t len = 1; len < 20 * MIB; len = len * 5 + 1) {
		struct stand s = { 0 };

		open_stand(&s, &quick);
		put_until_staged(&s);
		put_pieces(&s, len);
		assert_true(fcgi_sink_holds(s.door) || s.door->bytes < s.put);
		atomic_store(&s.client.may_read, everything);
		sink_abort(s.spill);
		assert_false(is_staged(NULL, NULL));
		assert_true(is_broken(&s, WRONG_RECORD) < s.put);
	}
}

/* Nobody waits for this client. */
static void broken_off_while_the_client_does_not_read(void **state)
{
	struct stand s = { 0 };

	(void)state;
	open_stand(&s, &quick);
	put_until_staged(&s);
	put_pieces(&s, MIB);
	assert_true(fcgi_sink_holds(s.door));
	sink_abort(s.spill);
	assert_true(is_broken(&s, WITHIN_RECORD) < s.put);
}

static void before_the_first_byte(void **state)
{
	struct stand s = { .client.may_read = everything };

	(void)state;
	open_stand(&s, &quick);
	sink_abort(s.spill);
	assert_false(fcgi_sink_has_begun(s.door));
	close_stand(&s);
	assert_int_equal(s.client.got.len, 0);
	buf_free(&s.client.got);
}

static void a_client_that_leaves(struct stand *s)
{
	fails(s, ERR_CLIENT_GONE);
	close_stand(s);
	assert_false(is_staged(NULL, NULL));
	buf_free(&s->client.got);
}

static void leaving_while_it_passes(void **state)
{
	struct stand s = { .client.may_read = 100000 };
	struct spill_options options = { stage_dir, MIB, 1, 3600000000 };

	(void)state;
	open_stand(&s, &options);
	atomic_store(&s.client.leaves_at, 100000);
	put_pieces(&s, 64 * MIB);
	assert_true(s.put < 64 * MIB);
	assert_false(is_staged(NULL, NULL));
	a_client_that_leaves(&s);
}

static void leaving_while_it_spills(void **state)
{
	struct stand s = { 0 };

	(void)state;
	open_stand(&s, &quick);
	put_until_staged(&s);
	atomic_store(&s.client.leaves_at, 0);
	while (!sink_failed(s.spill, NULL)) {
		put(&s, KIB);
		usleep(100);
	}
	a_client_that_leaves(&s);
}

static void leaving_while_the_rest_is_sent(void **state)
{
	(void)state;
	for (uint64_t at = 0; at < 4 * MIB; at = at * 2 + 1000) {
		struct stand s = { 0 };

		open_stand(&s, &quick);
		put_until_staged(&s);
		put_pieces(&s, 8 * MIB);
		atomic_store(&s.client.leaves_at, at);
		atomic_store(&s.client.may_read, at);
		a_client_that_leaves(&s);
	}
}

/* A web server that has closed its end and still holds what it has read: over TCP no more is to be seen of that. */
static void leaving_by_halves(void **state)
{
	struct stand s = { 0 };

	(void)state;
	open_stand(&s, &quick);
	put_until_staged(&s);
	put_pieces(&s, MIB);
	assert_return_code(shutdown(s.client.fd, SHUT_WR), 0);
	a_client_that_leaves(&s);
}

/* In a process of its own, since it stays told. Exit status 0: as it should be. */
static int stop_while_the_rest_is_sent(void)
{
	struct stand s = { 0 };
	struct err e = { 0 };

	stop_install();
	stop_limit(0);
	open_stand(&s, &quick);
	put_until_staged(&s);
	put_pieces(&s, MIB);
	raise(SIGTERM);
	int r = sink_finish(s.spill, &e);

	sink_abort(s.spill);
	return r == -1 && e.code == ERR_UNAVAILABLE && !is_staged(NULL, NULL) ? 0 : 1;
}

static void stopped_while_the_rest_is_sent(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(stop_while_the_rest_is_sent());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---- the door alone */

static void a_long_head(void **state)
{
	FCGX_Request request = { .requestId = REQUEST };
	struct client c = { .may_read = everything, .piece = 1000 };
	struct buf head = { 0 };
	int fds[2];
	struct err e;

	(void)state;
	while (head.len < 100000)
		buf_printf(&head, "X-%zu: x\r\n", head.len);
	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	request.ipcFd = fds[0];
	c.fd = fds[1];
	client_start(&c);
	struct sink *door = fcgi_sink_new(&request, head.data, head.len);

	sink_put(door, "body", 4);
	assert_int_equal(sink_finish(door, &e), 0);
	sink_free(door);
	close(fds[0]);
	assert_int_equal(pthread_join(c.thread, NULL), 0);
	size_t second = 2 * HEADER + FCGI_SINK_RECORD;

	assert_memory_equal(c.got.data + HEADER, head.data, FCGI_SINK_RECORD);
	assert_memory_equal(
		c.got.data + second, head.data + FCGI_SINK_RECORD, head.len - FCGI_SINK_RECORD);
	assert_memory_equal(c.got.data + c.got.len - 8, "body\0\0\0", 8);
	buf_free(&head);
	buf_free(&c.got);
}

/* ---- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_fast_client, stand_each),
		cmocka_unit_test_setup(a_client_that_reads_nothing, stand_each),
		cmocka_unit_test_setup(every_rate, stand_each),
		cmocka_unit_test_setup(a_client_that_becomes_fast, stand_each),
		cmocka_unit_test_setup(a_flush_sends_what_waits, stand_each),
		cmocka_unit_test_setup(a_slow_database, stand_each),
		cmocka_unit_test_setup(a_client_that_is_slow_but_not_for_long, stand_each),
		cmocka_unit_test_setup(a_client_that_is_fast_enough, stand_each),
		cmocka_unit_test_setup(without_a_stage, stand_each),
		cmocka_unit_test_setup(no_body, stand_each),
		cmocka_unit_test_setup(broken_off_while_it_passes, stand_each),
		cmocka_unit_test_setup(broken_off_while_it_spills, stand_each),
		cmocka_unit_test_setup(broken_off_while_the_client_does_not_read, stand_each),
		cmocka_unit_test_setup(before_the_first_byte, stand_each),
		cmocka_unit_test_setup(leaving_while_it_passes, stand_each),
		cmocka_unit_test_setup(leaving_while_it_spills, stand_each),
		cmocka_unit_test_setup(leaving_while_the_rest_is_sent, stand_each),
		cmocka_unit_test_setup(leaving_by_halves, stand_each),
		cmocka_unit_test_setup(stopped_while_the_rest_is_sent, stand_each),
		cmocka_unit_test_setup(a_long_head, stand_each),
	};

	return cmocka_run_group_tests(tests, stand_setup, stand_teardown);
}
