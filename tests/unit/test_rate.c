/*
 * Rate limits: exact counts between processes, windows, what a kill -9 leaves, files that are not
 * ours, a full table. Includes rate.c, so that the clock can be set and the slots be looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/base/clock.h"

enum { S = 1000000, PROCESSES = 8, KEYS = 10000, LIMIT = 4 };

/* Of all processes of a test, in shared memory. */
static struct shared {
	_Atomic int64_t now_us;  /* what rate.c takes for the time … */
	_Atomic int64_t flowing; /* … plus the real one, when set */
	_Atomic int hesitating;
	_Atomic int64_t allowed; /* requests, by all children */
	_Atomic int of_key[KEYS];
} * shared;

static int64_t test_clock(void)
{
	return shared->now_us + (shared->flowing ? clock_monotonic_us() : 0);
}

/* Now and then another process is let in between two looks at a slot. */
static int hesitate(void)
{
	return shared->hesitating && rand() % 16 == 0 ? sched_yield() : 0;
}

#define clock_monotonic_us test_clock
#undef atomic_load
#define atomic_load(p) (hesitate(), atomic_load_explicit(p, memory_order_seq_cst))
#include "lib/access/rate.c"
#undef clock_monotonic_us

static char dir[] = "/tmp/sluice-rate-XXXXXX", path[64];

static struct rate_table *open_table(int64_t limit, int64_t window_us)
{
	struct err e = { 0 };
	struct rate_table *t = rate_open(path, limit, window_us, &e);

	if (!t)
		fail_msg("%s", e.text);
	return t;
}

static struct rate take(struct rate_table *t, const char *key)
{
	struct rate r;

	rate_take(t, key, &r);
	return r;
}

/* Children that begin together, when go() is called. */
static int gate[2];

static void before_fork(void)
{
	assert_int_equal(pipe(gate), 0);
}

static void wait_for_go(void)
{
	char c;

	close(gate[1]);
	if (read(gate[0], &c, 1) != 0)
		_exit(2);
}

static void go(void)
{
	close(gate[0]);
	close(gate[1]);
}

static void join_all(void)
{
	int status;

	while (wait(&status) > 0)
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(errno, ECHILD);
}

/* PROCESSES children, each with the table opened anew, each asking `each` times. How often it was
 * allowed. */
static int64_t hammer(const char *key, int64_t limit, int each)
{
	shared->allowed = 0;
	before_fork();
	for (int i = 0; i < PROCESSES; i++) {
		if (fork())
			continue;
		wait_for_go();
		struct rate_table *t = rate_open(path, limit, 60 * S, NULL);

		if (!t)
			_exit(3);
		for (int n = 0; n < each; n++)
			shared->allowed += take(t, key).allowed;
		rate_close(t);
		_exit(0);
	}
	go();
	join_all();
	return shared->allowed;
}

static int set_up_test(void **state)
{
	(void)state;
	unlink(path);
	shared->now_us = INT64_C(1000) * S;
	shared->flowing = 0;
	shared->hesitating = 0;
	return 0;
}

/* ---- one process */

static void counts_down_and_refuses(void **state)
{
	struct rate_table *t = open_table(3, 60 * S);

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct rate r = take(t, "sub:alice");

		assert_true(r.allowed);
		assert_int_equal(r.limit, 3);
		assert_int_equal(r.window_s, 60);
		assert_int_equal(r.remaining, 2 - i);
		assert_int_equal(r.reset_s, 60);
	}
	for (int i = 0; i < 3; i++) {
		assert_false(take(t, "sub:alice").allowed);
		assert_int_equal(take(t, "sub:alice").remaining, 0);
	}
	assert_true(take(t, "sub:bob").allowed);
	rate_close(t);
}

static void begins_a_window_with_the_first_request(void **state)
{
	struct rate_table *t = open_table(2, 10 * S);

	(void)state;
	shared->now_us += 7 * S;
	assert_true(take(t, "k").allowed);
	shared->now_us += 10 * S - 1000;
	struct rate last = take(t, "k");

	assert_true(last.allowed);
	assert_int_equal(last.remaining, 0);
	assert_int_equal(last.reset_s, 1);
	assert_false(take(t, "k").allowed);
	shared->now_us += 1000;
	struct rate first = take(t, "k");

	assert_true(first.allowed);
	assert_int_equal(first.remaining, 1);
	assert_int_equal(first.reset_s, 10);
	shared->now_us += 2500 * 1000;
	assert_int_equal(take(t, "k").reset_s, 8);
	rate_close(t);
	t = open_table(1, S + S / 2); /* told in whole seconds, kept to the millisecond */
	assert_int_equal(take(t, "l").window_s, 2);
	shared->now_us += S + S / 2 - 1000;
	assert_false(take(t, "l").allowed);
	shared->now_us += 1000;
	assert_true(take(t, "l").allowed);
	rate_close(t);
}

