/*
 * Key sets from an issuer that is slow, broken, down, or asked for what it does not have, by one
 * process or by many. Includes jwks.c, so that its clock can be put forward.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/access/token.h"
#include "lib/base/clock.h"

static int64_t test_clock(void);

#define clock_wall_us test_clock
#include "lib/access/jwks.c"
#undef clock_wall_us

#include "tests/unit/make_token.h"
#include "tests/unit/tls_server.h"

enum { MS = 1000, S = 1000000, PROCESSES = 4 };

static char dir[] = "/tmp/sluice-jwks-XXXXXX";
static char state_dir[64], ca_path[64], file_path[64], setting[128];
static const char *set_1, *set_2, *set_12; /* with key "one", with key "two", with both */
static EVP_PKEY *one, *two;
static struct settings settings;
static struct tls_server server;
static struct arena kept, a;

static int64_t ahead_us; /* of the real time; of this process and those it makes */

static int64_t test_clock(void)
{
	return clock_wall_us() + ahead_us;
}

static struct jwks *open_set(void)
{
	struct err e = { 0 };
	struct jwks *j = jwks_open(&settings, &e);

	if (!j)
		fail_msg("%s", e.text);
	return j;
}

static enum err_code find(struct jwks *j, const char *kid)
{
	struct err e = { 0 };
	const struct jwk *k = jwks_find(j, kid, JWK_ES256, &e);

	if (k && strcmp(k->kid, kid) != 0)
		return ERR_INTERNAL;
	return k ? ERR_NONE : e.code;
}

/* As a process that has just been started. */
static enum err_code find_anew(const char *kid)
{
	struct jwks *j = open_set();
	enum err_code code = find(j, kid);

	jwks_close(j);
	return code;
}

static void empty_state(void)
{
	DIR *d = opendir(state_dir);

	assert_non_null(d);
	for (struct dirent *f; (f = readdir(d));)
		if (f->d_name[0] != '.')
			assert_int_equal(unlinkat(dirfd(d), f->d_name, 0), 0);
	closedir(d);
}

