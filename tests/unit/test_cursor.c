/*
 * Page tokens of queries: what is written is read again, and nothing else is. Includes cursor.c, so
 * that forged bodies can be signed.
 */
#include "lib/query/cursor.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t key[SECRET_KEY_BYTES] = "not a secret at all, 32 bytes...";
static const char bound[] = "{\"from\":\"users\"}\nalice";

/* Of a single value. */
enum { LONGEST = CURSOR_BYTES - 20 - 4 - SIGNATURE_BYTES };

static const char *write_token(struct arena *a, const struct cursor *c)
{
	const char *token = NULL;
	struct err e = { 0 };

	if (cursor_write(a, key, bound, c, &token, &e))
		fail_msg("%s", e.text);
	return token;
}

static void refuses(struct arena *a, const uint8_t with[SECRET_KEY_BYTES], const char *for_what,
	const char *token)
{
	struct cursor c = { .total = 77, .values_n = 3 };
	struct err e = { 0 };

	if (cursor_read(a, with, for_what, token, &c, &e) == 0)
		fail_msg("taken: %s", token);
	assert_int_equal(e.code, ERR_BAD_REQUEST);
	assert_string_equal(e.text, "page.after is no token for this query");
	assert_true(c.total == 77 && c.values_n == 3);
}

static void round_trip(const struct cursor *c)
{
	struct arena a = { 0 };
	struct cursor again;
	const char *token = write_token(&a, c);

	assert_true(strlen(token) <= CURSOR_TOKEN_MAX);
	assert_int_equal(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789-_"),
		strlen(token));
	assert_string_equal(write_token(&a, c), token);
	memset(&again, 0x5a, sizeof again);
	assert_int_equal(cursor_read(&a, key, bound, token, &again, NULL), 0);
	assert_true(again.total == c->total && again.offset == c->offset);
	assert_int_equal(again.values_n, c->values_n);
	for (size_t i = 0; i < c->values_n; i++) {
		assert_int_equal(again.values[i] == NULL, c->values[i] == NULL);
		if (c->values[i])
			assert_string_equal(again.values[i], c->values[i]);
	}
	arena_free(&a);
}

static struct cursor sample(void)
{
	return (struct cursor){ .total = 1000000,
		.offset = -1,
		.values = { "2024-02-29 12:00:00+00", NULL, "", "J\xc3\xbcrgen" },
		.values_n = 4 };
}

static void reads_what_was_written(void **state)
{
	static const int64_t numbers[] = { -1, 0, 1, 255, 256, INT64_C(1) << 40, INT64_MAX };
	struct cursor c = sample();

	(void)state;
	round_trip(&c);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		c.total = numbers[i];
		c.offset = numbers[sizeof numbers / sizeof *numbers - 1 - i];
		round_trip(&c);
	}
	for (c.values_n = 0; c.values_n <= CURSOR_VALUES_MAX; c.values_n++) {
		round_trip(&c);
		if (c.values_n < CURSOR_VALUES_MAX)
			c.values[c.values_n] = c.values_n % 3 ? "some value" : NULL;
	}
}

/* Every pattern of NULL, empty and not among four values. */
static void tells_null_from_empty(void **state)
{
	static const char *const kinds[] = { NULL, "", "x", "\x01\xff" };

	(void)state;
	for (int pattern = 0; pattern < 256; pattern++) {
		struct cursor c = { .total = -1, .offset = -1, .values_n = 4 };

		for (int i = 0; i < 4; i++)
			c.values[i] = kinds[pattern >> 2 * i & 3];
		round_trip(&c);
	}
}

static void reads_what_was_written_at_random(void **state)
{
	struct cursor c;
	static char texts[CURSOR_VALUES_MAX][120];

	(void)state;
	for (int round = 0; round < 2000; round++) {
		c.total = random() % 3 ? random() : -1;
		c.offset = random() % 3 ? random() : -1;
		c.values_n = (size_t)random() % (CURSOR_VALUES_MAX + 1);
		for (size_t i = 0; i < c.values_n; i++) {
			size_t len = (size_t)random() % sizeof *texts;

			for (size_t n = 0; n < len; n++)
				texts[i][n] = (char)(1 + random() % 255);
			texts[i][len] = '\0';
			c.values[i] = random() % 5 ? texts[i] : NULL;
		}
		round_trip(&c);
	}
}

