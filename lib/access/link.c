#include "lib/access/link.h"

#include <assert.h>
#include <string.h>

#include "lib/base/base64url.h"

enum {
	VERSION = 1,
	ID_AT = 1,
	ID_BYTES = 16,
	EXPIRES_AT = ID_AT + ID_BYTES,
	MAC_AT = EXPIRES_AT + 8,
	TOKEN_BYTES = MAC_AT + SECRET_KEY_BYTES
};

static const char digits[] = "0123456789abcdef";
static const char purpose[] = "link";

void link_keys_init(struct link_keys *k, const struct secret_key *secret)
{
	secret_key_derive(secret, purpose, k->key);
	k->has_previous = secret_key_derive_previous(secret, purpose, k->previous);
}

static bool is_dash(int i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

static void put_id(uint8_t *to, const char *id)
{
	int n = 0;

	assert(strlen(id) == UUID_TEXT - 1);
	for (int i = 0; i < UUID_TEXT - 1; i++) {
		if (is_dash(i))
			continue;
		const char *digit = strchr(digits, id[i]);

		assert(digit);
		to[n / 2] = (uint8_t)(to[n / 2] << 4 | (digit - digits));
		n++;
	}
}

static void take_id(const uint8_t *from, char id[UUID_TEXT])
{
	int n = 0;

	for (int i = 0; i < UUID_TEXT - 1; i++) {
		if (is_dash(i)) {
			id[i] = '-';
			continue;
		}
		id[i] = digits[n % 2 ? from[n / 2] & 15 : from[n / 2] >> 4];
		n++;
	}
	id[UUID_TEXT - 1] = '\0';
}

void link_sign(const struct link_keys *k, const struct link_token *t, char out[LINK_TOKEN_TEXT])
{
	uint8_t bytes[TOKEN_BYTES] = { VERSION };
	struct buf text = { 0 };

	put_id(bytes + ID_AT, t->id);
	for (int i = 0; i < 8; i++)
		bytes[EXPIRES_AT + i] = (uint8_t)((uint64_t)t->expires_s >> (56 - 8 * i));
	secret_key_sign(k->key, bytes, MAC_AT, bytes + MAC_AT);
	base64url_encode(&text, bytes, sizeof bytes);
	assert(text.len == LINK_TOKEN_TEXT - 1);
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	buf_free(&text);
}

static bool is_signed(const uint8_t key[SECRET_KEY_BYTES], const uint8_t *bytes)
{
	uint8_t mac[SECRET_KEY_BYTES];

	secret_key_sign(key, bytes, MAC_AT, mac);
	return secret_key_equal(mac, bytes + MAC_AT, sizeof mac);
}

static bool is_ours(const struct link_keys *k, const struct buf *b)
{
	const uint8_t *bytes = (const uint8_t *)b->data;

	return b->len == TOKEN_BYTES && bytes[0] == VERSION &&
	       (is_signed(k->key, bytes) || (k->has_previous && is_signed(k->previous, bytes)));
}

int link_check(const struct link_keys *k, const char *token, int64_t now_s, struct link_token *t,
	struct err *e)
{
	struct buf b = { 0 };
	uint64_t expires = 0;

	if (strlen(token) != LINK_TOKEN_TEXT - 1 ||
		base64url_decode(token, LINK_TOKEN_TEXT - 1, &b) || !is_ours(k, &b)) {
		buf_free(&b);
		return err_set(e, ERR_FORBIDDEN, "the link is not one that was given out here");
	}
	take_id((const uint8_t *)b.data + ID_AT, t->id);
	for (int i = 0; i < 8; i++)
		expires = expires << 8 | (uint8_t)b.data[EXPIRES_AT + i];
	t->expires_s = (int64_t)expires;
	buf_free(&b);
	if (t->expires_s <= now_s)
		return err_set(e, ERR_GONE, "the link has expired");
	return 0;
}