/* The path of the one file in state.dir with that suffix; NULL when there is none. */
static const char *state_file(const char *suffix)
{
	DIR *d = opendir(state_dir);
	const char *path = NULL;

	assert_non_null(d);
	for (struct dirent *f; (f = readdir(d));)
		if (strstr(f->d_name, suffix))
			path = arena_printf(&a, "%s/%s", state_dir, f->d_name);
	closedir(d);
	return path;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static void use_url(const char *path)
{
	assert_true(
		snprintf(setting, sizeof setting, "https://127.0.0.1:%d%s", server.port, path) > 0);
}

static int set_up_test(void **state)
{
	(void)state;
	ahead_us = 0;
	empty_state();
	use_url("/");
	settings.auth_jwks = setting;
	settings.auth_refresh_us = 60 * S;
	settings.auth_timeout_us = 30 * S;
	settings.auth_max_bytes = 65536;
	settings.auth_nbf = "required";
	settings.auth_ca = ca_path;
	settings.state_dir = state_dir;
	tls_server_answer(&server, TLS_BODY, set_1);
	return 0;
}

static int tear_down_test(void **state)
{
	(void)state;
	arena_free(&a);
	return 0;
}

/* ---- one process */

static void needs_a_file_of_authorities_that_is_there(void **state)
{
	struct err e = { 0 };

	(void)state;
	settings.auth_ca = "/tmp/sluice-no-such-file";
	assert_null(jwks_open(&settings, &e));
	assert_int_equal(e.code, ERR_CONFIG);
	assert_non_null(strstr(e.text, "auth.ca: /tmp/sluice-no-such-file"));
}

static void fetches_when_first_asked(void **state)
{
	(void)state;
	struct jwks *j = open_set();

	assert_int_equal(server.shared->requests, 0);
	assert_int_equal(find(j, "one"), ERR_NONE);
	assert_int_equal(find(j, "one"), ERR_NONE);
	assert_int_equal(server.shared->requests, 1);
	assert_non_null(strstr(server.shared->request, "GET / HTTP/1.1\r\n"));
	assert_non_null(strstr(server.shared->request, "\r\nAccept: application/jwk-set+json"));
	assert_int_equal(find_anew("one"), ERR_NONE); /* another process finds the file */
	assert_int_equal(server.shared->requests, 1);
	assert_null(state_file(".new"));
	jwks_close(j);
}

static void keeps_each_issuers_keys_apart(void **state)
{
	(void)state;
	assert_int_equal(find_anew("one"), ERR_NONE);
	use_url("/other");
	tls_server_answer(&server, TLS_BODY, set_2);
	assert_int_equal(find_anew("one"), ERR_UNAUTHORIZED);
	assert_int_equal(find_anew("two"), ERR_NONE);
	assert_int_equal(server.shared->requests, 1);
}

static void sees_new_keys_and_forgets_old_ones(void **state)
{
	(void)state;
	struct jwks *j = open_set(), *other = open_set();

	assert_int_equal(find(j, "one"), ERR_NONE);
	assert_int_equal(find(other, "one"), ERR_NONE);
	tls_server_answer(&server, TLS_BODY, set_12);
	assert_int_equal(find(j, "two"), ERR_UNAUTHORIZED); /* too early to ask again */
	assert_int_equal(server.shared->requests, 0);
	ahead_us += 60 * S;
	assert_int_equal(find(j, "two"), ERR_NONE);
	assert_int_equal(server.shared->requests, 1);
	assert_int_equal(find(other, "two"), ERR_NONE); /* by the file */
	assert_int_equal(server.shared->requests, 1);
	tls_server_answer(&server, TLS_BODY, set_2);
	ahead_us += 60 * S;
	assert_int_equal(find(other, "three"), ERR_UNAUTHORIZED);
	assert_int_equal(server.shared->requests, 1);
	assert_int_equal(find(j, "one"), ERR_UNAUTHORIZED);
	assert_int_equal(find(j, "two"), ERR_NONE);
	jwks_close(j);
	jwks_close(other);
}

/* A key that the issuer has withdrawn ends, though nobody asks for another. */
static void fetches_anew_with_age(void **state)
{
	(void)state;
	assert_int_equal(find_anew("one"), ERR_NONE);
	tls_server_answer(&server, TLS_BODY, set_2);
	ahead_us += JWKS_AGE_US - 10 * S;
	assert_int_equal(find_anew("one"), ERR_NONE);
	assert_int_equal(server.shared->requests, 0);
	ahead_us += 10 * S;
	tls_server_answer(&server, TLS_ERROR, set_2);
	assert_int_equal(find_anew("one"), ERR_NONE); /* better old than none */
	assert_int_equal(find_anew("one"), ERR_NONE);
	assert_int_equal(server.shared->requests, 1);
	tls_server_answer(&server, TLS_BODY, set_2);
	ahead_us += 60 * S;
	assert_int_equal(find_anew("one"), ERR_UNAUTHORIZED);
	assert_int_equal(find_anew("two"), ERR_NONE);
	assert_int_equal(server.shared->requests, 1);
}

static void has_none_until_the_issuer_is_up(void **state)
{
	(void)state;
	tls_server_answer(&server, TLS_ERROR, set_1);
	struct jwks *j = open_set();

	for (int i = 0; i < 10; i++)
		assert_int_equal(find(j, "one"), ERR_UNAVAILABLE);
	assert_int_equal(find_anew("one"), ERR_UNAVAILABLE);
	assert_int_equal(server.shared->requests, 1); /* a failure counts as well */
	tls_server_answer(&server, TLS_BODY, set_1);
	ahead_us += 60 * S;
	assert_int_equal(find(j, "one"), ERR_NONE);
	assert_int_equal(server.shared->requests, 1);
	jwks_close(j);
}

static void keeps_the_set_when_the_issuer_is_down(void **state)
{
	(void)state;
	settings.auth_refresh_us = 1;
	struct jwks *j = open_set();

	assert_int_equal(find(j, "one"), ERR_NONE);
	tls_server_stop(&server);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(find(j, "two"), ERR_UNAUTHORIZED);
		assert_int_equal(find(j, "one"), ERR_NONE);
		assert_int_equal(find_anew("one"), ERR_NONE);
	}
	jwks_close(j);
	tls_server_start(&server, "127.0.0.1", ca_path);
}

