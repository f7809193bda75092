/*
 * Key sets that the issuer itself points to: where it is asked, what it may say, and what stays
 * when it is silent. Includes jwks.c, so that its clock can be put forward.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"

static int64_t test_clock(void);

#define clock_wall_us test_clock
#include "lib/access/jwks.c"
#undef clock_wall_us

#include "tests/unit/make_token.h"
#include "tests/unit/tls_server.h"

enum { MS = 1000, S = 1000000, PROCESSES = 4 };

#define OPENID "/.well-known/openid-configuration"
#define OAUTH  "/.well-known/oauth-authorization-server"

static char dir[] = "/tmp/sluice-discovery-XXXXXX";
static char state_dir[64], ca_path[64], host[64];
static const char *set_1, *set_2; /* with key "one", with key "two" */
static EVP_PKEY *one, *two;
static struct settings settings;
static struct tls_server server;
static struct tls_page *document, *keys; /* where the issuer without a path has them */
static struct arena kept, a;
static int64_t ahead_us; /* of the real time; of this process and those it makes */

static int64_t test_clock(void)
{
	return clock_wall_us() + ahead_us;
}

static enum err_code find(struct jwks *j, const char *kid)
{
	struct err e = { 0 };
	const struct jwk *k = jwks_find(j, kid, JWK_ES256, &e);

	return k ? ERR_NONE : e.code;
}

/* As a process that has just been started. */
static enum err_code find_anew(const char *kid)
{
	struct err e = { 0 };
	struct jwks *j = jwks_open(&settings, &e);

