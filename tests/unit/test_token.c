/*
 * Tokens: what is accepted, and every way that we know of to have a key or an algorithm of one's
 * own choice, or a signature that is none. libjwt, which shares no line with token.c, is a second
 * judge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jwt.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "lib/base/base64url.h"
#include "tests/unit/make_token.h"
#include "tests/unit/token_case.h"

/* ---- what is accepted */

static void accepts_both_algorithms(void **state)
{
	(void)state;
	accepts(make_token(&a, rsa, RS, PAYLOAD));
	assert_string_equal(who.subject, "alice");
	assert_string_equal(who.issuer, "https://issuer");
	assert_string_equal(who.claims, PAYLOAD);
	accepts(make_token(&a, ec, ES, with("sub", "\"z\\u00e9 \\\" \\\\\"")));
	assert_string_equal(who.subject, "z\xc3\xa9 \" \\");
}

static void accepts_types_of_access_tokens(void **state)
{
	static const char *const good[] = { "JWT", "jwt", "at+jwt", "application/at+jwt",
		"application/jwt", "AT+JWT" };
	static const char *const bad[] = { "\"\"", "\"JWE\"", "\"dpop+jwt\"", "\"logout+jwt\"",
		"\"application/\"", "1", "null", "[\"JWT\"]" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		accepts(make_token(&a, ec,
			arena_printf(
				&a, "{\"alg\":\"ES256\",\"kid\":\"ec\",\"typ\":\"%s\"}", good[i]),
			PAYLOAD));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		refuses(make_token(&a, ec,
				arena_printf(&a, "{\"alg\":\"ES256\",\"kid\":\"ec\",\"typ\":%s}",
					bad[i]),
				PAYLOAD),
			"typ");
}

static void reads_the_scheme_in_any_case(void **state)
{
	const char *t = es(PAYLOAD);
	static const char *const good[] = { "Bearer %s", "bearer %s", "BEARER %s", "bEaReR %s",
		"Bearer    %s" };
	static const char *const bad[] = { "%s", "Basic %s", "Bearer%s", "Bearer:%s", "Bearer\t%s",
		" Bearer %s", "Bearer %s ", "Bearer %s\n", "Bearer \t%s", "Bearer %s,",
		"Bearer \"%s\"", "Bearer token=%s", "Bearer Bearer %s", "Beare %s" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct buf b = { 0 };

		buf_put(&b, good[i], strlen(good[i]) - 2);
		buf_puts(&b, t);
		assert_int_equal(check(buf_str(&b)), 0);
		buf_free(&b);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *mark = strstr(bad[i], "%s");
		const char *text =
			arena_printf(&a, "%.*s%s%s", (int)(mark - bad[i]), bad[i], t, mark + 2);

		if (check(text) == 0)
			fail_msg("accepted: %s", bad[i]);
	}
	assert_int_equal(check(NULL), -1);
	assert_string_equal(why.text, "a bearer token is needed");
	assert_int_equal(check(""), -1);
	assert_int_equal(check("Bearer"), -1);
	assert_int_equal(check("Bearer "), -1);
	assert_int_equal(check(arena_printf(&a, "Bearer %s %s", t, t)), -1);
	assert_int_equal(check(arena_printf(&a, "Bearer %s, Bearer %s", t, t)), -1);
}

static void ignores_keys_that_a_token_brings(void **state)
{
	const char *jwk = make_jwk(&a, mallory, "ec", "");
	static const char *const headers[] = {
		"{\"alg\":\"ES256\",\"kid\":\"ec\",\"jwk\":%s}",
		"{\"alg\":\"ES256\",\"kid\":\"new\",\"jwk\":%s}",
		"{\"alg\":\"ES256\",\"kid\":\"new\",\"jku\":\"file:/tmp/keys\",\"x\":%s}",
		"{\"alg\":\"ES256\",\"kid\":\"ec\",\"x5u\":\"https://127.0.0.1:1/\",\"x\":%s}",
		"{\"alg\":\"ES256\",\"kid\":\"ec\",\"x5c\":[\"MIIB\"],\"x\":%s}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		const char *mark = strstr(headers[i], "%s");
		const char *header = arena_printf(
			&a, "%.*s%s%s", (int)(mark - headers[i]), headers[i], jwk, mark + 2);

		refuses(make_token(&a, mallory, header, PAYLOAD), NULL);
	}
	accepts(make_token(&a, ec,
		"{\"alg\":\"ES256\",\"kid\":\"ec\",\"x5t\":\"AAAA\",\"jku\":\"x\"}", PAYLOAD));
}

/* ---- algorithm and key */

static void refuses_other_algorithms(void **state)
{
	static const char *const algs[] = { "\"none\"", "\"None\"", "\"NONE\"", "\"HS256\"",
		"\"RS384\"", "\"RS512\"", "\"PS256\"", "\"ES384\"", "\"ES256K\"", "\"EdDSA\"",
		"\"es256\"", "\"\"", "\"ES256 \"", "\"ES256\\u0000\"", "null", "256",
		"[\"ES256\"]" };

	(void)state;
	for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
		const char *header = arena_printf(&a, "{\"alg\":%s,\"kid\":\"ec\"}", algs[i]);
		const char *token = make_token(&a, ec, header, PAYLOAD);

		refuses(token, NULL);
		refuses(arena_strndup(&a, token, (size_t)(strrchr(token, '.') + 1 - token)), NULL);
	}
	refuses(make_token(&a, ec, "{\"kid\":\"ec\"}", PAYLOAD), "algorithm");
}