/* None of these may take the place of a set that works, nor be taken at all. */
static void expect_no_set(enum tls_answer answer, const char *body)
{
	int status;

	settings.auth_refresh_us = 1;
	tls_server_answer(&server, TLS_BODY, set_1);
	empty_state();
	assert_int_equal(find_anew("one"), ERR_NONE);
	tls_server_answer(&server, answer, body);
	assert_int_equal(find_anew("two"), ERR_UNAUTHORIZED);
	assert_int_equal(find_anew("one"), ERR_NONE);
	empty_state();
	status = find_anew("two");
	assert_int_equal(status, ERR_UNAVAILABLE);
	assert_null(state_file(".json"));
	assert_null(state_file(".new"));
}

static void takes_sound_answers_only(void **state)
{
	(void)state;
	expect_no_set(TLS_ERROR, set_2);
	expect_no_set(TLS_CUT, set_2);
	expect_no_set(TLS_BODY, "");
	expect_no_set(TLS_BODY, "<html>");
	expect_no_set(TLS_BODY, "{\"keys\":[]}");
	expect_no_set(TLS_BODY, "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"two\",\"k\":\"AAAA\"}]}");
	expect_no_set(TLS_BODY, arena_printf(&a, "%s%s", set_2, set_2));
	settings.auth_refresh_us = 1;
	tls_server_answer(&server, TLS_CHUNKED, set_2);
	assert_int_equal(find_anew("two"), ERR_NONE);
}

static void bounds_the_size(void **state)
{
	const char *padded =
		arena_printf(&a, "%s%*s", set_2, TLS_BODY_MAX - (int)strlen(set_2), "");

	(void)state;
	settings.auth_max_bytes = TLS_BODY_MAX - 1;
	expect_no_set(TLS_BODY, padded);
	expect_no_set(TLS_CHUNKED, padded);
	settings.auth_max_bytes = TLS_BODY_MAX;
	tls_server_answer(&server, TLS_BODY, padded);
	assert_int_equal(find_anew("two"), ERR_NONE);
}

static void redirect_to(const char *location)
{
	size_t len = strlen(location) + 1;

	assert_true(len <= sizeof server.shared->location);
	memcpy(server.shared->location, location, len);
}

static void stays_with_https(void **state)
{
	const char *elsewhere[] = {
		arena_printf(&a, "http://127.0.0.1:%d/other", server.port),
		arena_printf(&a, "ftp://127.0.0.1:%d/other", server.port),
		arena_printf(&a, "file://%s", file_path), "/", /* without end */
	};

	(void)state;
	write_file(file_path, set_2);
	for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++) {
		redirect_to(elsewhere[i]);
		expect_no_set(TLS_REDIRECT, set_2);
	}
	redirect_to("/other");
	tls_server_answer(&server, TLS_REDIRECT, set_2);
	assert_int_equal(find_anew("two"), ERR_NONE);
	assert_int_equal(server.shared->requests, 2);
}

static void verifies_the_issuers_certificate(void **state)
{
	struct tls_server wrong = { 0 };
	char wrong_ca[80], ours[128];

	(void)state;
	assert_true(snprintf(wrong_ca, sizeof wrong_ca, "%s/wrong.pem", dir) > 0);
	tls_server_start(&wrong, "127.0.0.2", wrong_ca);
	tls_server_answer(&wrong, TLS_BODY, set_1);
	memcpy(ours, setting, sizeof ours);
	assert_true(snprintf(setting, sizeof setting, "https://127.0.0.1:%d/", wrong.port) > 0);
	settings.auth_ca = wrong_ca; /* trusted, but another host's */
	assert_int_equal(find_anew("one"), ERR_UNAVAILABLE);
	memcpy(setting, ours, sizeof ours); /* the right host, but not trusted */
	assert_int_equal(find_anew("one"), ERR_UNAVAILABLE);
	empty_state();
	settings.auth_ca = ""; /* the system's */
	assert_int_equal(find_anew("one"), ERR_UNAVAILABLE);
	assert_int_equal(server.shared->requests + wrong.shared->requests, 0);
	empty_state();
	settings.auth_ca = ca_path;
	assert_int_equal(find_anew("one"), ERR_NONE);
	tls_server_stop(&wrong);
	assert_int_equal(unlink(wrong_ca), 0);
}

