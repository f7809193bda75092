/*
 * Writing behind: what is put arrives whole and in order, and a failure of the one who writes is seen by the one who puts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/sink/behind.h"
#include "lib/sink/memory.h"

enum { MIB = 1 << 20, ON_THE_WAY = 4 * MIB };

/* A sink that waits at a gate before each put, and counts how it ends. */
struct gate {
	struct sink base;
	sem_t open;
	_Atomic uint64_t passed;
	int finished, aborted, freed;
	bool fails_at_the_end;
	_Atomic bool is_askew; /* a piece began elsewhere than at a page's start */
};

static struct gate gate;

static void pass(struct sink *s, const void *data, size_t len)
{
	(void)s;
	sem_wait(&gate.open);
	if ((uintptr_t)data % MEM_PAGE != 0)
		gate.is_askew = true;
	gate.passed += len;
}

static void flush(struct sink *s)
{
	(void)s;
}

static void finish(struct sink *s)
{
	struct err e;

	gate.finished++;
	if (!gate.fails_at_the_end)
		return;
	err_set(&e, ERR_DISK, "the end cannot be written");
	sink_fail(s, &e);
}

static void give_up(struct sink *s)
{
	(void)s;
	gate.aborted++;
}

static void free_gate(struct sink *s)
{
	(void)s;
	gate.freed++;
}

static struct sink *behind_gate(unsigned opened)
{
	static const struct sink_ops ops = { pass, flush, finish, give_up, free_gate };
	struct err e;

	gate = (struct gate){ .base.ops = &ops };
	sem_init(&gate.open, 0, opened);
	struct sink *s = behind_sink_new(&gate.base, &e);

	assert_non_null(s);
	return s;
}

static char byte_at(uint64_t at)
{
	return (char)(at * 31 + at / 251);
}

/* len bytes, in pieces of all lengths. */
static void put(struct sink *s, uint64_t len)
{
	static char piece[100 * 1000];
	uint64_t at = 0;

	for (size_t step = 1; at < len; step = step * 7 % sizeof piece + 1) {
		size_t n = step < len - at ? step : len - at;

		for (size_t i = 0; i < n; i++)
			piece[i] = byte_at(at + i);
		sink_put(s, piece, n);
		at += n;
	}
}

static void all_in_order(void **state)
{
	static const uint64_t lens[] = { 0, 1, 262143, 262144, 262145, 3 * ON_THE_WAY + 7 };

	(void)state;
	for (size_t k = 0; k < sizeof lens / sizeof lens[0]; k++) {
		struct memory_sink *m = memory_sink_new();
		struct err e;
		struct sink *s = behind_sink_new(&m->base, &e);

		put(s, lens[k]);
		sink_flush(s);
		assert_int_equal(sink_finish(s, &e), 0);
		assert_int_equal(s->bytes, lens[k]);
		assert_int_equal(m->bytes.len, lens[k]);
		for (uint64_t i = 0; i < lens[k]; i++)
			if (m->bytes.data[i] != byte_at(i))
				fail_msg("byte %llu is another", (unsigned long long)i);
		sink_free(s);
	}
}

/* As much as is let through, and no more than that on its way. */
static void who_puts_waits_at_last(void **state)
{
	struct sink *s = behind_gate(0);
	struct err e;

	(void)state;
	put(s, ON_THE_WAY - 1); /* returns though nothing is passed on */
	assert_int_equal(gate.passed, 0);
	for (int i = 0; i < 100; i++)
		sem_post(&gate.open);
	put(s, 8 * MIB);
	assert_true(gate.passed >= 4 * MIB - 1);
	assert_int_equal(sink_finish(s, &e), 0);
	assert_int_equal(gate.passed, ON_THE_WAY - 1 + 8 * MIB);
	assert_false(gate.is_askew);
	assert_int_equal(gate.finished, 1);
	sink_free(s);
	assert_int_equal(gate.aborted, 0);
	assert_int_equal(gate.freed, 1);
}

