#include "lib/query/increment.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/sha.h>
#include <string.h>

#include "lib/base/base64url.h"
#include "lib/base/span.h"

enum { VERSION = 1, CHECK_BYTES = 8, HEAD_BYTES = 1 + 8 + 3 * 4 + 3 * 8, TEXT_MAX = 16 * 1024 };

/* ---- SQL */

/* By age(), which counts from a number that stays the same for a transaction, and so from the same for both: five times as
 * fast as xmin's text. What is older than every number, it has for 2^31 - 1: that is beyond the reach of any cursor. */
const char *increment_distance(struct arena *a, const char *xid, const char *next)
{
	return arena_printf(a,
		"((age(%s)::bigint - (SELECT age(((%s) & 4294967295)::text::xid)) - 1)"
		" & 4294967295) + 1",
		xid, next);
}

const char *increment_condition(struct arena *a, const struct increment *i)
{
	const char *next = arena_printf(a, "%" PRIu64 "::bigint", i->next);
	const char *distance = increment_distance(a, "xmin", next);

	assert(i->to <= i->next && (i->is_start || i->from <= i->to));
	const char *ended = arena_printf(a, "%s > %" PRIu64, distance, i->next - i->to);
	const char *own = i->is_start ? ended
				      : arena_printf(a, "%s BETWEEN %" PRIu64 " AND %" PRIu64,
						distance, i->next - i->to + 1, i->next - i->from);

	if (!i->old_members)
		return own;
	return arena_printf(a,
		"(%s AND tableoid = ANY ('%s'::oid[]) OR %s AND tableoid = ANY ('%s'::oid[]))", own,
		i->old_members, ended, i->new_members);
}

/* ---- cursors */

const char *increment_cursor_write(struct arena *a, const struct increment_cursor *c)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct buf b = { 0 }, text = { 0 };

	buf_put_integer(&b, VERSION, 1);
	buf_put_integer(&b, c->system, 8);
	buf_put_integer(&b, c->timeline, 4);
	buf_put_integer(&b, c->database, 4);
	buf_put_integer(&b, c->table, 4);
	buf_put_integer(&b, c->rows, 8);
	buf_put_integer(&b, c->from, 8);
	buf_put_integer(&b, (uint64_t)c->made_us, 8);
	buf_puts(&b, c->key);
	SHA256((const unsigned char *)b.data, b.len, digest);
	buf_put(&b, digest, CHECK_BYTES);
	base64url_encode(&text, b.data, b.len);
	const char *written = arena_strndup(a, text.data, text.len);

	buf_free(&text);
	buf_free(&b);
	return written;
}

static bool is_whole(const struct buf *b)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	if (b->len <= HEAD_BYTES + CHECK_BYTES || *(const uint8_t *)b->data != VERSION)
		return false;
	SHA256((const unsigned char *)b->data, b->len - CHECK_BYTES, digest);
	return !memcmp(digest, b->data + b->len - CHECK_BYTES, CHECK_BYTES);
}

int increment_cursor_read(
	struct arena *a, const char *text, struct increment_cursor *c, struct err *e)
{
	struct buf b = { 0 };
	size_t len = strlen(text);
	bool ok = len <= TEXT_MAX && base64url_decode(text, len, &b) == 0 && is_whole(&b);

	if (ok) {
		struct span s = { (const uint8_t *)b.data + 1, b.len - 1 - CHECK_BYTES, false };

		c->system = span_integer(&s, 8);
		c->timeline = (uint32_t)span_integer(&s, 4);
		c->database = (uint32_t)span_integer(&s, 4);
		c->table = (uint32_t)span_integer(&s, 4);
		c->rows = span_integer(&s, 8);
		c->from = span_integer(&s, 8);
		c->made_us = (int64_t)span_integer(&s, 8);
		c->key = arena_strndup(a, (const char *)s.p, s.left);
		ok = c->from <= INT64_MAX; /* SQL has it as a bigint */
	}
	buf_free(&b);
	if (ok)
		return 0;
	return err_set(e, ERR_BAD_REQUEST,
		"since is \"" INCREMENT_START "\", or the nextCursor of an export, unchanged");
}