static void waits_no_longer_than_it_may(void **state)
{
	int64_t begin = clock_monotonic_us();

	(void)state;
	settings.auth_timeout_us = 2 * S; /* enough for the server to see that it is asked */
	tls_server_answer(&server, TLS_STALL, set_1);
	assert_int_equal(find_anew("one"), ERR_UNAVAILABLE);
	assert_in_range(clock_monotonic_us() - begin, 1900 * MS, 30 * S);
	assert_int_equal(find_anew("one"), ERR_UNAVAILABLE); /* not due */
	assert_int_equal(server.shared->requests, 1);
	tls_server_answer(&server, TLS_BODY, set_1);
}

static void mends_a_bad_state(void **state)
{
	int64_t tomorrow = clock_wall_us() + INT64_C(86400) * 1000000;

	(void)state;
	assert_int_equal(find_anew("one"), ERR_NONE);
	const char *lock = state_file(".lock"), *json = state_file(".json");

	write_file(json, "{\"keys\":[{\"kty");
	write_file(lock, "");
	assert_int_equal(find_anew("one"), ERR_NONE);
	assert_int_equal(server.shared->requests, 2);
	/* An attempt noted before the clock was set back. */
	assert_int_equal(unlink(json), 0);
	int fd = open(lock, O_WRONLY | O_CLOEXEC);

	assert_int_equal(write(fd, &tomorrow, sizeof tomorrow), sizeof tomorrow);
	assert_int_equal(close(fd), 0);
	assert_int_equal(find_anew("one"), ERR_NONE);
	assert_int_equal(server.shared->requests, 3);
}

/* ---- many processes */

static int join_all(void)
{
	int status, ended_well = 0;

	while (wait(&status) > 0 || errno == EINTR)
		ended_well += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return ended_well;
}

/* The TLS server is a child as well: those that count here are children of a child. */
static int run(int (*work)(int i))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < PROCESSES; i++)
			if (fork() == 0)
				_exit(work(i));
		_exit(join_all());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int find_one(int i)
{
	struct err e = { 0 };
	struct jwks *j = jwks_open(&settings, &e);

	(void)i;
	return !j || find(j, "one") != ERR_NONE;
}

/* All need the set at once, and no process has it: one fetches, the others wait for it. */
static void fetches_once_for_all(void **state)
{
	(void)state;
	for (int round = 0; round < 10; round++) {
		empty_state();
		tls_server_answer(&server, TLS_BODY, set_1);
		assert_int_equal(run(find_one), PROCESSES);
		assert_int_equal(server.shared->requests, 1);
	}
}

/* With tokens that name keys at random: refused all of them, and a good one in between accepted. */
static int flood(int i)
{
	const char *payload =
		"{\"iss\":\"i\",\"aud\":\"a\",\"sub\":\"s\",\"exp\":9999999999,\"nbf\":0}";
	struct err e = { 0 };
	struct verifier *v = verifier_new(&settings, &e);
	struct principal p;
	const char *good = make_token(&a, one, "{\"alg\":\"ES256\",\"kid\":\"one\"}", payload);

	for (int n = 0; v && n < 200; n++) {
		const char *header = arena_printf(
			&a, "{\"alg\":\"ES256\",\"kid\":\"%08lx-%d\"}", random(), i * 1000 + n);
		const char *bad = make_token(&a, one, header, payload);

		if (verifier_check(v, arena_printf(&a, "Bearer %s", bad), &a, &p, &e) == 0 ||
			e.code != ERR_UNAUTHORIZED)
			return 1;
		if (verifier_check(v, arena_printf(&a, "Bearer %s", good), &a, &p, &e))
			return 2;
	}
	return v ? 0 : 3;
}