static void a_failure_is_told(void **state)
{
	static const uint64_t after[] = { 0, 300 * 1000, 2 * ON_THE_WAY };

	(void)state;
	for (size_t k = 0; k < sizeof after / sizeof after[0]; k++) {
		struct memory_sink *m = memory_sink_new();
		struct err e = { 0 };
		struct sink *s = behind_sink_new(&m->base, &e);

		m->fail_after = after[k];
		put(s, 4 * ON_THE_WAY); /* does not hang */
		assert_true(sink_failed(s, &e));
		assert_int_not_equal(e.code, ERR_NONE);
		assert_int_equal(sink_finish(s, &e), -1);
		assert_true(m->bytes.len <= after[k]);
		sink_free(s);
	}
}

/* All were put before it failed: finish tells. */
static void a_late_failure_is_told(void **state)
{
	struct memory_sink *m = memory_sink_new();
	struct err e = { 0 };
	struct sink *s = behind_sink_new(&m->base, &e);

	(void)state;
	m->fail_after = 5;
	put(s, 100);
	assert_false(sink_failed(s, NULL));
	assert_int_equal(sink_finish(s, &e), -1);
	assert_int_not_equal(e.code, ERR_NONE);
	sink_free(s);
	s = behind_gate(100);
	gate.fails_at_the_end = true;
	put(s, 100);
	assert_int_equal(sink_finish(s, &e), -1);
	assert_int_equal(e.code, ERR_DISK);
	sink_free(s);
	assert_int_equal(gate.freed, 1);
}

static atomic_bool is_enough;

/* Ever more slowly: where it is given up at once a single block is let through, and before half of them are a machine would
 * have to stand still for ten seconds. */
static void *open_slowly(void *of)
{
	for (useconds_t pause_us = 10 * 1000; !is_enough; pause_us *= 3) {
		usleep(pause_us);
		sem_post(&gate.open);
	}
	return of;
}

/* What waits is not passed on, and nothing is finished. */
static void given_up(void **state)
{
	struct sink *s = behind_gate(1);
	pthread_t opener;

	(void)state;
	put(s, ON_THE_WAY - 1);
	assert_int_equal(pthread_create(&opener, NULL, open_slowly, NULL), 0);
	sink_abort(s); /* waits for the one that is being put */
	assert_true(gate.passed < ON_THE_WAY / 2);
	is_enough = true;
	pthread_join(opener, NULL);
	assert_int_equal(gate.aborted, 1);
	assert_int_equal(gate.finished, 0);
	sink_free(s);
	assert_int_equal(gate.freed, 1);
	s = behind_gate(100);
	put(s, 1);
	sink_free(s);                     /* neither finished nor aborted */
	assert_int_equal(gate.passed, 0); /* no block was full */
	assert_int_equal(gate.aborted, 1);
	assert_int_equal(gate.finished, 0);
	assert_int_equal(gate.freed, 1);
}

static volatile sig_atomic_t caught_in;

static void note_thread(int signum)
{
	(void)signum;
	caught_in = gettid();
}

static void signals_are_not_its(void **state)
{
	struct sink *s = behind_gate(0);
	struct sigaction note = { .sa_handler = note_thread }, before;
	sigset_t term, old;

	(void)state;
	sigaction(SIGTERM, &note, &before);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &old);
	kill(getpid(), SIGTERM);
	usleep(20 * 1000);
	assert_int_equal(caught_in, 0); /* the thread would have had it */
	sigprocmask(SIG_SETMASK, &old, NULL);
	assert_int_equal(caught_in, getpid());
	sigaction(SIGTERM, &before, NULL);
	sink_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_in_order),
		cmocka_unit_test(who_puts_waits_at_last),
		cmocka_unit_test(a_failure_is_told),
		cmocka_unit_test(a_late_failure_is_told),
		cmocka_unit_test(given_up),
		cmocka_unit_test(signals_are_not_its),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
