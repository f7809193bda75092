/*
 * The page token: base64url without padding (RFC 4648 §5) of
 *
 *	version      1 byte
 *	flags        1 byte: IS_EMPTY, IS_DEFLATED
 *	fingerprint  4 bytes, CRC-32 of what it was made for: table, key, type, number of pages
 *	body         the bounds; deflated: a varint of its length, then a zlib stream (RFC 1950)
 *	checksum     4 bytes, CRC-32 of all before
 *
 * Body, by the key's kind; varints are LEB128, least significant seven bits first:
 *	integer          MIN, zigzag-coded, and MAX - MIN: the inner bounds follow from them
 *	date, timestamp  the first bound, zigzag-coded; each other less the one before
 *	text             every bound: how many bytes of the one before, how many more, those
 *	uuid             the same of 16 bytes, less the zeros at their end
 * Integers of 4 bytes are little endian.
 *
 * Whoever holds a token can forge one. So reading trusts nothing: lengths are bounded, numbers must
 * be in order and in range, text valid UTF-8 without NUL.
 */
#include "lib/query/page.h"

#include <assert.h>
#include <zlib.h>

#include "lib/base/base64url.h"
#include "lib/base/span.h"
#include "lib/query/page_value.h"

enum {
	VERSION = 1,
	IS_EMPTY = 1,
	IS_DEFLATED = 2,
	HEAD_LEN = 6,
	SUM_LEN = 4,
	TOKEN_BYTES = PAGE_TOKEN_MAX / 4 * 3,
	BODY_MAX = 64 * 1024, /* inflated */
	VALUE_MAX = 4096      /* bytes of a text; a B-tree on it takes 2,704 */
};

static void put_varint(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_putc(b, (char)(v | 0x80));
	buf_putc(b, (char)v);
}

static uint64_t take_varint(struct span *s)
{
	uint64_t v = 0;

	for (int shift = 0; shift < 64; shift += 7) {
		const uint8_t *p = span_take(s, 1);

		if (!p)
			return 0;
		v |= (uint64_t)(*p & 0x7f) << shift;
		if (!(*p & 0x80))
			return v;
	}
	s->bad = true;
	return 0;
}

static uint32_t fingerprint(const struct page_key *key, int32_t total)
{
	struct buf b = { 0 };

	/* The final NULs are part of it, so that no two keys run together the same. */
	buf_put(&b, key->table, strlen(key->table) + 1);
	buf_put(&b, key->column, strlen(key->column) + 1);
	buf_put(&b, key->type, strlen(key->type) + 1);
	buf_put_integer(&b, (uint32_t)total, 4);
	uint32_t crc = (uint32_t)crc32_z(0, (const Bytef *)b.data, b.len);

	buf_free(&b);
	return crc;
}

static uint64_t zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1 ^ (v & 1 ? UINT64_MAX : 0));
}

/* All bounds, or of an integer key the two ends. */
static void put_numbers(struct buf *body, enum page_kind kind, const struct page_bounds *b)
{
	int64_t value = 0, before = 0;
	int32_t step = kind == PAGE_INTEGER ? b->total : 1;

	for (int32_t i = 0; i <= b->total; i += step) {
		bool ok = page_number_parse(kind, b->values[i], &value);

		assert(ok && (i == 0 || value >= before));
		(void)ok;
		put_varint(body, i == 0 ? zigzag(value) : (uint64_t)value - (uint64_t)before);
		before = value;
	}
}

/* The next number, not before the one before; unsigned, so that from MIN to MAX is no overflow. */
static int64_t take_number(struct span *s, enum page_kind kind, int64_t before)
{
	uint64_t delta = take_varint(s);

	if (delta > (uint64_t)INT64_MAX - (uint64_t)before)
		s->bad = true;
	int64_t value = (int64_t)((uint64_t)before + delta);

	if (!page_number_valid(kind, value))
		s->bad = true;
	return value;
}

static void take_numbers(
	struct arena *a, struct span *s, enum page_kind kind, struct page_bounds *out)
{
	int64_t value = unzigzag(take_varint(s));