/* A token may be CURSOR_TOKEN_MAX long, and not one byte of a value longer. */
static void stops_at_the_longest(void **state)
{
	static char text[LONGEST + 2];
	struct cursor c = { .total = -1, .offset = -1, .values = { text, text }, .values_n = 1 };
	struct arena a = { 0 };
	const char *token = "as it was";
	struct err e = { 0 };

	(void)state;
	memset(text, 'x', LONGEST);
	assert_int_equal(strlen(write_token(&a, &c)), CURSOR_TOKEN_MAX);
	round_trip(&c);
	text[LONGEST] = 'x';
	assert_int_equal(cursor_write(&a, key, bound, &c, &token, &e), -1);
	assert_int_equal(e.code, ERR_UNPROCESSABLE);
	c.values_n = 2;
	assert_int_equal(cursor_write(&a, key, bound, &c, &token, &e), -1);
	assert_string_equal(token, "as it was");
	arena_free(&a);
}

/* The layout, pinned: made by Python from the header's words (struct.pack, hmac, base64). */
static void keeps_its_layout(void **state)
{
	struct cursor c = sample();
	struct arena a = { 0 };

	(void)state;
	assert_string_equal(write_token(&a, &c),
		"AQBAQg8AAAAAAP__________BAAXAAAAMjAyNC0wMi0yOSAxMjowMDowMCswMAAAAAABAA"
		"AACAAAAErDvHJnZW7iqbBTWw6Ir_wpxPIDUxIO");
	arena_free(&a);
}

/* ---- what does not hold */

static void refuses_every_changed_bit(void **state)
{
	struct cursor c = sample();
	struct arena a = { 0 };
	struct buf bytes = { 0 };
	const char *token = write_token(&a, &c);

	(void)state;
	assert_int_equal(base64url_decode(token, strlen(token), &bytes), 0);
	for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
		struct buf text = { 0 };

		bytes.data[bit / 8] ^= (char)(1 << bit % 8);
		base64url_encode(&text, bytes.data, bytes.len);
		refuses(&a, key, bound, buf_str(&text));
		bytes.data[bit / 8] ^= (char)(1 << bit % 8);
		buf_free(&text);
	}
	buf_free(&bytes);
	arena_free(&a);
}

static void refuses_every_changed_character(void **state)
{
	struct cursor c = sample();
	struct arena a = { 0 };
	char *token = arena_strdup(&a, write_token(&a, &c));

	(void)state;
	for (size_t i = 0; token[i]; i++) {
		char kept = token[i];

		for (int other = 1; other < 256; other++) {
			token[i] = (char)other;
			if (token[i] != kept)
				refuses(&a, key, bound, token);
		}
		token[i] = kept;
	}
	refuses(&a, key, bound, arena_printf(&a, "%sA", token));
	refuses(&a, key, bound, arena_printf(&a, "%sAAAA", token));
	refuses(&a, key, bound, arena_printf(&a, "%s=", token));
	refuses(&a, key, bound, arena_printf(&a, "%s%s", token, token));
	for (size_t len = strlen(token); len-- > 0;) {
		token[len] = '\0';
		refuses(&a, key, bound, token);
	}
	arena_free(&a);
}

/* Though signed: nothing longer than the longest is looked at. */
static void refuses_what_is_too_long(void **state)
{
	static char text[LONGEST + 2];
	struct cursor c = { .total = -1, .offset = -1, .values = { text }, .values_n = 1 }, again;
	struct arena a = { 0 };
	struct buf b = { 0 };
	const char *token;

	(void)state;
	memset(text, 'x', LONGEST);
	put_body(&b, &c);
	token = seal(&a, key, bound, &b);
	assert_int_equal(cursor_read(&a, key, bound, token, &again, NULL), 0);
	b.len = 0;
	text[LONGEST] = 'x';
	put_body(&b, &c);
	token = seal(&a, key, bound, &b);
	assert_int_equal(strlen(token), CURSOR_TOKEN_MAX + 2);
	refuses(&a, key, bound, token);
	buf_free(&b);
	arena_free(&a);
}

