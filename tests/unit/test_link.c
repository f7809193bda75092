/*
 * Tokens of links: read back, under the previous secret too, and never when a bit of them is another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/access/link.h"
#include "lib/base/base64url.h"

static const char old_secret[] = "the secret that was there before, long enough";
static const char new_secret[] = "the secret that is there now, also long enough";
static const struct link_token token = { "01890a5d-ac96-774b-bcce-b302099a8057", 1800000000 };

static struct link_keys keys_of(const char *secret, const char *previous)
{
	struct settings s = { .secret_key = secret, .secret_previous = previous };
	struct err e = { 0 };
	struct secret_key *k = secret_key_open(&s, &e);
	struct link_keys keys = { 0 };

	if (!k)
		fail_msg("%s", e.text);
	link_keys_init(&keys, k);
	secret_key_close(k);
	return keys;
}

static enum err_code check(const struct link_keys *k, const char *text, int64_t now_s)
{
	struct link_token t = { "", 0 };
	struct err e = { 0 };

	if (link_check(k, text, now_s, &t, &e))
		return e.code;
	assert_string_equal(t.id, token.id);
	assert_int_equal(t.expires_s, token.expires_s);
	return ERR_NONE;
}

/* Computed by Python: base64url(b"\x01" + id + expires + HMAC(HMAC(secret, b"link"), that)). */
static void known_token(void **s)
{
	struct link_keys k = keys_of(new_secret, "");
	char text[LINK_TOKEN_TEXT];

	(void)s;
	link_sign(&k, &token, text);
	assert_string_equal(text,
		"AQGJCl2slndLvM6zAgmagFcAAAAAa0nSAAnszjK-gp1FYFgloUlhjR2xZZB8nSKFhYxYmM4rZafe");
}

static void expiry(void **s)
{
	struct link_keys k = keys_of(new_secret, "");
	char text[LINK_TOKEN_TEXT];

	(void)s;
	link_sign(&k, &token, text);
	assert_int_equal(check(&k, text, 0), ERR_NONE);
	assert_int_equal(check(&k, text, token.expires_s - 1), ERR_NONE);
	assert_int_equal(check(&k, text, token.expires_s), ERR_GONE);
	assert_int_equal(check(&k, text, INT64_MAX), ERR_GONE);
}

static void rotation(void **s)
{
	struct link_keys before = keys_of(old_secret, ""), during = keys_of(new_secret, old_secret),
			 behind = keys_of(new_secret, "");
	char old_text[LINK_TOKEN_TEXT], new_text[LINK_TOKEN_TEXT];

	(void)s;
	link_sign(&before, &token, old_text);
	link_sign(&during, &token, new_text);
	assert_int_equal(check(&during, old_text, 0), ERR_NONE);
	assert_int_equal(check(&during, new_text, 0), ERR_NONE);
	assert_int_equal(check(&behind, old_text, 0), ERR_FORBIDDEN);
	assert_int_equal(check(&behind, new_text, 0), ERR_NONE);
	assert_int_equal(check(&before, new_text, 0), ERR_FORBIDDEN);
}

static void each_bit(void **s)
{
	struct link_keys k = keys_of(new_secret, old_secret);
	char text[LINK_TOKEN_TEXT];
	struct buf bytes = { 0 };

	(void)s;
	link_sign(&k, &token, text);
	assert_int_equal(base64url_decode(text, strlen(text), &bytes), 0);
	for (size_t i = 0; i < bytes.len * 8; i++) {
		struct buf changed = { 0 };

		bytes.data[i / 8] = (char)(bytes.data[i / 8] ^ 1 << i % 8);
		base64url_encode(&changed, bytes.data, bytes.len);
		assert_int_equal(check(&k, buf_str(&changed), 0), ERR_FORBIDDEN);
		buf_free(&changed);
		bytes.data[i / 8] = (char)(bytes.data[i / 8] ^ 1 << i % 8);
	}
	buf_free(&bytes);
}

static void no_tokens(void **s)
{
	struct link_keys k = keys_of(new_secret, "");
	char text[LINK_TOKEN_TEXT + 1];

	(void)s;
	for (size_t len = 0; len < LINK_TOKEN_TEXT - 1; len++) {
		link_sign(&k, &token, text);
		text[len] = '\0';
		assert_int_equal(check(&k, text, 0), ERR_FORBIDDEN);
		link_sign(&k, &token, text);
		text[len] = '=';
		assert_int_equal(check(&k, text, 0), ERR_FORBIDDEN);
	}
	link_sign(&k, &token, text);
	memcpy(text + LINK_TOKEN_TEXT - 1, "A", 2);
	assert_int_equal(check(&k, text, 0), ERR_FORBIDDEN);
}

static void short_previous(void **s)
{
	struct settings settings = { .secret_key = new_secret, .secret_previous = "too short" };
	struct err e = { 0 };

	(void)s;
	assert_null(secret_key_open(&settings, &e));
	assert_int_equal(e.code, ERR_CONFIG);
	assert_non_null(strstr(e.text, "secret.previous"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_token),
		cmocka_unit_test(expiry),
		cmocka_unit_test(rotation),
		cmocka_unit_test(each_bit),
		cmocka_unit_test(no_tokens),
		cmocka_unit_test(short_previous),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
