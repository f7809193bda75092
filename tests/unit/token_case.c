/* Includes token.c, so that its clock can be set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/base/clock.h"

static int64_t test_clock(void);

#define clock_wall_us test_clock
#include "lib/access/token.c"
#undef clock_wall_us

#include "tests/unit/make_token.h"
#include "tests/unit/token_case.h"

int64_t now_us;

EVP_PKEY *rsa, *ec, *ec384, *mallory;
struct settings settings;
struct verifier *v;
struct arena a;
struct principal who;
struct err why;

static char dir[] = "/tmp/sluice-token-XXXXXX", keys_path[64], keys_setting[80];

static int64_t test_clock(void)
{
	return now_us;
}

int check(const char *authorization)
{
	why = (struct err){ 0 };
	int failed = verifier_check(v, authorization, &a, &who, &why);

	assert_int_equal(failed ? ERR_UNAUTHORIZED : ERR_NONE, why.code);
	assert_true(!failed || why.text[0]);
	assert_int_equal(ERR_peek_error(), 0);
	return failed;
}

void accepts(const char *token)
{
	if (check(arena_printf(&a, "Bearer %s", token)))
		fail_msg("%s: %.200s", why.text, token);
}

void refuses(const char *token, const char *reason)
{
	if (check(arena_printf(&a, "Bearer %s", token)) == 0)
		fail_msg("accepted: %.200s", token);
	if (reason && !strstr(why.text, reason))
		fail_msg("\"%s\" and not \"%s\": %.200s", why.text, reason, token);
}

const char *es(const char *payload)
{
	return make_token(&a, ec, ES, payload);
}

const char *with(const char *claim, const char *value)
{
	static const char *const claims[][2] = {
		{ "iss", "\"https://issuer\"" },
		{ "aud", "\"sluice\"" },
		{ "sub", "\"alice\"" },
		{ "exp", "1767229200" },
		{ "nbf", "1767225600" },
	};
	const char *text = "{\"jti\":\"1\"";

	for (size_t i = 0; i < 5; i++) {
		bool is_it = strcmp(claims[i][0], claim) == 0;

		if (!is_it || value)
			text = arena_printf(&a, "%s,\"%s\":%s", text, claims[i][0],
				is_it ? value : claims[i][1]);
	}
	return arena_printf(&a, "%s}", text);
}

int token_set_up_test(void **state)
{
	(void)state;
	now_us = NOW * 1000000;
	return 0;
}

int token_tear_down_test(void **state)
{
	(void)state;
	arena_free(&a);
	return 0;
}

static void write_keys(void)
{
	EVP_PKEY *small = make_rsa_key(1024);
	FILE *f = fopen(keys_path, "w");

	assert_non_null(f);
	assert_true(fprintf(f, "{\"keys\":[%s,%s,%s,%s,%s,%s,%s,%s,7,{}]}",
			    make_jwk(&a, rsa, "rsa", ""), make_jwk(&a, ec384, "p384", ""),
			    make_jwk(&a, ec, "ec",
				    "\"use\":\"sig\",\"alg\":\"ES256\",\"key_ops\":[\"verify\"],"),
			    make_jwk(&a, rsa, "enc", "\"use\":\"enc\","),
			    make_jwk(&a, rsa, "rs512", "\"alg\":\"RS512\","),
			    make_jwk(&a, small, "short", ""),
			    "{\"kty\":\"oct\",\"kid\":\"oct\",\"k\":\"c2VjcmV0\"}",
			    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"off\","
			    "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
			    "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}") > 0);
	assert_int_equal(fclose(f), 0);
	EVP_PKEY_free(small);
}

int token_set_up(void **state)
{
	static const char *algorithms[] = { "RS256", "ES256" };
	struct err e = { 0 };

	(void)state;
	rsa = make_rsa_key(2048);
	ec = make_ec_key("P-256");
	mallory = make_ec_key("P-256");
	ec384 = make_ec_key("P-384");
	assert_non_null(mkdtemp(dir));
	assert_true(snprintf(keys_path, sizeof keys_path, "%s/jwks.json", dir) > 0);
	assert_true(snprintf(keys_setting, sizeof keys_setting, "file:%s", keys_path) > 0);
	write_keys();
	settings = (struct settings){
		.auth_jwks = keys_setting,
		.auth_issuer = "https://issuer",
		.auth_audience = "sluice",
		.auth_algorithms = { algorithms, 2 },
		.auth_skew_us = 30000000,
		.auth_nbf = "required",
		.auth_refresh_us = 60000000,
		.auth_timeout_us = 5000000,
		.auth_max_bytes = 262144,
		.auth_ca = "",
		.state_dir = dir,
	};
	v = verifier_new(&settings, &e);
	if (!v)
		fail_msg("%s", e.text);
	arena_free(&a);
	return 0;
}

int token_tear_down(void **state)
{
	(void)state;
	verifier_free(v);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(mallory);
	EVP_PKEY_free(ec384);
	return unlink(keys_path) || rmdir(dir) ? -1 : 0;
}
