/*
 * The cache in a real Redis: what it keeps and for how long, and that nothing that can happen to the server is more than a miss.
 * Includes the sources, so that the clock can be set. Servers of the test's own answer what no Redis would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/job/cache_store.h"
#include "tests/unit/redis_server.h"

static int64_t ahead_us;  /* how far the cache's clock is ahead */
static int64_t stands_us; /* what it says as long as it stands; 0: it goes */

static int64_t test_clock(void)
{
	return (stands_us ? stands_us : clock_monotonic_us()) + ahead_us;
}

/* A busy machine may keep a server from answering for longer than a request would wait. */
enum { PATIENT_MS = 20000, WAIT_MS = CACHE_WAIT_MS };
static int wait_ms;

#undef CACHE_WAIT_MS
#define CACHE_WAIT_MS      wait_ms
#define clock_monotonic_us test_clock
#include "lib/job/cache.c"
#include "lib/job/cache_redis.c"
#undef clock_monotonic_us

#ifdef HAVE_HIREDIS

enum { MB = 1024 * 1024, PATIENCE_S = 300 };

#define KEY   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char dir[] = "/tmp/sluice-cache-XXXXXX", log_path[64], other_path[64], address[128];
static pid_t other; /* a server that is no Redis; 0: none */
static struct redis_server server;
static struct settings settings;
static struct cache *cache;

static void open_cache(const char *redis)
{
	struct err e = { 0 };

	settings.cache_redis = redis;
	if (cache_open(&cache, &settings, &e) < 0)
		fail_msg("%s", e.text);
	assert_non_null(cache);
}

static void start(bool tcp, const char *const *options)
{
	redis_server_start(&server, dir, tcp, options);
	snprintf(address, sizeof address, "unix:%s", server.socket);
}

static int begin(void **state)
{
	(void)state;
	settings = (struct settings){ .cache_keep_us = 600 * INT64_C(1000000),
		.cache_max_bytes = 4 * MB,
		.metadata_database = "" };
	ahead_us = stands_us = 0;
	wait_ms = PATIENT_MS;
	/* A call that never returns is a failure too. */
	alarm(PATIENCE_S);
	return log_open(log_path, LOG_WARN);
}

static void stop_other(void)
{
	if (other <= 0)
		return;
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	unlink(other_path);
	other = 0;
}

static int end(void **state)
{
	(void)state;
	cache_close(cache);
	cache = NULL;
	redis_server_kill(&server);
	stop_other();
	unlink(log_path);
	alarm(0);
	return 0;
}

static int begin_with_server(void **state)
{
	begin(state);
	start(false, NULL);
	open_cache(address);
	return 0;
}

static bool holds(const char *key, const void *expected, size_t len)
{
	struct buf b = { 0 };

	buf_puts(&b, "before");
	bool found = cache_get(cache, key, &b);

	assert_int_equal(b.len, 6 + (found ? len : 0));
	assert_memory_equal(b.data, "before", 6);
	if (found && len)
		assert_memory_equal(b.data + 6, expected, len);
	buf_free(&b);
	return found;
}

static bool keeps(const char *key)
{
	cache_put(cache, key, "value", 5);
	return holds(key, "value", 5);
}

static char *random_value(size_t len)
{
	char *value = mem_alloc(len, 1);

	for (size_t i = 0; i < len; i++)
		value[i] = (char)(rand() >> 7);
	return value;
}

/* Lines of the cache's log. */
static int log_lines(const char *with)
{
	char line[1024];
	int n = 0;
	FILE *f = fopen(log_path, "r");

	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		assert_null(strstr(line, "sesame"));
		n += strstr(line, with) != NULL;
	}
	fclose(f);
	return n;
}

static void pass_breaker(void)
{
	ahead_us += DOWN_MS * INT64_C(1000);
}

/* ---- what is kept */

static void test_values(void **state)
{
	const size_t lens[] = { 0, 1, 4095, 16384, 300000, 4 * MB };

	(void)state;
	assert_false(holds(KEY, NULL, 0));
	for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		char *value = random_value(lens[i]);

		cache_put(cache, KEY, value, lens[i]);
		assert_true(holds(KEY, value, lens[i]));
		assert_true(holds(KEY, value, lens[i]));
		assert_false(holds(OTHER, NULL, 0));
		free(value);
	}
	cache_put(cache, KEY, "a\0\r\nb", 5);
	assert_true(holds(KEY, "a\0\r\nb", 5));
	assert_string_equal(redis_server_says(&server, "KEYS '*'"), "sluice:q:" KEY);
	assert_string_equal(redis_server_says(&server, "STRLEN sluice:q:" KEY), "5");
	assert_int_equal(log_lines(""), 0);
}

