/*
 * Page tokens of queries from a stranger. The first byte picks how the rest is taken: as the token's characters; as its
 * bytes; or as a body that is signed with the right key, so that the parser behind the signature is reached. What is
 * read must be whole, and what is written of it the very same token, for it has one spelling.
 */
#include <stdlib.h>

#include "lib/query/cursor.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { AS_TEXT, AS_BYTES, AS_BODY, WAYS_N };

static const uint8_t key[SECRET_KEY_BYTES] = "a key that the fuzzer knows, 32.";
static const char bound[] = "bound";

static void check(bool holds)
{
	if (!holds)
		abort();
}

static const char *token_of(struct arena *a, int way, const uint8_t *data, size_t len)
{
	struct buf b = { 0 }, text = { 0 };
	const char *token;

	if (way == AS_TEXT)
		return arena_strndup(a, (const char *)data, len);
	buf_put(&b, data, len);
	if (way == AS_BODY) {
		token = seal(a, key, bound, &b);
	} else {
		base64url_encode(&text, data, len);
		token = arena_strdup(a, buf_str(&text));
	}
	buf_free(&b);
	buf_free(&text);
	return token;
}

/* Every byte is looked at, for a sanitizer. */
static size_t length_of(const struct cursor *c)
{
	size_t len = 0;

	check(c->values_n <= CURSOR_VALUES_MAX && c->total >= -1 && c->offset >= -1);
	for (size_t i = 0; i < c->values_n; i++)
		len += c->values[i] ? strlen(c->values[i]) : 0;
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct arena a = { 0 };
	struct cursor c;

	if (len < 1)
		return 0;
	const char *again, *token = token_of(&a, data[0] % WAYS_N, data + 1, len - 1);

	if (cursor_read(&a, key, bound, token, &c, NULL) == 0) {
		check(length_of(&c) <= len);
		check(cursor_write(&a, key, bound, &c, &again, NULL) == 0);
		check(strcmp(token, again) == 0);
		check(cursor_read(&a, key, "another", token, &c, NULL) < 0);
	}
	arena_free(&a);
	return 0;
}