/* Another process has read a later time; the host was restarted and its clock began anew. */
static void stands_a_clock_behind_the_window(void **state)
{
	struct rate_table *t = open_table(2, 60 * S);

	(void)state;
	assert_true(take(t, "k").allowed);
	shared->now_us -= S;
	struct rate r = take(t, "k");

	assert_int_equal(r.remaining, 0);
	assert_int_equal(r.reset_s, 61);
	assert_false(take(t, "k").allowed);
	shared->now_us -= 60 * S;
	assert_true(take(t, "k").allowed);
	rate_close(t);
}

static void allows_all_without_a_limit(void **state)
{
	struct rate_table *t = open_table(0, 60 * S);

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_true(take(t, "k").allowed);
	rate_close(t);
	assert_int_equal(access(path, F_OK), -1);
}

static void counts_to_the_largest_limit(void **state)
{
	struct rate_table *t = open_table(RATE_LIMIT_MAX, 60 * S);

	(void)state;
	for (int i = 0; i < RATE_LIMIT_MAX; i++)
		if (!take(t, "k").allowed)
			fail_msg("refused at %d", i);
	assert_false(take(t, "k").allowed);
	assert_int_equal(take(t, "k").reset_s, 60); /* no carry into the start */
	rate_close(t);
}

static void refuses_what_it_cannot_keep(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_null(rate_open(path, -1, 60 * S, &e));
	assert_int_equal(e.code, ERR_CONFIG);
	assert_null(rate_open(path, RATE_LIMIT_MAX + 1, 60 * S, &e));
	assert_non_null(strstr(e.text, "limits.requests"));
	assert_null(rate_open(path, 1, S - 1, &e));
	assert_non_null(strstr(e.text, "limits.window"));
	e.code = ERR_NONE;
	assert_null(rate_open("/tmp/sluice-no-such-folder/rate", 1, S, &e));
	assert_int_equal(e.code, ERR_CONFIG);
	assert_non_null(strstr(e.text, "/tmp/sluice-no-such-folder/rate"));
	assert_null(rate_open(dir, 1, S, &e));
	assert_non_null(strstr(e.text, dir));
}

/* ---- files that are not ours */

static void write_file(const void *bytes, size_t len, off_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(close(fd), 0);
}

/* The files that are written here have no key of the hash. */
static void expect_replaced(void)
{
	static const uint8_t no_key[HASH_KEY_LEN];
	struct rate_table *t = open_table(1, 60 * S);
	struct stat st;
	int entries = 0;

	assert_memory_not_equal(t->file->header.hash_key, no_key, sizeof no_key);
	assert_true(take(t, "k").allowed);
	assert_false(take(t, "k").allowed);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, sizeof(struct file));
	rate_close(t);
	DIR *d = opendir(dir);

	while (readdir(d))
		entries++;
	closedir(d);
	assert_int_equal(entries, 3); /* ".", ".." and the file: nothing is left behind */
}

static void replaces_files_of_another_kind(void **state)
{
	struct header h = { .version = VERSION, .slots_n = RATE_SLOTS };

	(void)state;
	write_file("", 0, 0);
	expect_replaced();
	write_file("no table", 8, 8);
	expect_replaced();
	write_file("no table", 8, sizeof(struct file));
	expect_replaced();
	write_file(&h, sizeof h, sizeof(struct file));
	expect_replaced();
	memcpy(h.magic, magic, sizeof magic);
	write_file(&h, sizeof h, sizeof(struct file) - 1);
	expect_replaced();
	write_file(&h, sizeof h, sizeof(struct file) + 1);
	expect_replaced();
	h.version++;
	write_file(&h, sizeof h, sizeof(struct file));
	expect_replaced();
	h.version--;
	h.slots_n /= 2;
	write_file(&h, sizeof h, sizeof(struct file));
	expect_replaced();
	h.slots_n *= 2;
	write_file(&h, sizeof h, sizeof(struct file)); /* this one is sound */
	struct rate_table *t = open_table(1, 60 * S);

	assert_memory_equal(t->file->header.hash_key, h.hash_key, sizeof h.hash_key);
	rate_close(t);
}