static void test_keep(void **state)
{
	(void)state;
	assert_true(keeps(KEY));
	long left_ms = strtol(redis_server_says(&server, "PTTL sluice:q:" KEY), NULL, 10);

	assert_in_range(left_ms, 600000 - PATIENCE_S * 1000, 600000);
	cache_close(cache);
	settings.cache_keep_us = 50 * 1000;
	open_cache(address);
	cache_put(cache, KEY, "value", 5);
	while (holds(KEY, "value", 5)) /* or the alarm rings */
		usleep(10000);
	/* Less than Redis can count. */
	cache_close(cache);
	settings.cache_keep_us = 1;
	open_cache(address);
	cache_put(cache, KEY, "value", 5);
	assert_int_equal(log_lines(""), 0);
}

static void test_too_large(void **state)
{
	(void)state;
	cache_close(cache);
	settings.cache_max_bytes = 5;
	open_cache(address);
	assert_true(keeps(KEY));
	cache_put(cache, OTHER, "values", 6);
	assert_string_equal(redis_server_says(&server, "DBSIZE"), "1");
	/* What somebody with another limit has put there; the server is asked on. */
	char *value = random_value(MB);

	settings.cache_max_bytes = MB;
	cache_put(cache, OTHER, value, MB);
	assert_false(holds(OTHER, NULL, 0));
	assert_true(holds(KEY, "value", 5));
	assert_int_equal(log_lines("cache.max_bytes"), 1);
	free(value);
}

/* ---- what happens to servers */

static void test_restarted(void **state)
{
	(void)state;
	assert_true(keeps(KEY));
	redis_server_kill(&server);
	start(false, NULL);
	/* Nobody has waited meanwhile, so nobody need wait now. */
	assert_false(holds(KEY, NULL, 0));
	assert_true(keeps(KEY));
	assert_string_equal(redis_server_says(&server, "CLIENT KILL TYPE normal SKIPME yes"), "1");
	assert_true(holds(KEY, "value", 5));
	assert_int_equal(log_lines(""), 0);
}

static void test_down(void **state)
{
	(void)state;
	stands_us = clock_monotonic_us(); /* however long a server takes to start */
	assert_true(keeps(KEY));
	redis_server_kill(&server);
	assert_false(holds(KEY, NULL, 0));
	start(false, NULL);
	/* Nothing is tried for a time, neither way. */
	assert_false(keeps(KEY));
	assert_string_equal(redis_server_says(&server, "DBSIZE"), "0");
	pass_breaker();
	assert_true(keeps(KEY));
	assert_int_equal(log_lines("the cache is down"), 1);
	/* One line, however often. */
	redis_server_kill(&server);
	for (int i = 0; i < 3; i++, pass_breaker())
		assert_false(holds(KEY, NULL, 0));
	assert_int_equal(log_lines("the cache is down"), 1);
	ahead_us += QUIET_MS * INT64_C(1000);
	assert_false(holds(KEY, NULL, 0));
	assert_int_equal(log_lines("the cache is down"), 2);
}

/* The call under way is given up, those that follow are not begun: the server, awake again, would have answered. */
static void test_hangs(void **state)
{
	char *value = random_value(4 * MB);

	(void)state;
	for (int what = 0; what < 4; what++) {
		assert_true(keeps(KEY));
		if (what >= 2) { /* not connected */
			cache_close(cache);
			open_cache(address);
		}
		kill(server.pid, SIGSTOP);
		wait_ms = WAIT_MS;
		if (what % 2)
			cache_put(cache, OTHER, value, 4 * MB);
		else
			assert_false(holds(KEY, NULL, 0));
		kill(server.pid, SIGCONT);
		wait_ms = PATIENT_MS;
		assert_false(holds(KEY, NULL, 0));
		pass_breaker();
		assert_true(holds(KEY, "value", 5));
	}
	assert_int_equal(log_lines("no answer within the time limit"), 3);
	free(value);
}

static void test_full(void **state)
{
	const char *const options[] = { "--maxmemory", "16mb", "--maxmemory-policy", "noeviction",
		NULL };
	char *value = random_value(MB), key[] = KEY;
	int kept = 0;

	(void)state;
	start(false, options);
	open_cache(address);
	assert_true(keeps(OTHER));
	for (key[0] = 'g'; key[0] <= 'z'; key[0]++) {
		cache_put(cache, key, value, MB);
		kept += holds(key, value, MB);
	}
	assert_in_range(kept, 4, 16);
	assert_true(holds(OTHER, "value", 5));
	assert_int_equal(log_lines("OOM"), 1);
	free(value);
}

