/*
 * Tokens: their text (parts, base64url, JSON, size) and their claims, in signed tokens that only
 * the issuer could have made wrong, and in others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/access/strict_json.h"
#include "tests/unit/make_token.h"
#include "tests/unit/token_case.h"

/* ---- shape */

static void refuses_loose_base64(void **state)
{
	const char *token = es(PAYLOAD), *dot = strchr(token, '.');
	const char *sig = strrchr(token, '.') + 1;
	char *loose = arena_strdup(&a, token);
	char *last = loose + strlen(loose) - 1;

	(void)state;
	/* 64 bytes leave four bits of the last character over; all but their zero spell the same
	 * bytes. */
	assert_non_null(strchr("AQgw", *last));
	++*last;
	refuses(loose, "signature");
	refuses(arena_printf(&a, "%s==", token), "signature");
	refuses(arena_printf(&a, "%.*s=%s", (int)(dot - token), token, dot), NULL);
	refuses(arena_printf(&a, "%.*s\n%s", (int)(sig - token), token, sig), NULL);
	refuses(arena_printf(&a, "%.*s %s", (int)(sig - token), token, sig), NULL);
	refuses(arena_printf(&a, "%.*s+/%s", (int)(sig - token), token, sig + 2), NULL);
	refuses(arena_printf(&a, "%s\x80", token), NULL);
}

static void refuses_other_numbers_of_parts(void **state)
{
	const char *token = es(PAYLOAD), *first = strchr(token, '.'), *second = strrchr(token, '.');

	(void)state;
	refuses(first + 1, "not a signed JWT");
	refuses(arena_printf(&a, "%s.", token), "not a signed JWT");
	refuses(arena_printf(&a, ".%s", token), "not a signed JWT");
	refuses(arena_printf(&a, "%s..", token), "not a signed JWT");
	refuses(arena_printf(&a, "%s.%s", token, token), "not a signed JWT");
	refuses(arena_printf(&a, "%s.AAAA.AAAA", token), "not a signed JWT"); /* as a JWE has it */
	refuses(arena_strndup(&a, token, (size_t)(second - token)), "not a signed JWT");
	refuses(arena_strndup(&a, token, (size_t)(second + 1 - token)), "signature");
	refuses(arena_printf(&a, "%.*s.%s", (int)(first - token), token, second), NULL);
	refuses(first, NULL);
	refuses("..", NULL);
	refuses(".", NULL);
	refuses("...", NULL);
	refuses("x", NULL);
}

static void bounds_the_length(void **state)
{
	const char *last = NULL, *over = NULL;

	(void)state;
	for (int pad = 12000; !over; pad++) {
		const char *fill = arena_printf(&a, "\"%0*d\"", pad, 0);
		const char *token =
			make_token(&a, ec, ES, arena_printf(&a, "{\"x\":%s,%s", fill, &PAYLOAD[1]));
		*(strlen(token) > TOKEN_MAX ? &over : &last) = token;
	}
	assert_true(strlen(last) > TOKEN_MAX - 2);
	accepts(last);
	refuses(over, "longer than 16 KiB");
	char *huge = arena_alloc(&a, 1 << 20);

	memset(huge, 'A', (1 << 20) - 1);
	huge[(1 << 20) - 1] = '\0';
	refuses(huge, "longer than 16 KiB");
	const char *fill =
		arena_printf(&a, "%012000d", 0); /* a header that is long, but not too long */

	accepts(make_token(&a, ec,
		arena_printf(&a, "{\"alg\":\"ES256\",\"kid\":\"ec\",\"x\":\"%s\"}", fill),
		PAYLOAD));
}

/* An object with a member that is `depth` arrays within each other. */
static const char *nested(const char *object, int depth)
{
	struct buf b = { 0 };

	buf_puts(&b, "{\"deep\":");
	for (int i = 0; i < depth; i++)
		buf_putc(&b, '[');
	for (int i = 0; i < depth; i++)
		buf_putc(&b, ']');
	buf_printf(&b, ",%s", object + 1);
	const char *text = arena_strdup(&a, buf_str(&b));

	buf_free(&b);
	return text;
}