static void leaves_a_replaced_file_to_who_has_it(void **state)
{
	struct rate_table *old = open_table(2, 60 * S);

	(void)state;
	assert_true(take(old, "k").allowed);
	old->file->header.version++; /* as a process of another release finds it */
	struct rate_table *new = open_table(2, 60 * S);

	assert_int_equal(take(new, "k").remaining, 1);
	assert_int_equal(take(old, "k").remaining, 0);
	assert_int_equal(take(new, "k").remaining, 0);
	rate_close(old);
	rate_close(new);
}

static void hashes_with_a_key_of_its_own(void **state)
{
	uint64_t a, b;
	struct rate_table *t = open_table(1, 60 * S);

	(void)state;
	assert_true(hash_of(t, "sub:alice", &a));
	assert_true(hash_of(t, "sub:alice", &b));
	assert_true(a == b);
	assert_true(hash_of(t, "sub:alicf", &b));
	assert_true(a != b);
	rate_close(t);
	unlink(path);
	t = open_table(1, 60 * S);
	assert_true(hash_of(t, "sub:alice", &b));
	assert_true(a != b);
	rate_close(t);
}

/* ---- slots */

/* The neighbourhood of a key, taken by others; the one at `i` has begun i * 37 mod 16 ms ago. */
static struct slot *neighbour(struct rate_table *t, uint64_t h, int i)
{
	return &t->file->slots[(h + (uint64_t)i) % RATE_SLOTS];
}

static void fill_neighbourhood(struct rate_table *t, uint64_t h)
{
	int64_t now = test_clock() / 1000;

	for (int i = 0; i < RATE_PROBES; i++) {
		neighbour(t, h, i)->hash = h + 1 + (uint64_t)i;
		neighbour(t, h, i)->state =
			(uint64_t)(now - i * 37 % RATE_PROBES) << COUNT_BITS | 5;
	}
}

static void takes_the_oldest_when_all_are_in_use(void **state)
{
	struct rate_table *t = open_table(2, 60 * S);
	uint64_t h;

	(void)state;
	assert_true(hash_of(t, "k", &h));
	fill_neighbourhood(t, h);
	assert_int_equal(take(t, "k").remaining, 1);
	for (int i = 0; i < RATE_PROBES; i++)
		assert_int_equal(
			neighbour(t, h, i)->hash == h, i * 37 % RATE_PROBES == RATE_PROBES - 1);
	assert_int_equal(take(t, "k").remaining, 0);
	assert_false(take(t, "k").allowed);
	rate_close(t);
}

static void takes_a_passed_window_before_the_oldest(void **state)
{
	struct rate_table *t = open_table(2, 60 * S);
	uint64_t h;

	(void)state;
	assert_true(hash_of(t, "k", &h));
	fill_neighbourhood(t, h);
	neighbour(t, h, 9)->state = (uint64_t)(test_clock() / 1000 - 60000) << COUNT_BITS | 2;
	assert_int_equal(take(t, "k").remaining, 1);
	assert_true(neighbour(t, h, 9)->hash == h);
	rate_close(t);
}

static void gives_way_to_who_is_faster(void **state)
{
	struct rate_table *t = open_table(2, 60 * S);
	struct slot *s = &t->file->slots[7];
	struct rate r;

	(void)state;
	s->hash = 1;
	s->state = 5;
	assert_false(take_over(s, 1, 4, 9)); /* counted meanwhile */
	assert_true(s->hash == 1 && s->state == 5);
	assert_false(take_over(s, 2, 5, 9)); /* taken over meanwhile */
	assert_true(s->hash == 1 && s->state == 0);
	assert_false(count(t, s, 9, test_clock() / 1000, &r));
	assert_true(s->state == 0);
	rate_close(t);
}

/* Twice as many keys as slots: everybody is served, and who asks often is held to the limit. */
static void stands_a_full_table(void **state)
{
	struct rate_table *t = open_table(5, 60 * S);
	char key[32];
	int64_t allowed = 0;

	(void)state;
	for (int i = 0; i < 2 * RATE_SLOTS; i++) {
		assert_true(snprintf(key, sizeof key, "addr:%d", i) > 0);
		if (i % 100 == 0)
			shared->now_us += 1000;
		if (!take(t, key).allowed)
			fail_msg("%s refused", key);
	}
	for (int i = 0; i < 20; i++)
		allowed += take(t, "sub:busy").allowed;
	assert_int_equal(allowed, 5);
	rate_close(t);
}

/* ---- many processes */

static void is_exact_between_processes(void **state)
{
	char key[32];

	(void)state;
	shared->hesitating = 1;
	for (int round = 0; round < 20; round++) {
		assert_true(snprintf(key, sizeof key, "round:%d", round / 2) > 0);
		assert_int_equal(hammer(key, 1000, 400), 1000);
		assert_int_equal(hammer(key, 1000, 10), 0);
		shared->now_us += 60 * S; /* the next window, then the next key */
	}
}