	if (!page_number_valid(kind, value))
		s->bad = true;
	if (kind == PAGE_INTEGER) {
		int64_t max = take_number(s, kind, value);

		if (!s->bad)
			page_bounds_integer(a, value, max, out->total, out);
		return;
	}
	for (int32_t i = 0; i <= out->total && !s->bad; i++) {
		if (i > 0)
			value = take_number(s, kind, value);
		if (!s->bad)
			out->values[i] = page_number_text(a, kind, value);
	}
}

static size_t shared_len(const void *a, size_t a_len, const void *b, size_t b_len)
{
	const uint8_t *x = a, *y = b;
	size_t n = 0;

	while (n < a_len && n < b_len && x[n] == y[n])
		n++;
	return n;
}

/* Front coding: *last is the value before and becomes this one. */
static void put_front(struct buf *body, struct buf *last, const void *data, size_t len)
{
	size_t shared = shared_len(last->data, last->len, data, len);

	put_varint(body, shared);
	put_varint(body, len - shared);
	buf_put(body, (const char *)data + shared, len - shared);
	last->len = shared;
	buf_put(last, (const char *)data + shared, len - shared);
}

static void take_front(struct span *s, struct buf *last)
{
	uint64_t shared = take_varint(s), len = take_varint(s);

	if (shared > last->len || len > VALUE_MAX - shared)
		s->bad = true;
	const uint8_t *p = span_take(s, len);

	if (!p)
		return;
	last->len = shared;
	buf_put(last, p, len);
}

/* False when a text is too long for any token. */
static bool put_strings(struct buf *body, enum page_kind kind, const struct page_bounds *b)
{
	struct buf last = { 0 };
	uint8_t uuid[PAGE_UUID_BYTES];
	size_t longest = 0;

	for (int32_t i = 0; i <= b->total && longest <= VALUE_MAX; i++) {
		const void *data = b->values[i];
		size_t len = strlen(b->values[i]);

		if (kind == PAGE_UUID) {
			bool ok = page_uuid_parse(b->values[i], uuid);

			assert(ok);
			(void)ok;
			data = uuid;
			for (len = PAGE_UUID_BYTES; len && !uuid[len - 1];)
				len--;
		}
		put_front(body, &last, data, len);
		longest = len > longest ? len : longest;
	}
	buf_free(&last);
	return longest <= VALUE_MAX;
}

static const char *uuid_of(struct arena *a, const struct buf *b)
{
	uint8_t bytes[PAGE_UUID_BYTES] = { 0 };

	if (b->len > sizeof bytes)
		return NULL;
	if (b->len)
		memcpy(bytes, b->data, b->len);
	return page_uuid_text(a, bytes);
}

static const char *text_of(struct arena *a, const struct buf *b)
{
	if (b->len == 0)
		return "";
	if (memchr(b->data, '\0', b->len) || !utf8_valid(b->data, b->len))
		return NULL;
	return arena_strndup(a, b->data, b->len);
}

static void take_strings(
	struct arena *a, struct span *s, enum page_kind kind, struct page_bounds *out)
{
	struct buf last = { 0 };

	for (int32_t i = 0; i <= out->total && !s->bad; i++) {
		take_front(s, &last);
		if (s->bad)
			break;
		out->values[i] = kind == PAGE_UUID ? uuid_of(a, &last) : text_of(a, &last);
		if (!out->values[i])
			s->bad = true;
	}
	buf_free(&last);
}

/* Append the body, deflated when that is shorter. */
static void put_body(struct buf *out, const struct buf *body)
{
	struct buf packed = { 0 };
	uLongf len = compressBound(body->len);

	put_varint(&packed, body->len);
	int status = compress2((Bytef *)buf_reserve(&packed, len), &len, (const Bytef *)body->data,
		body->len, Z_BEST_COMPRESSION);

	packed.len += len;
	if (status == Z_OK && packed.len < body->len) {
		out->data[1] |= IS_DEFLATED;
		buf_put(out, packed.data, packed.len);
	} else {
		buf_put(out, body->data, body->len);
	}
	buf_free(&packed);
}

/* The token's bytes, less base64; false when there would be too many. */
static bool seal(struct buf *out, const struct page_key *key, const struct page_bounds *b)
{
	struct buf body = { 0 };
	bool fits = true;

	buf_putc(out, VERSION);
	buf_putc(out, b->empty ? IS_EMPTY : 0);
	buf_put_integer(out, fingerprint(key, b->total), 4);
	if (!b->empty) {
		if (key->kind == PAGE_TEXT || key->kind == PAGE_UUID)
			fits = put_strings(&body, key->kind, b);
		else
			put_numbers(&body, key->kind, b);
		fits = fits && body.len <= BODY_MAX;
		if (fits)
			put_body(out, &body);
	}
	buf_free(&body);
	buf_put_integer(out, (uint32_t)crc32_z(0, (const Bytef *)out->data, out->len), 4);
	return fits && out->len <= TOKEN_BYTES;
}