/* All but the text that it was made for, and all but the key that it was made with. */
static void is_bound(void **state)
{
	struct cursor c = sample();
	struct arena a = { 0 };
	const char *token = write_token(&a, &c);
	char *other = arena_strdup(&a, bound);
	uint8_t wrong[SECRET_KEY_BYTES];

	(void)state;
	refuses(&a, key, "", token);
	refuses(&a, key, arena_printf(&a, "%s ", bound), token);
	for (size_t i = 0; other[i]; i++) {
		other[i] ^= 1;
		refuses(&a, key, other, token);
		other[i] ^= 1;
	}
	for (size_t len = strlen(other); len-- > 0;) {
		other[len] = '\0';
		refuses(&a, key, other, token);
	}
	for (int bit = 0; bit < 8 * SECRET_KEY_BYTES; bit++) {
		memcpy(wrong, key, sizeof wrong);
		wrong[bit / 8] ^= (uint8_t)(1 << bit % 8);
		refuses(&a, wrong, bound, token);
	}
	arena_free(&a);
}

/* Where the bound ends and the body begins cannot be moved: a token's own first byte is no NUL. */
static void does_not_run_together_with_its_bound(void **state)
{
	struct cursor c = { .total = -1, .offset = -1, .values = { "x" }, .values_n = 1 };
	struct arena a = { 0 };
	const char *first, *second;

	(void)state;
	assert_int_equal(cursor_write(&a, key, "ab", &c, &first, NULL), 0);
	assert_int_equal(cursor_write(&a, key, "a", &c, &second, NULL), 0);
	refuses(&a, key, "a", first);
	refuses(&a, key, "ab", second);
	arena_free(&a);
}

/* ---- bodies that are signed and wrong all the same */

static const char *seal_copy(struct arena *a, const void *body, size_t len)
{
	struct buf b = { 0 };

	buf_put(&b, body, len);
	const char *token = seal(a, key, bound, &b);

	buf_free(&b);
	return token;
}

static void trusts_no_signed_body(void **state)
{
	struct cursor c = sample(), again;
	struct arena a = { 0 };
	struct buf b = { 0 };

	(void)state;
	put_body(&b, &c);
	assert_int_equal(
		cursor_read(&a, key, bound, seal_copy(&a, b.data, b.len), &again, NULL), 0);
	for (size_t len = 0; len < b.len; len++)
		refuses(&a, key, bound, seal_copy(&a, b.data, len));
	buf_putc(&b, '\0');
	refuses(&a, key, bound, seal_copy(&a, b.data, b.len));
	b.len--;

	/* version, flags, sign of total and offset, count, a length, a byte of a value */
	static const struct {
		size_t at;
		uint8_t byte;
	} changes[] = { { 0, 0 }, { 0, 2 }, { 1, 1 }, { 9, 0x80 }, { 17, 0x80 }, { 10, 0xfe },
		{ 18, 3 }, { 18, 5 }, { 18, 65 }, { 19, 1 }, { 20, 22 }, { 20, 24 }, { 20, 0xff },
		{ 23, 0xff }, { 24, 0 }, { 45, 0 } };

	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		char kept = b.data[changes[i].at];

		b.data[changes[i].at] = (char)changes[i].byte;
		refuses(&a, key, bound, seal_copy(&a, b.data, b.len));
		b.data[changes[i].at] = kept;
	}
	buf_free(&b);
	arena_free(&a);
}

/* 65 values that are all there. */
static void refuses_too_many_values(void **state)
{
	uint8_t body[20 + 4 * (CURSOR_VALUES_MAX + 1)] = { VERSION };
	struct arena a = { 0 };
	struct cursor c;

	(void)state;
	body[18] = CURSOR_VALUES_MAX + 1;
	refuses(&a, key, bound, seal_copy(&a, body, sizeof body));
	body[18] = CURSOR_VALUES_MAX;
	assert_int_equal(
		cursor_read(&a, key, bound, seal_copy(&a, body, sizeof body - 4), &c, NULL), 0);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_was_written),
		cmocka_unit_test(tells_null_from_empty),
		cmocka_unit_test(reads_what_was_written_at_random),
		cmocka_unit_test(stops_at_the_longest),
		cmocka_unit_test(keeps_its_layout),
		cmocka_unit_test(refuses_every_changed_bit),
		cmocka_unit_test(refuses_every_changed_character),
		cmocka_unit_test(refuses_what_is_too_long),
		cmocka_unit_test(is_bound),
		cmocka_unit_test(does_not_run_together_with_its_bound),
		cmocka_unit_test(trusts_no_signed_body),
		cmocka_unit_test(refuses_too_many_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
