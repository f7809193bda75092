/*
 * What waits on disk for a slow client, or to be whole: no more than a budget, and never the disk's last room; where it
 * is too much the transfer breaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>

#include "lib/sink/file.h"
#include "tests/unit/spill_stand.h"

/* The client has read so much of the body, but for what may be under way. */
static void client_reads(struct stand *s, uint64_t len)
{
	atomic_store(&s->client.may_read, len);
	while (s->door->bytes < len - len / 100)
		sink_flush(s->spill);
}

/* Ten times the budget goes through the file, as long as no more than it waits. */
static void a_budget_for_what_waits(void **state)
{
	struct stand s = { 0 };
	struct spill_options options = quick;
	off_t size = 0, room = 0;

	(void)state;
	options.max_bytes = 4 * MIB;
	open_stand(&s, &options);
	put_until_staged(&s);
	put_pieces(&s, 2 * MIB);
	while (s.put < 40 * MIB) {
		put(&s, PIECE);
		client_reads(&s, s.put - 2 * MIB);
		assert_true(is_staged(&size, &room));
		assert_true(room <= (off_t)options.max_bytes);
	}
	assert_true(size > 30 * MIB);
	atomic_store(&s.client.may_read, everything);
	finish(&s);
	is_whole(&s);
}

/* It fails, and the client is told by a break; reading or not, it has less than was put. */
static void breaks(const struct spill_options *options, const char *text, uint64_t least)
{
	struct stand s = { 0 };
	struct err e;

	open_stand(&s, options);
	for (uint64_t most = options->max_bytes + 2 * MIB; !sink_failed(s.spill, NULL);) {
		assert_true(s.put < most);
		put(&s, PIECE);
	}
	assert_true(s.put >= least);
	assert_true(sink_failed(s.spill, &e));
	assert_int_equal(e.code, ERR_DISK);
	assert_string_equal(e.text, text);
	put(&s, PIECE);
	fails(&s, ERR_DISK);
	atomic_store(&s.client.may_read, everything);
	sink_abort(s.spill);
	assert_true(is_broken(&s, WRONG_RECORD) < s.put);
}

static void past_the_budget(void **state)
{
	struct spill_options options = quick;

	(void)state;
	for (options.max_bytes = 1; options.max_bytes <= 8 * MIB; options.max_bytes *= 8)
		breaks(&options, "more of the body waits to be sent than the stage may hold",
			options.max_bytes);
}

static void a_disk_that_is_full(void **state)
{
	struct rlimit old, less;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_return_code(getrlimit(RLIMIT_FSIZE, &old), 0);
	less = old;
	less.rlim_cur = MIB + 1000;
	assert_return_code(setrlimit(RLIMIT_FSIZE, &less), 0);
	breaks(&quick, "the body could not be staged", MIB);
	assert_return_code(setrlimit(RLIMIT_FSIZE, &old), 0);
}

static bool has_room(void)
{
	struct err e = { 0 };
	struct sink *file = file_sink_new(stage_dir, MIB, &e);

	sink_put(file, "x", 1);
	bool failed = sink_failed(file, &e);

	assert_int_equal(e.code, failed ? ERR_DISK : ERR_NONE);
	sink_free(file);
	return !failed;
}

static void the_last_room_of_a_disk(void **state)
{
	(void)state;
	set_disk(1000, 51);
	assert_true(has_room());
	set_disk(1000, 49);
	assert_false(has_room());
	set_disk(100 * MIB, 1025);
	assert_true(has_room());
	set_disk(100 * MIB, 1023);
	assert_false(has_room());
}

static void a_disk_that_fills(void **state)
{
	struct stand s = { 0 };

	(void)state;
	open_stand(&s, &quick);
	put_until_staged(&s);
	put_pieces(&s, 2 * MIB);
	assert_false(sink_failed(s.spill, NULL));
	set_disk(1000, 49);
	put_pieces(&s, 2 * MIB);
	atomic_store(&s.client.may_read, everything);
	fails(&s, ERR_DISK);
	assert_true(is_broken(&s, WRONG_RECORD) < s.put);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_budget_for_what_waits, stand_each),
		cmocka_unit_test_setup(past_the_budget, stand_each),
		cmocka_unit_test_setup(a_disk_that_is_full, stand_each),
		cmocka_unit_test_setup(the_last_room_of_a_disk, stand_each),
		cmocka_unit_test_setup(a_disk_that_fills, stand_each),
	};

	return cmocka_run_group_tests(tests, stand_setup, stand_teardown);
}
