/*
 * Page tokens from a stranger. The first byte picks the key's type and how the rest is taken: as
 * the token's characters; as a body that is sealed, so that it is read; or as such a body,
 * deflated. What is read must be whole, give a condition for each page, and be read again from the
 * token that it is written to.
 */
#include <stdlib.h>

#include "lib/query/page_token.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const sql_types[] = { "bigint", "text", "uuid", "date",
	"timestamp without time zone", "timestamp with time zone" };

enum {
	AS_TEXT,
	AS_BODY,
	AS_DEFLATED,
	WAYS_N,
	TYPES = sizeof sql_types / sizeof *sql_types,
	PICKS_N = (int)TYPES * WAYS_N
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static const char *forge(struct arena *a, const struct page_key *key, int32_t total, bool deflated,
	const uint8_t *body, size_t len)
{
	struct buf b = { 0 }, text = { 0 };
	uLongf packed_len = compressBound(len);

	buf_putc(&b, VERSION);
	buf_putc(&b, deflated ? IS_DEFLATED : 0);
	buf_put_integer(&b, fingerprint(key, total), 4);
	if (deflated) {
		put_varint(&b, len);
		check(compress((Bytef *)buf_reserve(&b, packed_len), &packed_len, body, len) ==
			Z_OK);
		b.len += packed_len;
	} else {
		buf_put(&b, body, len);
	}
	buf_put_integer(&b, (uint32_t)crc32_z(0, (const Bytef *)b.data, b.len), 4);
	base64url_encode(&text, b.data, b.len);
	const char *token = arena_strdup(a, buf_str(&text));

	buf_free(&b);
	buf_free(&text);
	return token;
}

static void check_pages(struct arena *a, const struct page_key *key, const struct page_bounds *b)
{
	for (int32_t i = 1; i <= b->total; i++) {
		struct page_predicate p;

		page_predicate(a, key, b, i, 1, &p);
		check(p.sql && (p.params_n == 0 || p.params_n == 2));
		for (size_t n = 0; n < p.params_n; n++)
			check(utf8_valid(p.params[n], strlen(p.params[n])));
	}
}

/* A forged token may be packed better than ours: then there is none to write. */
static void check_again(struct arena *a, const struct page_key *key, const struct page_bounds *b)
{
	struct page_bounds again;
	const char *token;

	if (page_token_write(a, key, b, &token, NULL))
		return;
	check(page_token_read(a, key, b->total, token, &again, NULL) == 0);
	check(again.empty == b->empty);
	for (int32_t i = 0; !b->empty && i <= b->total; i++)
		check(strcmp(b->values[i], again.values[i]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct page_key key = { .table = "t", .column = "k", .nullable = true, .rows = -1 };
	struct page_bounds bounds;
	struct arena a = { 0 };
	const char *token;

	if (len < 2)
		return 0;
	int pick = data[0] % PICKS_N;
	int32_t total = 1 + data[1] * 2 % PAGE_TOTAL_MAX;

	check(page_key_type(sql_types[pick / WAYS_N], &key));
	if (pick % WAYS_N == AS_TEXT)
		token = arena_strndup(&a, (const char *)data + 2, len - 2);
	else
		token = forge(&a, &key, total, pick % WAYS_N == AS_DEFLATED, data + 2, len - 2);
	if (page_token_read(&a, &key, total, token, &bounds, NULL) == 0) {
		check_pages(&a, &key, &bounds);
		check_again(&a, &key, &bounds);
	}
	arena_free(&a);
	return 0;
}