static void bounds_the_depth(void **state)
{
	(void)state;
	accepts(make_token(&a, ec, ES, nested(PAYLOAD, STRICT_JSON_DEPTH - 1)));
	refuses(make_token(&a, ec, ES, nested(PAYLOAD, STRICT_JSON_DEPTH)), "payload");
	refuses(make_token(&a, ec, ES, nested(PAYLOAD, 1000)), "payload");
	accepts(make_token(&a, ec, nested(ES, STRICT_JSON_DEPTH - 1), PAYLOAD));
	refuses(make_token(&a, ec, nested(ES, STRICT_JSON_DEPTH), PAYLOAD), "header");
	refuses(make_token(&a, ec, nested(ES, 1000), PAYLOAD), "header");
}

/* strict_json.c has the whole list; here is that it is asked for both parts. */
static void refuses_loose_json(void **state)
{
	static const char *const bad[] = { "", "null", "[]", "[%s]", "{%s}x", "{%s}{}", "{%s,}",
		"{%s,'x':1}", "{%s,\"x\":NaN}", "{%s,\"x\":\"\\u0000\"}", "{%s,\"x\":1,\"x\":2}",
		"{%s,\"x\":[{\"y\":1,\"y\":1}]}", "{%s,\"x\":\"\xff\"}", "\xef\xbb\xbf{%s}" };
	const char *header = ES, *payload = PAYLOAD;

	(void)state;
	for (size_t i = 0; i < 2 * (sizeof bad / sizeof *bad); i++) {
		const char *form = bad[i / 2], *mark = strstr(form, "%s");
		const char *good = i % 2 ? header : payload;
		const char *text = form;

		if (mark)
			text = arena_printf(&a, "%.*s%.*s%s", (int)(mark - form), form,
				(int)strlen(good) - 2, good + 1, mark + 2);
		refuses(i % 2 ? make_token(&a, ec, text, payload)
			      : make_token(&a, ec, header, text),
			i % 2 ? "header" : "payload");
	}
	refuses(make_token_len(&a, ec, ES, strlen(ES), PAYLOAD, strlen(PAYLOAD) + 1), "payload");
	refuses(make_token_len(&a, ec, ES, strlen(ES) + 1, PAYLOAD, strlen(PAYLOAD)), "header");
}

static void refuses_equal_members(void **state)
{
	(void)state;
	refuses(make_token(&a, ec, "{\"alg\":\"none\",\"alg\":\"ES256\",\"kid\":\"ec\"}", PAYLOAD),
		"header");
	refuses(make_token(&a, ec, "{\"alg\":\"ES256\",\"kid\":\"x\",\"kid\":\"ec\"}", PAYLOAD),
		"header");
	refuses(es(arena_printf(&a, "{\"sub\":\"root\",%s", &PAYLOAD[1])), "payload");
	refuses(es(arena_printf(&a, "{\"exp\":9999999999,%s", &PAYLOAD[1])), "payload");
	refuses(es(arena_printf(&a, "{\"s\\u0075b\":\"root\",%s", &PAYLOAD[1])), "payload");
}

/* ---- claims */