	if (!j)
		fail_msg("%s", e.text);
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

static int count_state(const char *suffix)
{
	DIR *d = opendir(state_dir);
	int n = 0;

	assert_non_null(d);
	for (struct dirent *f; (f = readdir(d));)
		n += strstr(f->d_name, suffix) != NULL;
	closedir(d);
	return n;
}

static const char *saying(const char *issuer, const char *jwks_uri)
{
	return arena_printf(&a, "{\"issuer\":\"%s\",\"token_endpoint\":\"x\",\"jwks_uri\":\"%s\"}",
		issuer, jwks_uri);
}

static const char *at(const char *path)
{
	return arena_printf(&a, "%s%s", host, path);
}

static int set_up_test(void **state)
{
	(void)state;
	ahead_us = 0;
	empty_state();
	settings.auth_jwks = "";
	settings.auth_issuer = host;
	settings.auth_refresh_us = 60 * S;
	settings.auth_timeout_us = 30 * S;
	settings.auth_max_bytes = 65536;
	settings.auth_ca = ca_path;
	settings.state_dir = state_dir;
	tls_server_forget_pages(&server);
	tls_server_answer(&server, TLS_ERROR, "");
	document = tls_server_page(&server, OPENID, 200, saying(host, at("/keys")));
	keys = tls_server_page(&server, "/keys", 200, set_1);
	return 0;
}

static int tear_down_test(void **state)
{
	(void)state;
	arena_free(&a);
	return 0;
}

/* ---- where it is asked */

static void finds_the_keys(void **state)
{
	(void)state;
	struct err e = { 0 };
	struct jwks *j = jwks_open(&settings, &e);

	assert_non_null(j);
	assert_int_equal(server.shared->requests, 0);
	assert_int_equal(find(j, "one"), ERR_NONE);
	assert_int_equal(find(j, "two"), ERR_UNAUTHORIZED);
	assert_int_equal(find_anew("one"), ERR_NONE); /* another process finds the files */
	assert_int_equal(document->requests, 1);
	assert_int_equal(keys->requests, 1);
	assert_int_equal(server.shared->requests, 2);
	assert_int_equal(count_state(".uri"), 1);
	assert_int_equal(count_state(".new"), 0);
	jwks_close(j);
}

/* The issuer as given, and what is asked for it; the second where the first is 404. */
static void asks_under_the_issuers_path(void **state)
{
	static const char *const cases[][3] = {
		{ "", OPENID, OAUTH },
		{ "/", OPENID, OAUTH },
		{ "/a", "/a" OPENID, OAUTH "/a" },
		{ "/a/", "/a" OPENID, OAUTH "/a" },
		{ "/a/b", "/a/b" OPENID, OAUTH "/a/b" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *issuer = at(cases[i][0]);

		settings.auth_issuer = issuer;
		tls_server_forget_pages(&server);
		tls_server_page(&server, "/keys", 200, set_1);
		document = tls_server_page(&server, cases[i][1], 200, saying(issuer, at("/keys")));
		empty_state();
		assert_int_equal(find_anew("one"), ERR_NONE);
		assert_int_equal(document->requests, 1);

		tls_server_page(&server, cases[i][1], 404, "none");
		document = tls_server_page(&server, cases[i][2], 200, saying(issuer, at("/keys")));
		empty_state();
		assert_int_equal(find_anew("one"), ERR_NONE);
		assert_int_equal(document->requests, 1);

		tls_server_page(&server, cases[i][1], 500, "");
		empty_state();
		assert_int_equal(find_anew("one"), ERR_UNAVAILABLE);
		assert_int_equal(document->requests, 1);
	}
}

static void keeps_each_issuers_keys_apart(void **state)
{
	(void)state;
	assert_int_equal(find_anew("one"), ERR_NONE);
	settings.auth_issuer = at("/");
	assert_int_equal(find_anew("one"), ERR_UNAVAILABLE); /* says that it is the one without */
	assert_int_equal(document->requests, 2);
	settings.auth_jwks = host; /* answers 500 */
	assert_int_equal(find_anew("one"), ERR_UNAVAILABLE);
	settings.auth_jwks = "";
	settings.auth_issuer = host;
	assert_int_equal(find_anew("one"), ERR_NONE);
	assert_int_equal(keys->requests, 1);
}

/* ---- what it may say */

/* Neither taken when nothing is known, nor in place of what is. */
static void expect_no_document(int status, const char *body)
{
	settings.auth_refresh_us = 1;
	empty_state();
	tls_server_page(&server, OPENID, status, body);
	tls_server_page(&server, "/keys", 200, set_1);
	if (find_anew("one") != ERR_UNAVAILABLE)
		fail_msg("taken: %.200s", body);
	assert_int_equal(count_state(".json") + count_state(".uri"), 0);
	assert_int_equal(keys->requests, 0);

	tls_server_page(&server, OPENID, 200, saying(host, at("/keys")));
	assert_int_equal(find_anew("one"), ERR_NONE);
	tls_server_page(&server, OPENID, status, body);
	ahead_us += JWKS_AGE_US + S;
	assert_int_equal(find_anew("one"), ERR_NONE);
	assert_int_equal(document->requests, 1);
	assert_int_equal(keys->requests, 2); /* where they were before */
	ahead_us = 0;
}

static void takes_the_issuers_own_word_only(void **state)
{
	static const char *const others[] = { "", "https://127.0.0.1", "http://x", "https://X" };
	const char *good = saying(host, at("/keys"));

	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		expect_no_document(200, saying(others[i], at("/keys")));
	expect_no_document(200, saying(at("/"), at("/keys")));
	expect_no_document(200, saying(arena_printf(&a, "%sx", host), at("/keys")));
	expect_no_document(200, arena_printf(&a, "{\"jwks_uri\":\"%s\"}", at("/keys")));
	expect_no_document(
		200, arena_printf(&a, "{\"issuer\":1,\"jwks_uri\":\"%s\"}", at("/keys")));
	expect_no_document(200, arena_printf(&a, "{\"issuer\":[\"%s\"],\"jwks_uri\":\"/\"}", host));
	expect_no_document(200, arena_printf(&a, "{\"issuer\":\"x\",%s", good + 1));
	expect_no_document(500, good);
	expect_no_document(201, good);
	expect_no_document(404, good);
	expect_no_document(200, "");
	expect_no_document(200, "<html>");
	expect_no_document(200, arena_printf(&a, "[%s]", good));
	expect_no_document(200, arena_printf(&a, "%s%s", good, good));
}

static void takes_keys_by_https_only(void **state)
{
	const char *bad[] = { "", "/keys", "keys", arena_printf(&a, "http%s", at("/keys") + 5),
		arena_printf(&a, "HTTP%s", at("/keys") + 5), "file:///etc/passwd",
		"file:/etc/passwd", "https://", "https:///keys", "https:/keys", "//127.0.0.1/keys",
		arena_printf(&a, " %s", at("/keys")), arena_printf(&a, "%s\\n", at("/keys")),
		arena_printf(&a, "%s\xc3\xa9", at("/keys")),
		arena_printf(&a, "%s?%0*d", at("/keys"), 1500, 0) };

	(void)state;
	for (size_t i = 0; i + 1 < sizeof bad / sizeof *bad; i++)
		expect_no_document(200, saying(host, bad[i]));
	expect_no_document(200, arena_printf(&a, "{\"issuer\":\"%s\"}", host));
	expect_no_document(200, arena_printf(&a, "{\"issuer\":\"%s\",\"jwks_uri\":7}", host));
	assert_true(discovery_is_jwks_uri(bad[sizeof bad / sizeof *bad - 1]));
	assert_false(discovery_is_jwks_uri(arena_printf(&a, "https://x/%02040d", 0)));
	assert_true(discovery_is_jwks_uri(arena_printf(&a, "https://x/%02038d", 0)));
}

static void bounds_the_size(void **state)
{
	const char *said = saying(host, at("/keys"));
	const char *padded = arena_printf(&a, "%s%*s", said, 2000 - (int)strlen(said), "");

	(void)state;
	settings.auth_max_bytes = 1999;
	expect_no_document(200, padded);
	settings.auth_max_bytes = 2000;
	empty_state();
	tls_server_page(&server, OPENID, 200, padded);
	assert_int_equal(find_anew("one"), ERR_NONE);
}

static void verifies_the_issuers_certificate(void **state)
{
	(void)state;
	settings.auth_ca = "";
	assert_int_equal(find_anew("one"), ERR_UNAVAILABLE);
	assert_int_equal(server.shared->requests, 0);
}

/* ---- what changes */

static void asks_again_when_the_set_cannot_be_had(void **state)
{
	(void)state;
	assert_int_equal(find_anew("one"), ERR_NONE);
	tls_server_page(&server, "/keys", 410, "");
	tls_server_page(&server, "/later", 200, set_2);
	tls_server_page(&server, OPENID, 200, saying(host, at("/later")));
	assert_int_equal(find_anew("two"), ERR_UNAUTHORIZED); /* too early */
	assert_int_equal(document->requests, 0);
	ahead_us += 60 * S;
	assert_int_equal(find_anew("two"), ERR_NONE);
	assert_int_equal(document->requests, 1);
	ahead_us += 60 * S;
	assert_int_equal(find_anew("one"), ERR_UNAUTHORIZED); /* the new place is kept */
	assert_int_equal(document->requests, 1);
	assert_int_equal(keys->requests, 1);
	/* The issuer says the same: that was tried already. */
	ahead_us += 60 * S;
	tls_server_page(&server, "/later", 200, "{}");
	assert_int_equal(find_anew("three"), ERR_UNAUTHORIZED);
	assert_int_equal(find_anew("two"), ERR_NONE);
	assert_int_equal(document->requests, 2);
	assert_int_equal(server.shared->requests, 8);
}

/* An issuer may move its keys and leave the old ones where they were. */
static void asks_again_with_age(void **state)
{
	(void)state;
	assert_int_equal(find_anew("one"), ERR_NONE);
	tls_server_page(&server, "/later", 200, set_2);
	tls_server_page(&server, OPENID, 200, saying(host, at("/later")));
	for (int i = 1; i < JWKS_AGE_US / S / 600; i++) { /* the set itself stays young */
		ahead_us += 600 * (int64_t)S;
		assert_int_equal(find_anew("two"), ERR_UNAUTHORIZED);
	}
	assert_int_equal(document->requests, 0);
	ahead_us += 600 * (int64_t)S;
	assert_int_equal(find_anew("two"), ERR_NONE);
	assert_int_equal(find_anew("one"), ERR_UNAUTHORIZED);
	assert_int_equal(document->requests, 1);
}

static void keeps_all_when_the_issuer_is_down(void **state)
{
	(void)state;
	settings.auth_refresh_us = 1;
	assert_int_equal(find_anew("one"), ERR_NONE);
	tls_server_stop(&server);
	for (int i = 0; i < 3; i++) {
		ahead_us += JWKS_AGE_US + S;
		assert_int_equal(find_anew("two"), ERR_UNAUTHORIZED);
		assert_int_equal(find_anew("one"), ERR_NONE);
	}
	assert_int_equal(count_state(".uri"), 1);
	tls_server_start(&server, "127.0.0.1", ca_path);
	assert_true(snprintf(host, sizeof host, "https://127.0.0.1:%d", server.port) > 0);
}

static void has_none_until_the_issuer_is_up(void **state)
{
	(void)state;
	tls_server_page(&server, OPENID, 503, "");
	for (int i = 0; i < 5; i++)
		assert_int_equal(find_anew("one"), ERR_UNAVAILABLE);
	assert_int_equal(document->requests, 1); /* a failure counts as well */
	tls_server_page(&server, OPENID, 200, saying(host, at("/keys")));
	ahead_us += 60 * S;
	assert_int_equal(find_anew("one"), ERR_NONE);
}

static void append_file(const char *to, const char *from)
{
	struct buf text = { 0 };
	FILE *f = fopen(to, "a");

	assert_non_null(f);
	assert_int_equal(file_read(from, 1 << 20, &text), 0);
	assert_int_equal(fwrite(text.data, 1, text.len, f), text.len);
	assert_int_equal(fclose(f), 0);
	buf_free(&text);
}

/* The keys are on another host, which is trusted too. */
static void start_other(struct tls_server *other, const char *both)
{
	const char *ca = arena_printf(&a, "%s/other.pem", dir);

	tls_server_start(other, "127.0.0.1", ca);
	append_file(both, ca_path);
	append_file(both, ca);
	assert_int_equal(unlink(ca), 0);
	settings.auth_ca = both;
	settings.auth_refresh_us = 1;
	settings.auth_timeout_us = 6 * S;
	tls_server_page(&server, OPENID, 200,
		saying(host, arena_printf(&a, "https://127.0.0.1:%d/", other->port)));
	tls_server_answer(other, TLS_BODY, set_1);
	assert_int_equal(find_anew("one"), ERR_NONE);
}

/* A host that is silent does not keep us from one that answers, within the time for both. */
static void waits_no_longer_than_it_may(void **state)
{
	struct tls_server other;
	const char *both = arena_printf(&a, "%s/both.pem", dir);

	(void)state;
	start_other(&other, both);
	tls_server_answer(&other, TLS_BODY, set_2);
	document->status = 0;
	ahead_us += JWKS_AGE_US + S;
	int64_t begin = clock_monotonic_us();

	assert_int_equal(find_anew("two"), ERR_NONE);
	assert_in_range(clock_monotonic_us() - begin, 2900 * MS, 20 * (int64_t)S);
	document->status = 500;

	ahead_us = 0;
	empty_state();
	tls_server_page(&server, OPENID, 200,
		saying(host, arena_printf(&a, "https://127.0.0.1:%d/", other.port)));
	assert_int_equal(find_anew("two"), ERR_NONE);
	tls_server_answer(&other, TLS_STALL, set_2);
	tls_server_page(&server, OPENID, 200, saying(host, at("/keys")));
	assert_int_equal(find_anew("one"), ERR_NONE);
	tls_server_stop(&other);
	assert_int_equal(unlink(both), 0);
}

/* Nobody answers. */
static void gives_up_in_time(void **state)
{
	(void)state;
	settings.auth_timeout_us = 400 * MS;
	document->status = 0;
	int64_t begin = clock_monotonic_us();

	assert_int_equal(find_anew("two"), ERR_UNAVAILABLE);
	assert_in_range(clock_monotonic_us() - begin, 150 * MS, 20 * (int64_t)S);
	document->status = 500;
}

static void mends_a_bad_state(void **state)
{
	DIR *d;

	(void)state;
	settings.auth_refresh_us = 1;
	assert_int_equal(find_anew("one"), ERR_NONE);
	tls_server_page(&server, "/keys", 200, set_2);
	d = opendir(state_dir);
	assert_non_null(d);
	for (struct dirent *f; (f = readdir(d));)
		if (strstr(f->d_name, ".uri")) {
			FILE *out = fopen(arena_printf(&a, "%s/%s", state_dir, f->d_name), "w");

			assert_non_null(out);
			assert_true(fputs("file:///etc/passwd", out) >= 0);
			assert_int_equal(fclose(out), 0);
		}
	closedir(d);
	assert_int_equal(find_anew("two"), ERR_NONE);
	assert_int_equal(document->requests, 2);
}

/* ---- many processes */

static int find_one(void)
{
	struct err e = { 0 };
	struct jwks *j = jwks_open(&settings, &e);

	return !j || find(j, "one") != ERR_NONE;
}

/* All need the set at once: one process asks the issuer, the others wait for it. */
static void asks_once_for_all(void **state)
{
	(void)state;
	for (int round = 0; round < 10; round++) {
		pid_t pids[PROCESSES];

		empty_state();
		tls_server_page(&server, OPENID, 200, saying(host, at("/keys")));
		tls_server_page(&server, "/keys", 200, set_1);
		for (int i = 0; i < PROCESSES; i++) {
			pids[i] = fork();
			assert_true(pids[i] >= 0);
			if (pids[i] == 0)
				_exit(find_one());
		}
		for (int i = 0; i < PROCESSES; i++) {
			int status;

			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		}
		assert_int_equal(document->requests, 1);
		assert_int_equal(keys->requests, 1);
	}
}

/* ---- */

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(log_open(NULL, LOG_ERROR), 0);
	assert_int_equal(setenv("no_proxy", "127.0.0.1", 1), 0);
	assert_non_null(mkdtemp(dir));
	assert_true(snprintf(state_dir, sizeof state_dir, "%s/state", dir) > 0);
	assert_true(snprintf(ca_path, sizeof ca_path, "%s/ca.pem", dir) > 0);
	assert_int_equal(mkdir(state_dir, 0700), 0);
	one = make_ec_key("P-256");
	two = make_ec_key("P-256");
	set_1 = arena_printf(&kept, "{\"keys\":[%s]}", make_jwk(&kept, one, "one", ""));
	set_2 = arena_printf(&kept, "{\"keys\":[%s]}", make_jwk(&kept, two, "two", ""));
	tls_server_start(&server, "127.0.0.1", ca_path);
	assert_true(snprintf(host, sizeof host, "https://127.0.0.1:%d", server.port) > 0);
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
	return unlink(ca_path) || rmdir(state_dir) || rmdir(dir) ? -1 : 0;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up_test, tear_down_test)
	const struct CMUnitTest tests[] = {
		TEST(finds_the_keys),
		TEST(asks_under_the_issuers_path),
		TEST(keeps_each_issuers_keys_apart),
		TEST(takes_the_issuers_own_word_only),
		TEST(takes_keys_by_https_only),
		TEST(bounds_the_size),
		TEST(verifies_the_issuers_certificate),
		TEST(asks_again_when_the_set_cannot_be_had),
		TEST(asks_again_with_age),
		TEST(keeps_all_when_the_issuer_is_down),
		TEST(has_none_until_the_issuer_is_up),
		TEST(waits_no_longer_than_it_may),
		TEST(gives_up_in_time),
		TEST(mends_a_bad_state),
		TEST(asks_once_for_all),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