/* The public key, which everybody has, taken for the secret of an HMAC. */
static void refuses_the_public_key_as_secret(void **state)
{
	const char *secrets[] = { make_pem(&a, rsa), make_jwk(&a, rsa, "rsa", ""), "" };
	const char *text = arena_printf(&a, "%s.%s",
		make_base64url(&a, "{\"alg\":\"HS256\",\"kid\":\"rsa\"}", 27),
		make_base64url(&a, PAYLOAD, strlen(PAYLOAD)));

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		uint8_t mac[32];

		assert_non_null(HMAC(EVP_sha256(), secrets[i], (int)strlen(secrets[i]),
			(const uint8_t *)text, strlen(text), mac, NULL));
		refuses(arena_printf(&a, "%s.%s", text, make_base64url(&a, mac, sizeof mac)),
			"algorithm is not allowed");
	}
}

static void refuses_an_algorithm_that_is_not_the_keys(void **state)
{
	(void)state;
	refuses(make_token(&a, ec, "{\"alg\":\"ES256\",\"kid\":\"rsa\"}", PAYLOAD),
		"not that of its key");
	refuses(make_token(&a, rsa, "{\"alg\":\"RS256\",\"kid\":\"ec\"}", PAYLOAD),
		"not that of its key");
	refuses(make_token(&a, rsa, "{\"alg\":\"ES256\",\"kid\":\"ec\"}", PAYLOAD), "signature");
	refuses(make_token(&a, ec, "{\"alg\":\"RS256\",\"kid\":\"rsa\"}", PAYLOAD), "signature");
	refuses(make_token(&a, ec384, "{\"alg\":\"ES256\",\"kid\":\"p384\"}", PAYLOAD),
		"not known");
}

static void refuses_kids_that_name_nothing(void **state)
{
	static const char *const kids[] = { "\"../../x\"", "\"/etc/passwd\"", "\"\"", "\"EC\"",
		"\"ec\\u0000\"", "\"ec \"", "\"' OR 1=1--\"", "\"%s%n\"", "1", "null", "true",
		"[\"ec\"]", "{\"ec\":1}", "\"enc\"", "\"rs512\"", "\"short\"", "\"oct\"",
		"\"off\"" };

	(void)state;
	for (size_t i = 0; i < sizeof kids / sizeof *kids; i++)
		refuses(make_token(&a, ec,
				arena_printf(&a, "{\"alg\":\"ES256\",\"kid\":%s}", kids[i]),
				PAYLOAD),
			NULL);
	refuses(make_token(&a, ec, "{\"alg\":\"ES256\"}", PAYLOAD), "kid");
	refuses(make_token(&a, rsa, "{\"alg\":\"RS256\",\"kid\":\"enc\"}", PAYLOAD), "not known");
	refuses(make_token(&a, rsa, "{\"alg\":\"RS256\",\"kid\":\"rs512\"}", PAYLOAD), "not known");
}

