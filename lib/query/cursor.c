#include "lib/query/cursor.h"

#include <assert.h>
#include <string.h>

#include "lib/base/base64url.h"
#include "lib/base/span.h"

enum {
	VERSION = 1,
	SIGNATURE_BYTES = 16,
	CURSOR_BYTES = CURSOR_TOKEN_MAX / 4 * 3 /* of the longest token */
};

/* ---- writing */

static void put_body(struct buf *b, const struct cursor *c)
{
	buf_put_integer(b, VERSION, 1);
	buf_put_integer(b, 0, 1);
	buf_put_integer(b, (uint64_t)c->total, 8);
	buf_put_integer(b, (uint64_t)c->offset, 8);
	buf_put_integer(b, c->values_n, 2);
	/* One value too long is enough: the rest would only cost memory. */
	for (size_t i = 0; i < c->values_n && b->len <= CURSOR_BYTES; i++) {
		size_t len = c->values[i] ? strlen(c->values[i]) : 0;

		buf_put_integer(b, c->values[i] ? (uint64_t)len + 1 : 0, 4);
		buf_put(b, c->values[i], len);
	}
}

static void sign(const uint8_t key[SECRET_KEY_BYTES], const char *bound, const void *body,
	size_t len, uint8_t out[SECRET_KEY_BYTES])
{
	struct buf b = { 0 };

	buf_put(&b, bound, strlen(bound) + 1);
	buf_put(&b, body, len);
	secret_key_sign(key, b.data, b.len, out);
	buf_free(&b);
}

static const char *seal(
	struct arena *a, const uint8_t key[SECRET_KEY_BYTES], const char *bound, struct buf *body)
{
	uint8_t signature[SECRET_KEY_BYTES];
	struct buf text = { 0 };

	sign(key, bound, body->data, body->len, signature);
	buf_put(body, signature, SIGNATURE_BYTES);
	base64url_encode(&text, body->data, body->len);
	const char *token = arena_strndup(a, text.data, text.len);

	buf_free(&text);
	return token;
}

int cursor_write(struct arena *a, const uint8_t key[SECRET_KEY_BYTES], const char *bound,
	const struct cursor *c, const char **token, struct err *e)
{
	struct buf body = { 0 };
	int failed = 0;

	assert(c->values_n <= CURSOR_VALUES_MAX && c->total >= -1 && c->offset >= -1);
	put_body(&body, c);
	if (body.len + SIGNATURE_BYTES > CURSOR_BYTES)
		failed = err_set(e, ERR_UNPROCESSABLE,
			"the last row's values are too long to sort pages by them: sort by shorter "
			"columns");
	else
		*token = seal(a, key, bound, &body);
	buf_free(&body);
	return failed;
}

/* ---- reading */

static const char *take_value(struct arena *a, struct span *s)
{
	size_t len = (size_t)span_integer(s, 4);
	const uint8_t *p = len ? span_take(s, len - 1) : NULL;

	if (!p)
		return NULL;
	s->bad = memchr(p, '\0', len - 1) != NULL;
	return arena_strndup(a, (const char *)p, len - 1);
}

/* A signature that holds is still no promise: an older program may have made the token. */
static bool read_body(struct arena *a, struct span *s, struct cursor *c)
{
	if (span_integer(s, 1) != VERSION || span_integer(s, 1) != 0)
		return false;
	c->total = (int64_t)span_integer(s, 8);
	c->offset = (int64_t)span_integer(s, 8);
	c->values_n = (size_t)span_integer(s, 2);
	if (c->total < -1 || c->offset < -1 || c->values_n > CURSOR_VALUES_MAX)
		return false;
	for (size_t i = 0; i < c->values_n; i++)
		c->values[i] = take_value(a, s);
	return !s->bad && s->left == 0;
}

static bool holds(const uint8_t key[SECRET_KEY_BYTES], const char *bound, const struct buf *b)
{
	uint8_t signature[SECRET_KEY_BYTES];

	if (b->len < SIGNATURE_BYTES)
		return false;
	size_t len = b->len - SIGNATURE_BYTES;

	sign(key, bound, b->data, len, signature);
	return secret_key_equal(signature, (const uint8_t *)b->data + len, SIGNATURE_BYTES);
}

int cursor_read(struct arena *a, const uint8_t key[SECRET_KEY_BYTES], const char *bound,
	const char *token, struct cursor *c, struct err *e)
{
	size_t len = strlen(token);
	struct buf b = { 0 };
	struct cursor read = { 0 };
	bool ok = len <= CURSOR_TOKEN_MAX && base64url_decode(token, len, &b) == 0 &&
		  holds(key, bound, &b);

	if (ok) {
		struct span s = { (const uint8_t *)b.data, b.len - SIGNATURE_BYTES, false };

		ok = read_body(a, &s, &read);
	}
	buf_free(&b);
	if (!ok)
		return err_set(e, ERR_BAD_REQUEST, "page.after is no token for this query");
	*c = read;
	return 0;
}