static void needs_every_claim_in_its_type(void **state)
{
	static const char *const texts[] = { "iss", "aud", "sub" }, *const times[] = { "exp",
		"nbf" };
	static const char *const no_text[] = { NULL, "1", "null", "true", "{}", "{\"sluice\":1}" };
	static const char *const no_time[] = { NULL, "\"1767225600\"", "null", "true",
		"[1767225600]", "{}", "1e999", "-1e999", "\"\"" };

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (size_t n = 0; n < sizeof no_text / sizeof *no_text; n++)
			refuses(es(with(texts[i], no_text[n])), "lacks a text as iss, aud or sub");
	for (size_t i = 0; i < 2; i++)
		for (size_t n = 0; n < sizeof no_time / sizeof *no_time; n++)
			refuses(es(with(times[i], no_time[n])), "lacks a time as exp or nbf");
	settings.auth_nbf = "optional";
	accepts(es(with("nbf", NULL)));
	for (size_t n = 1; n < sizeof no_time / sizeof *no_time; n++)
		refuses(es(with("nbf", no_time[n])), "lacks a time as exp or nbf");
	refuses(es(with("exp", NULL)), "lacks a time as exp or nbf");
	settings.auth_nbf = "required";
	refuses(es(with("iss", "[\"https://issuer\"]")), "lacks a text");
	refuses(es(with("iss", "\"\"")), "lacks a text");
	refuses(es(with("sub", "\"\"")), "lacks a text");
	refuses(es(with("sub", "\"alice\\u0000\"")), "payload");
}

static void needs_our_issuer_and_audience(void **state)
{
	static const char *const iss[] = { "\"https://issuer/\"", "\"https://issue\"",
		"\"HTTPS://issuer\"", "\" https://issuer\"", "\"https://issuer.evil\"" };
	static const char *const ours[] = { "[\"sluice\"]", "[\"a\",\"sluice\",\"b\"]" };
	static const char *const others[] = { "\"\"", "\"sluice2\"", "\"sluic\"", "\"Sluice\"",
		"[]", "[\"a\"]", "\"a sluice\"" };
	static const char *const bad[] = { "[\"sluice\",1]", "[1,\"sluice\"]", "[[\"sluice\"]]",
		"[\"sluice\",null]", "[{\"sluice\":1}]" };

	(void)state;
	for (size_t i = 0; i < sizeof iss / sizeof *iss; i++)
		refuses(es(with("iss", iss[i])), "from another issuer");
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		accepts(es(with("aud", ours[i])));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		refuses(es(with("aud", others[i])), "for another audience");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		refuses(es(with("aud", bad[i])), "lacks a text");
}

static void holds_to_the_times(void **state)
{
	const char *token = es(PAYLOAD); /* from NOW to an hour later; 30 s either way */

	(void)state;
	now_us = (NOW + 3600 + 30) * 1000000 - 1;
	accepts(token);
	now_us++;
	refuses(token, "the token has expired");
	now_us = (NOW - 30) * 1000000;
	accepts(token);
	now_us--;
	refuses(token, "the token is not valid yet");
	now_us = NOW * 1000000;
	accepts(es(with("exp", "1767225570.5")));
	refuses(es(with("exp", "1767225569.5")), "expired");
	accepts(es(with("exp", "1.767229200e9")));
	accepts(es(with("exp", "99999999999999999999999999")));
	accepts(es(with("nbf", "-99999999999999999999999999")));
	refuses(es(with("nbf", "99999999999999999999999999")), "not valid yet");
	refuses(es(with("exp", "-1")), "expired");
	refuses(es(with("exp", "0")), "expired");
	settings.auth_skew_us = 0;
	refuses(es(with("exp", "1767225600")), "expired");
	accepts(es(with("exp", "1767225601")));
	refuses(es(with("nbf", "1767225601")), "not valid yet");
	settings.auth_skew_us = 30000000;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, token_set_up_test, token_tear_down_test)
	const struct CMUnitTest tests[] = {
		TEST(refuses_loose_base64),
		TEST(refuses_other_numbers_of_parts),
		TEST(bounds_the_length),
		TEST(bounds_the_depth),
		TEST(refuses_loose_json),
		TEST(refuses_equal_members),
		TEST(needs_every_claim_in_its_type),
		TEST(needs_our_issuer_and_audience),
		TEST(holds_to_the_times),
	};

	return cmocka_run_group_tests(tests, token_set_up, token_tear_down);
}