static void refuses_what_must_be_understood(void **state)
{
	static const char *const crits[] = { "[\"exp\"]", "[\"b64\"]", "[]", "null", "\"\"" };

	(void)state;
	for (size_t i = 0; i < sizeof crits / sizeof *crits; i++)
		refuses(make_token(&a, ec,
				arena_printf(&a, "{\"alg\":\"ES256\",\"kid\":\"ec\",\"crit\":%s}",
					crits[i]),
				PAYLOAD),
			"crit");
}

static void keeps_to_the_configured_algorithms(void **state)
{
	const char *only_es[] = { "ES256" };
	struct settings s = settings;
	struct err e = { 0 };
	struct verifier *all = v;

	(void)state;
	s.auth_algorithms = (struct settings_strings){ only_es, 1 };
	v = verifier_new(&s, &e);
	assert_non_null(v);
	accepts(es(PAYLOAD));
	refuses(make_token(&a, rsa, RS, PAYLOAD), "algorithm is not allowed");
	verifier_free(v);
	v = all;
}

/* ---- signature */

static void refuses_foreign_signatures(void **state)
{
	const char *token = es(PAYLOAD);
	size_t signed_len = (size_t)(strrchr(token, '.') - token);
	const char *text = arena_strndup(&a, token, signed_len);
	uint8_t sig[72] = { 0 };

	(void)state;
	refuses(make_token(&a, mallory, ES, PAYLOAD), "signature");
	refuses(arena_printf(&a, "%s.%s", text, strrchr(es(with("sub", "\"bob\"")), '.') + 1),
		"signature");
	for (size_t len = 0; len <= sizeof sig; len++) /* r = s = 0 among them */
		refuses(arena_printf(&a, "%s.%s", text, make_base64url(&a, sig, len)), NULL);
	memset(sig, 0xff, sizeof sig);
	refuses(arena_printf(&a, "%s.%s", text, make_base64url(&a, sig, 64)), "signature");
	for (size_t cut = 1; cut <= strlen(token) - signed_len; cut++)
		refuses(arena_strndup(&a, token, strlen(token) - cut), NULL);
}

static void refuses_der_and_padded_signatures(void **state)
{
	const char *token = make_token(&a, rsa, RS, PAYLOAD), *dot = strrchr(token, '.');
	struct buf sig = { 0 };
	uint8_t der[80];
	size_t len = sizeof der;
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	(void)state;
	buf_putc(&sig, 0); /* the same number, one byte longer */
	assert_int_equal(base64url_decode(dot + 1, strlen(dot + 1), &sig), 0);
	refuses(arena_printf(&a, "%.*s.%s", (int)(dot - token), token,
			make_base64url(&a, sig.data, sig.len)),
		"signature");
	token = es(PAYLOAD);
	dot = strrchr(token, '.');
	sig.len = 0;
	assert_int_equal(base64url_decode(dot + 1, strlen(dot + 1), &sig), 0);
	buf_putc(&sig, 0); /* r and s, and a byte more */
	refuses(arena_printf(&a, "%.*s.%s", (int)(dot - token), token,
			make_base64url(&a, sig.data, sig.len)),
		"signature");
	buf_free(&sig);
	assert_int_equal(EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, ec), 1);
	assert_int_equal(
		EVP_DigestSign(c, der, &len, (const uint8_t *)token, (size_t)(dot - token)), 1);
	refuses(arena_printf(
			&a, "%.*s.%s", (int)(dot - token), token, make_base64url(&a, der, len)),
		"signature");
	EVP_MD_CTX_free(c);
}

/* Every character of a token changed, one at a time; the last ones of a part have bits that no byte
 * has. */
static void refuses_any_change(void **state)
{
	static const char others[] = "A_z9.=";

	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *good = i ? es(PAYLOAD) : make_token(&a, rsa, RS, PAYLOAD);
		char *token = arena_strdup(&a, good);

		for (size_t at = 0; good[at]; at++)
			for (const char *p = others; *p; p++) {
				struct arena kept = a;

				a = (struct arena){ 0 };
				token[at] = *p;
				if (*p != good[at])
					refuses(token, NULL);
				token[at] = good[at];
				arena_free(&a);
				a = kept;
			}
		accepts(token);
	}
}