/* All ask for the same keys in the same order, so that they meet in slots that none has yet. */
static void is_exact_for_many_new_keys(void **state)
{
	char key[32];

	(void)state;
	shared->hesitating = 1;
	before_fork();
	for (int i = 0; i < PROCESSES; i++) {
		if (fork())
			continue;
		wait_for_go();
		struct rate_table *t = rate_open(path, LIMIT, 60 * S, NULL);

		for (int n = 0; t && n < KEYS * LIMIT; n++) {
			if (snprintf(key, sizeof key, "k%d", n / LIMIT) < 0)
				_exit(4);
			shared->of_key[n / LIMIT] += take(t, key).allowed;
		}
		rate_close(t);
		_exit(t ? 0 : 3);
	}
	go();
	join_all();
	for (int i = 0; i < KEYS; i++)
		if (shared->of_key[i] != LIMIT)
			fail_msg("k%d: %d", i, shared->of_key[i]);
}

/* All of them find no file, or a bad one, at the same time: they must end up in the same. */
static void is_exact_when_all_make_the_file(void **state)
{
	(void)state;
	shared->hesitating = 1;
	for (int round = 0; round < 30; round++) {
		unlink(path);
		if (round % 2)
			write_file("no table", 8, 100);
		assert_int_equal(hammer("k", 100, 40), 100);
	}
}

/* What may stand in a slot, whenever its writers died. */
static void check_slots(const struct rate_table *t, int64_t limit)
{
	int64_t now = test_clock() / 1000;

	for (int i = 0; i < RATE_SLOTS; i++) {
		uint64_t hash = t->file->slots[i].hash, s = t->file->slots[i].state;

		if (count_of(s) > limit || start_of(s) > now || (s && !hash))
			fail_msg("slot %d: hash %llx state %llx", i, (unsigned long long)hash,
				(unsigned long long)s);
	}
}

/* A child of the next test: counts for keys of which there are more than slots near them, for ever.
 */
static _Noreturn void churn(unsigned seed)
{
	struct rate_table *t = rate_open(path, 50, S, NULL);
	char key[32];

	if (!t)
		_exit(3);
	for (;;) {
		if (snprintf(key, sizeof key, "k%d", rand_r(&seed) % (2 * RATE_SLOTS)) < 0)
			_exit(4);
		take(t, key);
	}
}

static void survives_kill_at_any_time(void **state)
{
	unsigned seed = 1;

	(void)state;
	shared->flowing = 1;
	for (int round = 0; round < 60; round++) {
		pid_t children[4];

		for (int i = 0; i < 4; i++) {
			children[i] = fork();
			if (!children[i])
				churn((unsigned)(round * 4 + i));
		}
		usleep((useconds_t)(rand_r(&seed) % 20000));
		for (int i = 0; i < 4; i++) {
			int status;

			assert_int_equal(kill(children[i], SIGKILL), 0);
			assert_int_equal(waitpid(children[i], &status, 0), children[i]);
			assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		}
		struct rate_table *t = open_table(50, S);

		check_slots(t, 50);
		rate_close(t);
	}
	shared->flowing = 0;
	shared->now_us += INT64_C(1000000) * S;
	assert_int_equal(hammer("k1", 1000, 400), 1000);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, set_up_test)
	const struct CMUnitTest tests[] = {
		TEST(counts_down_and_refuses),
		TEST(begins_a_window_with_the_first_request),
		TEST(stands_a_clock_behind_the_window),
		TEST(allows_all_without_a_limit),
		TEST(counts_to_the_largest_limit),
		TEST(refuses_what_it_cannot_keep),
		TEST(replaces_files_of_another_kind),
		TEST(leaves_a_replaced_file_to_who_has_it),
		TEST(hashes_with_a_key_of_its_own),
		TEST(takes_the_oldest_when_all_are_in_use),
		TEST(takes_a_passed_window_before_the_oldest),
		TEST(gives_way_to_who_is_faster),
		TEST(stands_a_full_table),
		TEST(is_exact_between_processes),
		TEST(is_exact_for_many_new_keys),
		TEST(is_exact_when_all_make_the_file),
		TEST(survives_kill_at_any_time),
	};

	shared = mmap(
		NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || !mkdtemp(dir) ||
		snprintf(path, sizeof path, "%s/rate", dir) < 0)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	unlink(path);
	return rmdir(dir) ? 1 : failed;
}
