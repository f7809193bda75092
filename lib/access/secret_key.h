/*
 * Secret key: what page tokens are signed and hash masks are keyed with. One secret (secret.key, or 32 random bytes
 * in state.dir that the processes of a host share), and from it a key for each purpose, so that what is
 * learnt of one is no help with another: HMAC-SHA-256(secret, purpose) (RFC 2104, FIPS 198-1; RFC 5869 §2.3 with one block).
 */
#ifndef SLUICE_ACCESS_SECRET_KEY_H
#define SLUICE_ACCESS_SECRET_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/settings.h"

enum { SECRET_KEY_BYTES = 32 };

struct secret_key;

/* NULL and ERR_CONFIG when the setting is shorter than 32 characters, or the file in state.dir can neither be read nor made. The
 * file is made by the first process, whole or not at all (O_EXCL beside it, then link), mode 0600. */
struct secret_key *secret_key_open(const struct settings *s, struct err *e);
void secret_key_close(struct secret_key *k); /* wipes it */

/* The key for a purpose ("page token", "mask"). */
void secret_key_derive(
	const struct secret_key *k, const char *purpose, uint8_t out[SECRET_KEY_BYTES]);

/* HMAC-SHA-256 of data under such a key. */
void secret_key_sign(const uint8_t key[SECRET_KEY_BYTES], const void *data, size_t len,
	uint8_t out[SECRET_KEY_BYTES]);

/* In constant time. */
bool secret_key_equal(const uint8_t *a, const uint8_t *b, size_t len);

#endif