int page_token_write(struct arena *a, const struct page_key *key, const struct page_bounds *b,
	const char **token, struct err *e)
{
	struct buf bytes = { 0 }, text = { 0 };
	bool fits = seal(&bytes, key, b);

	if (fits) {
		base64url_encode(&text, bytes.data, bytes.len);
		*token = arena_strndup(a, text.data, text.len);
	}
	buf_free(&bytes);
	buf_free(&text);
	if (!fits)
		return err_set(e, ERR_UNPROCESSABLE,
			"the keys are too long for %d pages: ask for fewer pages", (int)b->total);
	return 0;
}

/* Point *s at the body, inflated into *room if need be. */
static void unpack(struct span *s, struct buf *room)
{
	uint64_t len = take_varint(s);
	uLongf inflated = len;
	uLong used = s->left;

	if (s->bad || len > BODY_MAX ||
		uncompress2((Bytef *)buf_reserve(room, len + 1), &inflated, s->p, &used) != Z_OK ||
		inflated != len || used != s->left) {
		s->bad = true;
		return;
	}
	*s = (struct span){ (const uint8_t *)room->data, len, false };
}

static void take_body(struct arena *a, struct span *s, int flags, const struct page_key *key,
	struct page_bounds *out)
{
	struct buf room = { 0 };

	if (flags & ~(IS_EMPTY | IS_DEFLATED)) {
		s->bad = true;
	} else if (flags & IS_EMPTY) {
		out->empty = true;
	} else {
		if (flags & IS_DEFLATED)
			unpack(s, &room);
		out->values = arena_alloc(a, ((size_t)out->total + 1) * sizeof *out->values);
		if (key->kind == PAGE_TEXT || key->kind == PAGE_UUID)
			take_strings(a, s, key->kind, out);
		else
			take_numbers(a, s, key->kind, out);
	}
	if (s->left)
		s->bad = true;
	buf_free(&room);
}

static int open_bytes(struct arena *a, const struct page_key *key, const struct buf *bytes,
	struct page_bounds *out, struct err *e)
{
	struct span s = { (const uint8_t *)bytes->data, bytes->len, false };

	if (s.left < HEAD_LEN + SUM_LEN)
		return err_set(e, ERR_BAD_REQUEST, "the page token is damaged");
	struct span sum = { s.p + s.left - SUM_LEN, SUM_LEN, false };

	s.left -= SUM_LEN;
	if (span_integer(&sum, 4) != (uint32_t)crc32_z(0, s.p, s.left))
		return err_set(e, ERR_BAD_REQUEST, "the page token is damaged");
	const uint8_t *head = span_take(&s, 2);

	if (head[0] != VERSION)
		return err_set(e, ERR_BAD_REQUEST,
			"the page token is of another version: begin again without one");
	if (span_integer(&s, 4) != fingerprint(key, out->total))
		return err_set(e, ERR_BAD_REQUEST,
			"the page token was made for another table, key or number of pages");
	take_body(a, &s, head[1], key, out);
	return s.bad ? err_set(e, ERR_BAD_REQUEST, "the page token is damaged") : 0;
}

int page_token_read(struct arena *a, const struct page_key *key, int32_t total, const char *token,
	struct page_bounds *out, struct err *e)
{
	struct buf bytes = { 0 };
	int failed;

	assert(total >= 1 && total <= PAGE_TOTAL_MAX);
	*out = (struct page_bounds){ .total = total };
	size_t len = strnlen(token, PAGE_TOKEN_MAX + 1);

	if (len > PAGE_TOKEN_MAX || base64url_decode(token, len, &bytes))
		failed = err_set(e, ERR_BAD_REQUEST, "the page token is damaged");
	else
		failed = open_bytes(a, key, &bytes, out, e);
	buf_free(&bytes);
	if (failed)
		*out = (struct page_bounds){ 0 };
	return failed;
}