static void asks_once_whatever_kids_come(void **state)
{
	(void)state;
	assert_int_equal(run(flood), PROCESSES);
	assert_int_equal(server.shared->requests, 1);
	assert_int_equal(run(flood), PROCESSES); /* not due again */
	assert_int_equal(server.shared->requests, 1);
	const char *lock = state_file(".lock");

	write_file(lock, ""); /* due */
	assert_int_equal(run(flood), PROCESSES);
	assert_int_equal(server.shared->requests, 2);
	write_file(lock, "");
	tls_server_answer(&server, TLS_ERROR, set_1);
	assert_int_equal(run(flood), PROCESSES);
	assert_int_equal(server.shared->requests, 1);
}

/* Killed while it fetches: the lock is free at once, the attempt counts. */
static void survives_kill_while_fetching(void **state)
{
	(void)state;
	tls_server_answer(&server, TLS_STALL, set_1);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(find_one(0));
	while (!server.shared->requests)
		usleep(2 * MS);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	int64_t begin = clock_monotonic_us();

	assert_int_equal(find_anew("one"), ERR_UNAVAILABLE);
	assert_true(clock_monotonic_us() - begin < 20 * S); /* the lock is not waited for */
	assert_int_equal(server.shared->requests, 1);
	tls_server_answer(&server, TLS_BODY, set_1);
	ahead_us += 60 * S;
	assert_int_equal(find_anew("one"), ERR_NONE);
}

/* ---- */

static int set_up(void **state)
{
	static const char *algorithms[] = { "ES256" };

	(void)state;
	assert_int_equal(log_open(NULL, LOG_ERROR), 0);
	assert_int_equal(setenv("no_proxy", "127.0.0.1", 1), 0);
	assert_non_null(mkdtemp(dir));
	assert_true(snprintf(state_dir, sizeof state_dir, "%s/state", dir) > 0);
	assert_true(snprintf(ca_path, sizeof ca_path, "%s/ca.pem", dir) > 0);
	assert_true(snprintf(file_path, sizeof file_path, "%s/jwks.json", dir) > 0);
	assert_int_equal(mkdir(state_dir, 0700), 0);
	one = make_ec_key("P-256");
	two = make_ec_key("P-256");
	const char *jwk_1 = make_jwk(&kept, one, "one", ""),
		   *jwk_2 = make_jwk(&kept, two, "two", "");

	set_1 = arena_printf(&kept, "{\"keys\":[%s]}", jwk_1);
	set_2 = arena_printf(&kept, "{\"keys\":[%s]}", jwk_2);
	set_12 = arena_printf(&kept, "{\"keys\":[%s,%s]}", jwk_1, jwk_2);
	settings = (struct settings){
		.auth_issuer = "i",
		.auth_audience = "a",
		.auth_algorithms = { algorithms, 1 },
	};
	tls_server_start(&server, "127.0.0.1", ca_path);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	tls_server_stop(&server);
	empty_state();
	arena_free(&kept);
	EVP_PKEY_free(one);
	EVP_PKEY_free(two);
	return unlink(ca_path) || unlink(file_path) || rmdir(state_dir) || rmdir(dir) ? -1 : 0;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up_test, tear_down_test)
	const struct CMUnitTest tests[] = {
		TEST(needs_a_file_of_authorities_that_is_there),
		TEST(fetches_when_first_asked),
		TEST(keeps_each_issuers_keys_apart),
		TEST(sees_new_keys_and_forgets_old_ones),
		TEST(fetches_anew_with_age),
		TEST(has_none_until_the_issuer_is_up),
		TEST(keeps_the_set_when_the_issuer_is_down),
		TEST(takes_sound_answers_only),
		TEST(bounds_the_size),
		TEST(stays_with_https),
		TEST(verifies_the_issuers_certificate),
		TEST(waits_no_longer_than_it_may),
		TEST(mends_a_bad_state),
		TEST(fetches_once_for_all),
		TEST(asks_once_whatever_kids_come),
		TEST(survives_kill_while_fetching),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