/* ---- libjwt */

static const char *libjwt_token(EVP_PKEY *key, jwt_alg_t alg, const char *kid)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *pem, *text;
	jwt_t *j;

	assert_int_equal(PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL), 1);
	long len = BIO_get_mem_data(b, &pem);

	assert_int_equal(jwt_new(&j), 0);
	assert_int_equal(jwt_set_alg(j, alg, (uint8_t *)pem, (int)len), 0);
	assert_int_equal(jwt_add_header(j, "kid", kid), 0);
	assert_int_equal(jwt_add_grants_json(j, PAYLOAD), 0);
	text = jwt_encode_str(j);
	assert_non_null(text);
	const char *token = arena_strdup(&a, text);

	free(text);
	jwt_free(j);
	BIO_free(b);
	return token;
}

static bool libjwt_accepts(const char *token, EVP_PKEY *key)
{
	const char *pem = make_pem(&a, key);
	jwt_t *j;

	if (jwt_decode(&j, token, (const uint8_t *)pem, (int)strlen(pem)))
		return false;
	jwt_free(j);
	return true;
}

static void agrees_with_libjwt(void **state)
{
	(void)state;
	accepts(libjwt_token(rsa, JWT_ALG_RS256, "rsa"));
	accepts(libjwt_token(ec, JWT_ALG_ES256, "ec"));
	refuses(libjwt_token(rsa, JWT_ALG_RS512, "rsa"), "algorithm is not allowed");
	refuses(libjwt_token(mallory, JWT_ALG_ES256, "ec"), "signature");
	assert_true(libjwt_accepts(make_token(&a, rsa, RS, PAYLOAD), rsa));
	assert_false(libjwt_accepts(make_token(&a, mallory, ES, PAYLOAD), ec));
	for (int i = 0; i < 50; i++) { /* r and s with leading zeros come by chance */
		const char *token = es(with("jti2", arena_printf(&a, "%d", i)));

		accepts(token);
		assert_true(libjwt_accepts(token, ec));
	}
}

/* ---- settings */

static void expect_config_error(struct settings s, const char *text)
{
	struct err e = { 0 };

	assert_null(verifier_new(&s, &e));
	assert_int_equal(e.code, ERR_CONFIG);
	if (!strstr(e.text, text))
		fail_msg("\"%s\" and not \"%s\"", e.text, text);
}

static void refuses_settings_that_cannot_work(void **state)
{
	static const char *bad[] = { "ES256", "HS256" };
	struct settings s = settings;

	(void)state;
	s.auth_issuer = "";
	expect_config_error(s, "auth.issuer");
	s = settings;
	s.auth_audience = "";
	expect_config_error(s, "auth.audience");
	s = settings;
	s.auth_algorithms.n = 0;
	expect_config_error(s, "auth.algorithms");
	s.auth_algorithms = (struct settings_strings){ bad, 2 };
	expect_config_error(s, "HS256");
	verifier_free(NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, token_set_up_test, token_tear_down_test)
	const struct CMUnitTest tests[] = {
		TEST(accepts_both_algorithms),
		TEST(accepts_types_of_access_tokens),
		TEST(reads_the_scheme_in_any_case),
		TEST(ignores_keys_that_a_token_brings),
		TEST(refuses_other_algorithms),
		TEST(refuses_the_public_key_as_secret),
		TEST(refuses_an_algorithm_that_is_not_the_keys),
		TEST(refuses_kids_that_name_nothing),
		TEST(refuses_what_must_be_understood),
		TEST(keeps_to_the_configured_algorithms),
		TEST(refuses_foreign_signatures),
		TEST(refuses_der_and_padded_signatures),
		TEST(refuses_any_change),
		TEST(agrees_with_libjwt),
		TEST(refuses_settings_that_cannot_work),
	};

	return cmocka_run_group_tests(tests, token_set_up, token_tear_down);
}