static void test_replica(void **state)
{
	(void)state;
	assert_true(keeps(KEY));
	assert_string_equal(redis_server_says(&server, "REPLICAOF 127.0.0.1 1"), "OK");
	assert_false(keeps(OTHER));
	assert_true(holds(KEY, "value", 5));
	assert_int_equal(log_lines("READONLY"), 1);
}

/* ---- who may ask */

static void test_password(void **state)
{
	static const struct {
		const char *before, *after; /* the port */
		const char *refused;        /* NULL: it is not */
	} cases[] = {
		{ "redis://:open%20sesame%2f@127.0.0.1:", "", NULL },
		{ "redis://:open%20sesame%2f@localhost:", "/3", NULL },
		{ "redis://default:open%20sesame%2f@127.0.0.1:", "/", NULL },
		{ "redis://:sesame@127.0.0.1:", "", "WRONGPASS" },
		{ "redis://nobody:open%20sesame%2f@127.0.0.1:", "", "WRONGPASS" },
		{ "redis://:open%20sesame%2f@127.0.0.1:", "/99", "out of range" },
		{ "redis://127.0.0.1:", "", "NOAUTH" },
	};
	const char *const options[] = { "--requirepass", "open sesame/", NULL };

	(void)state;
	start(true, options);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(address, sizeof address, "%s%d%s", cases[i].before, server.port,
			cases[i].after);
		open_cache(address);
		assert_int_equal(keeps(KEY), cases[i].refused == NULL);
		assert_int_equal(log_lines(cases[i].refused ? cases[i].refused : "{"),
			cases[i].refused != NULL);
		cache_close(cache);
		cache = NULL;
		assert_int_equal(truncate(log_path, 0), 0);
	}
	setenv("REDISCLI_AUTH", "open sesame/", 1);
	assert_string_equal(redis_server_says(&server, "-n 3 EXISTS sluice:q:" KEY), "1");
	unsetenv("REDISCLI_AUTH");
}

/* ---- servers that are none */

struct answer {
	const char *text;
	int then; /* '.': one byte after the other, without an end; 'x': as fast as it can; 'c': close */
	bool is_down; /* the cache, after that */
};

static void answer_all(int listener, const struct answer *a)
{
	char in[1024], more[4096];

	memset(more, 'x', sizeof more);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		bool is_open = true;

		while (is_open && read(fd, in, sizeof in) > 0)
			is_open = write(fd, a->text, strlen(a->text)) >= 0 && !a->then;
		while (a->then != 'c' && write(fd, more, a->then == '.' ? 1 : sizeof more) > 0)
			usleep(a->then == '.' ? 20000 : 0);
		close(fd);
	}
}

static void serve(const struct answer *a)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(to.sun_path, sizeof to.sun_path, "%s", other_path);
	assert_int_equal(bind(listener, (struct sockaddr *)&to, sizeof to), 0);
	assert_int_equal(listen(listener, 8), 0);
	other = fork();
	assert_true(other >= 0);
	if (other == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		answer_all(listener, a);
	}
	close(listener);
}

static void test_odd_answers(void **state)
{
	static const struct answer answers[] = {
		{ "$1000\r\n", '.', true },
		{ "$1000000000\r\n", 'x', false },
		{ "$5\r\nval", 'c', true },
		{ "", 'c', true },
		{ "hello\r\n", 0, true },
		{ "", 0, true },
		{ "-LOADING Redis is loading the dataset in memory\r\n", 0, false },
		{ "-NOPERM this user has no permissions\r\n", 0, false },
		{ "*0\r\n", 0, false },
		{ ":5\r\n", 0, false },
	};

	(void)state;
	snprintf(address, sizeof address, "unix:%s", other_path);
	for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
		wait_ms = answers[i].is_down ? WAIT_MS : PATIENT_MS;
		serve(&answers[i]);
		open_cache(address);
		assert_false(holds(KEY, NULL, 0));
		assert_int_equal(is_down(cache), answers[i].is_down);
		pass_breaker();
		cache_put(cache, KEY, "value", 5);
		assert_int_equal(is_down(cache), answers[i].is_down);
		cache_close(cache);
		cache = NULL;
		stop_other();
	}
}

/* ---- what the configuration says */

