/*
 * Secret key: what page tokens and links are signed and hash masks are keyed with.
 *
 * One secret: secret.key, or else 32 random bytes in the file state.dir/secret that the processes
 * of a host share. From it comes a key for each purpose, so that what is learnt of one is no help
 * with another: HMAC-SHA-256(secret, purpose) (RFC 2104; RFC 5869 §2.3 with one block).
 *
 * The file is made by whichever process is first, whole or not at all: written and synced beside it
 * (O_EXCL), then linked. It must be a plain file of 32 bytes that belongs to us (to root: to whose state.dir is) and that nobody
 * else may read or write.
 */
#ifndef SLUICE_ACCESS_SECRET_KEY_H
#define SLUICE_ACCESS_SECRET_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/settings.h"

enum {
	SECRET_KEY_BYTES = 32,
	SECRET_KEY_PAD_TEXT = 131 /* \x, 64 bytes in hexadecimal, NUL */
};

struct secret_key;

/* NULL and ERR_CONFIG when a setting is shorter than 32 characters, or when the file, whose path
 * is then named, can neither be read nor made or is not as above. The settings are copied. */
struct secret_key *secret_key_open(const struct settings *s, struct err *e);
void secret_key_close(struct secret_key *k); /* wipes it; NULL is let be */

/* The key for a purpose ("page token", "mask"). */
void secret_key_derive(
	const struct secret_key *k, const char *purpose, uint8_t out[SECRET_KEY_BYTES]);

/* The same from secret.previous, for what was signed before the secret was changed; false where
 * there is none. */
bool secret_key_derive_previous(
	const struct secret_key *k, const char *purpose, uint8_t out[SECRET_KEY_BYTES]);

/* HMAC-SHA-256 of data under such a key. Ends the process when OpenSSL fails. */
void secret_key_sign(const uint8_t key[SECRET_KEY_BYTES], const void *data, size_t len,
	uint8_t out[SECRET_KEY_BYTES]);

/* In constant time. */
bool secret_key_equal(const uint8_t *a, const uint8_t *b, size_t len);

/* The key xored with opad and with ipad (RFC 2104 §2), as PostgreSQL spells bytea, for a server
 * that has SHA-256 but no HMAC: the signature of x is sha256(outer || sha256(inner || x)). Secret
 * as the key is. */
void secret_key_pads(const uint8_t key[SECRET_KEY_BYTES], char outer[SECRET_KEY_PAD_TEXT],
	char inner[SECRET_KEY_PAD_TEXT]);

#endif
