/*
 * Keys: which of a set are read, for which algorithm, and which are better left; and a set that
 * comes from a file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/access/jwks.h"
#include "lib/base/log.h"
#include "tests/unit/make_token.h"

static EVP_PKEY *one, *two;
static const char *set_1, *set_2, *set_12; /* with key "one", with key "two", with both */
static struct arena kept, a;
static char dir[] = "/tmp/sluice-jwk-XXXXXX", file_path[64], setting[80];
static struct settings settings = { .auth_max_bytes = 65536, .auth_jwks = setting };

static int tear_down_test(void **state)
{
	(void)state;
	arena_free(&a);
	return 0;
}

static size_t usable(const char *text)
{
	struct jwk_set set;
	struct err e = { 0 };
	int failed = jwk_set_parse(&set, text, strlen(text), &e);
	size_t n = set.n;

	assert_int_equal(failed, n ? 0 : -1);
	assert_true(!failed || e.cause[0]);
	jwk_set_free(&set);
	return n;
}

static size_t usable_jwk(const char *jwk)
{
	return usable(arena_printf(&a, "{\"keys\":[%s]}", jwk));
}

static void reads_key_sets(void **state)
{
	static const char *const bad[] = { "", "{}", "[]", "{\"keys\":[]}", "{\"keys\":{}}",
		"{\"keys\":null}", "{\"keys\":[1,null,\"x\",[]]}", "<html>", "{\"keys\":[{}]}" };

	(void)state;
	assert_int_equal(usable(set_1), 1);
	assert_int_equal(usable(set_12), 2);
	assert_int_equal(usable(arena_printf(&a, "{\"x\":1,\"keys\":[{},%s,7],\"y\":2}",
				 make_jwk(&a, one, "one", "\"x5c\":[\"MIIB\"],"))),
		1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(usable(bad[i]), 0);
	assert_int_equal(usable(arena_printf(&a, "{\"keys\":[],%s", set_1 + 1)), 0);
}

static void reads_what_a_key_is_for(void **state)
{
	static const char *const good[] = { "", "\"use\":\"sig\",", "\"alg\":\"ES256\",",
		"\"key_ops\":[\"verify\"],", "\"key_ops\":[\"sign\",\"verify\"]," };
	static const char *const bad[] = { "\"use\":\"enc\",", "\"use\":null,", "\"use\":1,",
		"\"alg\":\"RS256\",", "\"alg\":\"ES384\",", "\"alg\":[],", "\"key_ops\":[],",
		"\"key_ops\":[\"sign\"],", "\"key_ops\":\"verify\",", "\"key_ops\":[1]," };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_int_equal(usable_jwk(make_jwk(&a, one, "k", good[i])), 1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(usable_jwk(make_jwk(&a, one, "k", bad[i])), 0);
	assert_int_equal(usable_jwk(make_jwk(&a, one, "", "")), 0);
}

/* RSA numbers of a given length, all ones, which is odd. */
static size_t usable_rsa(size_t n_len, const char *e)
{
	uint8_t n[1100];

	memset(n, 0xff, sizeof n);
	return usable_jwk(
		arena_printf(&a, "{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":\"%s\",\"e\":\"%s\"}",
			make_base64url(&a, n, n_len), e));
}

static void leaves_weak_and_broken_keys(void **state)
{
	const char *jwk = make_jwk(&a, one, "k", "");
	const char *x = strstr(jwk, "\"x\":\"") + 5;

	(void)state;
	assert_int_equal(usable_rsa(256, "AQAB"), 1);
	assert_int_equal(usable_rsa(1024, "Aw"), 1);
	assert_int_equal(usable_rsa(255, "AQAB"), 0);
	assert_int_equal(usable_rsa(1025, "AQAB"), 0);
	assert_int_equal(usable_rsa(1100, "AQAB"), 0);
	assert_int_equal(usable_rsa(256, "AQ"), 0); /* 1 */
	assert_int_equal(usable_rsa(256, "Ag"), 0); /* 2 */
	assert_int_equal(usable_rsa(256, "AA"), 0); /* 0 */
	assert_int_equal(usable_rsa(256, ""), 0);
	assert_int_equal(usable_rsa(256, "AQAB="), 0);
	assert_int_equal(usable_rsa(256, "AQABAQABAQABAQAB"), 0);
	assert_int_equal(usable_jwk("{\"kty\":\"RSA\",\"kid\":\"k\",\"e\":\"AQAB\"}"), 0);

	assert_int_equal(usable_jwk(jwk), 1);
	/* One character of x other than it was: not on the curve but for one chance in two, so try
	 * several. */
	int off = 0;

	for (const char *c = "ABCDEFGHIJKLMNOP"; *c; c++)
		off += !usable_jwk(arena_printf(&a, "%.*s%c%s", (int)(x - jwk), jwk, *c, x + 1));
	assert_true(off > 0);
	assert_int_equal(usable_jwk(arena_printf(&a, "%.*s%s", (int)(x - jwk), jwk, x + 4)), 0);
	assert_int_equal(usable_jwk(arena_printf(&a, "%.*sAAAA%s", (int)(x - jwk), jwk, x)), 0);
	EVP_PKEY *p384 = make_ec_key("P-384");

	assert_int_equal(usable_jwk(make_jwk(&a, p384, "k", "")), 0);
	EVP_PKEY_free(p384);
}

/* The point is on P-256, whatever the key calls its curve. */
static void leaves_other_curves(void **state)
{
	static const char *const curves[] = { "\"P-384\"", "\"secp256k1\"", "\"p-256\"", "\"\"",
		"256", "null" };
	const char *jwk = make_jwk(&a, one, "k", ""), *crv = strstr(jwk, "\"P-256\"");

	(void)state;
	for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
		assert_int_equal(usable_jwk(arena_printf(&a, "%.*s%s%s", (int)(crv - jwk), jwk,
					 curves[i], crv + strlen("\"P-256\""))),
			0);
}

static void tells_algorithms_apart(void **state)
{
	EVP_PKEY *rsa = make_rsa_key(2048);
	const char *text = arena_printf(&a, "{\"keys\":[%s,%s]}", make_jwk(&a, one, "same", ""),
		make_jwk(&a, rsa, "same", ""));
	struct jwk_set set;
	bool other;

	(void)state;
	assert_int_equal(jwk_set_parse(&set, text, strlen(text), NULL), 0);
	assert_ptr_equal(jwk_set_find(&set, "same", JWK_ES256, &other), &set.keys[0]);
	assert_ptr_equal(jwk_set_find(&set, "same", JWK_RS256, &other), &set.keys[1]);
	jwk_set_free(&set);
	assert_int_equal(jwk_set_parse(&set, set_1, strlen(set_1), NULL), 0);
	assert_null(jwk_set_find(&set, "one", JWK_RS256, &other));
	assert_true(other);
	assert_null(jwk_set_find(&set, "two", JWK_ES256, &other));
	assert_false(other);
	jwk_set_free(&set);
	EVP_PKEY_free(rsa);
}

/* ---- from a file */

static enum err_code find(struct jwks *j, const char *kid)
{
	struct err e = { 0 };
	const struct jwk *k = jwks_find(j, kid, JWK_ES256, &e);

	if (k && strcmp(k->kid, kid) != 0)
		return ERR_INTERNAL;
	return k ? ERR_NONE : e.code;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static void follows_the_file(void **state)
{
	(void)state;
	write_file(file_path, set_1);
	struct jwks *j = jwks_open(&settings, NULL);

	assert_int_equal(find(j, "one"), ERR_NONE);
	assert_int_equal(find(j, "two"), ERR_UNAUTHORIZED);
	write_file(file_path, set_12);
	assert_int_equal(find(j, "two"), ERR_NONE);
	assert_int_equal(find(j, "one"), ERR_NONE);
	const char *new = arena_printf(&a, "%s.new", file_path);

	write_file(new, set_2);
	assert_int_equal(rename(new, file_path), 0);
	assert_int_equal(find(j, "one"), ERR_UNAUTHORIZED);
	assert_int_equal(find(j, "two"), ERR_NONE);
	jwks_close(j);
}

static void keeps_the_set_when_the_file_is_bad(void **state)
{
	static const char *const bad[] = { "", "{\"keys\":[", "{\"keys\":[]}" };

	(void)state;
	write_file(file_path, set_1);
	struct jwks *j = jwks_open(&settings, NULL);

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		write_file(file_path, bad[i]);
		assert_int_equal(find(j, "one"), ERR_NONE);
		assert_int_equal(find(j, "two"), ERR_UNAUTHORIZED);
	}
	assert_int_equal(unlink(file_path), 0);
	assert_int_equal(find(j, "one"), ERR_NONE);
	write_file(file_path, set_2);
	assert_int_equal(find(j, "two"), ERR_NONE);
	jwks_close(j);
}

static void expect_config_error(struct settings s, const char *text)
{
	struct err e = { 0 };

	assert_null(jwks_open(&s, &e));
	assert_int_equal(e.code, ERR_CONFIG);
	if (!strstr(e.text, text))
		fail_msg("\"%s\" and not \"%s\"", e.text, text);
}

static void refuses_settings_that_cannot_work(void **state)
{
	static const char *const bad[] = { " ", "http://127.0.0.1/", "ftp://x/", "/etc/jwks.json",
		"file:jwks.json", "HTTPS://x/", " https://x/" };
	/* Not to be asked for a key set: the scheme, the host, or the form. */
	static const char *const issuers[] = { "", "issuer", "http://x/", "HTTPS://x/", "https://",
		"https:///x", "https://:443/", "https://x/?a", "https://x/#a", "https://x/ y",
		"https://x/\n", "https://x/\xc3\xa9", "file:/etc/x" };
	struct settings s = settings;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		s.auth_jwks = bad[i];
		expect_config_error(s, "auth.jwks");
	}
	s.auth_jwks = "";
	for (size_t i = 0; i < sizeof issuers / sizeof *issuers; i++) {
		s.auth_issuer = issuers[i];
		expect_config_error(s, "auth.jwks is empty, and auth.issuer is no https://");
	}
	s.auth_issuer = "https://127.0.0.1/";
	s.state_dir = "/tmp/sluice-no-such-folder";
	expect_config_error(s, "state.dir: /tmp/sluice-no-such-folder/jwks-");
	s.auth_jwks = "file:/tmp/sluice-no-such-file";
	expect_config_error(s, "auth.jwks: /tmp/sluice-no-such-file: No such file");
	write_file(file_path, "{\"keys\":[]}");
	expect_config_error(settings, file_path);
	write_file(file_path, set_1);
	s = settings;
	s.auth_max_bytes = 20;
	expect_config_error(s, file_path);
	s = settings;
	s.auth_jwks = "https://127.0.0.1/";
	s.state_dir = "/tmp/sluice-no-such-folder";
	expect_config_error(s, "state.dir: /tmp/sluice-no-such-folder/jwks-");
}

static int set_up(void **state)
{
	(void)state;
	one = make_ec_key("P-256");
	two = make_ec_key("P-256");
	const char *jwk_1 = make_jwk(&kept, one, "one", ""),
		   *jwk_2 = make_jwk(&kept, two, "two", "");

	set_1 = arena_printf(&kept, "{\"keys\":[%s]}", jwk_1);
	set_2 = arena_printf(&kept, "{\"keys\":[%s]}", jwk_2);
	set_12 = arena_printf(&kept, "{\"keys\":[%s,%s]}", jwk_1, jwk_2);
	assert_int_equal(log_open(NULL, LOG_ERROR), 0);
	assert_non_null(mkdtemp(dir));
	assert_true(snprintf(file_path, sizeof file_path, "%s/jwks.json", dir) > 0);
	assert_true(snprintf(setting, sizeof setting, "file:%s", file_path) > 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_free(&kept);
	EVP_PKEY_free(one);
	EVP_PKEY_free(two);
	return unlink(file_path) || rmdir(dir) ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(reads_key_sets, tear_down_test),
		cmocka_unit_test_teardown(reads_what_a_key_is_for, tear_down_test),
		cmocka_unit_test_teardown(leaves_weak_and_broken_keys, tear_down_test),
		cmocka_unit_test_teardown(leaves_other_curves, tear_down_test),
		cmocka_unit_test_teardown(tells_algorithms_apart, tear_down_test),
		cmocka_unit_test_teardown(follows_the_file, tear_down_test),
		cmocka_unit_test_teardown(keeps_the_set_when_the_file_is_bad, tear_down_test),
		cmocka_unit_test_teardown(refuses_settings_that_cannot_work, tear_down_test),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