static void test_addresses(void **state)
{
	static const struct {
		const char *text, *host;
		int port;
		const char *user, *password, *db, *path;
	} cases[] = {
		{ "redis://h", "h", 6379, NULL, NULL, NULL, NULL },
		{ "redis://h.example:1/0", "h.example", 1, NULL, NULL, "0", NULL },
		{ "redis://[::1]:7/15", "::1", 7, NULL, NULL, "15", NULL },
		{ "redis://u:p%40%3a@10.0.0.1", "10.0.0.1", 6379, "u", "p@:", NULL, NULL },
		{ "redis://:p@h:65535/", "h", 65535, NULL, "p", NULL, NULL },
		{ "unix:/run/redis/redis.sock", NULL, 0, NULL, NULL, NULL,
			"/run/redis/redis.sock" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err e = { 0 };

		settings.cache_redis = cases[i].text;
		struct redis_store *s = (struct redis_store *)cache_redis_open(&settings, &e);
		const char *pairs[][2] = { { s->host, cases[i].host }, { s->user, cases[i].user },
			{ s->password, cases[i].password }, { s->db, cases[i].db },
			{ s->path, cases[i].path } };

		for (int j = 0; j < 5; j++)
			if (!pairs[j][1])
				assert_null(pairs[j][0]);
			else
				assert_string_equal(pairs[j][0], pairs[j][1]);
		assert_int_equal(s->port, cases[i].port);
		close_store(&s->base);
	}
}

static void test_bad_addresses(void **state)
{
	static const char *const bad[] = { "sesame", "redis:", "redis://", "redis:///0", "redis:h",
		"redis://:sesame@", "rediss://h", "http://h", "redis://h/a", "redis://h/1/2",
		"redis://h/-1", "redis://h/?sesame", "redis://h/0#sesame", "redis://h:65536",
		"redis://h:sesame", "redis://sesame@h", "unix:", "unix:redis.sock",
		("unix:/long/long/long/long/long/long/long/long/long/long/long/long/long/long/"
		 "long/long/long/long/long/long/long/long") };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct err e = { 0 };

		settings.cache_redis = bad[i];
		if (cache_open(&cache, &settings, &e) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(e.code, ERR_CONFIG);
		assert_non_null(strstr(e.text, "cache.redis: must be"));
		assert_null(strstr(e.text, "sesame"));
		assert_null(cache);
	}
}

static void test_nothing_kept(void **state)
{
	struct buf b = { 0 };
	struct err e = { 0 };

	(void)state;
	settings.cache_redis = "";
	assert_int_equal(cache_open(&cache, &settings, &e), 0);
	assert_null(cache);
	settings.cache_redis = "unix:/nowhere";
	settings.cache_keep_us = 0;
	assert_int_equal(cache_open(&cache, &settings, &e), 0);
	assert_null(cache);
	cache_put(cache, KEY, "value", 5);
	assert_false(cache_get(cache, KEY, &b));
	cache_close(cache);
}

int main(void)
{
	const struct CMUnitTest with_server[] = {
		cmocka_unit_test_setup_teardown(test_values, begin_with_server, end),
		cmocka_unit_test_setup_teardown(test_keep, begin_with_server, end),
		cmocka_unit_test_setup_teardown(test_too_large, begin_with_server, end),
		cmocka_unit_test_setup_teardown(test_restarted, begin_with_server, end),
		cmocka_unit_test_setup_teardown(test_down, begin_with_server, end),
		cmocka_unit_test_setup_teardown(test_hangs, begin_with_server, end),
		cmocka_unit_test_setup_teardown(test_replica, begin_with_server, end),
		cmocka_unit_test_setup_teardown(test_full, begin, end),
		cmocka_unit_test_setup_teardown(test_password, begin, end),
	};
	const struct CMUnitTest without[] = {
		cmocka_unit_test_setup_teardown(test_odd_answers, begin, end),
		cmocka_unit_test_setup_teardown(test_addresses, begin, end),
		cmocka_unit_test_setup_teardown(test_bad_addresses, begin, end),
		cmocka_unit_test_setup_teardown(test_nothing_kept, begin, end),
	};
	int failed;

	if (!mkdtemp(dir))
		return EXIT_FAILURE;
	snprintf(log_path, sizeof log_path, "%s/log", dir);
	snprintf(other_path, sizeof other_path, "%s/other.sock", dir);
	failed = cmocka_run_group_tests(without, NULL, NULL);
	if (redis_server_is_installed())
		failed += cmocka_run_group_tests(with_server, NULL, NULL);
	else
		print_message("no redis-server (etc/packages): not tested with one\n");
	return rmdir(dir) || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#else

static void test_no_redis(void **state)
{
	struct settings settings = { .cache_keep_us = 1, .cache_redis = "unix:/run/redis.sock" };
	struct cache *cache;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(cache_open(&cache, &settings, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
	assert_string_equal(e.text, "cache.redis: this build has no Redis (hiredis)");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_no_redis) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
