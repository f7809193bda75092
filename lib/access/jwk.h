/*
 * JWK: the public keys that tokens are checked with, read from a JSON Web Key Set (RFC 7517), and
 * the check of a signature (RFC 7515) with one of them.
 *
 * A key serves one algorithm: RS256 (RSASSA-PKCS1-v1_5 with SHA-256, RFC 7518 §3.3; 2048 to 8192
 * bits) or ES256 (ECDSA on P-256 with SHA-256, §3.4). Which, its kty and crv say; a token has no
 * part in it. Keys of other kinds, and keys whose use, key_ops or alg say that they are for
 * something else, are left out.
 */
#ifndef SLUICE_ACCESS_JWK_H
#define SLUICE_ACCESS_JWK_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

enum jwk_alg { JWK_RS256, JWK_ES256, JWK_ALGS_N };

struct jwk {
	char *kid; /* not empty */
	enum jwk_alg alg;
	EVP_PKEY *key;
};

struct jwk_set {
	struct jwk *keys;
	size_t n;
};

/* By its name in a token or in the configuration; -1 for any other than RS256 and ES256. */
int jwk_alg_parse(const char *name);

/* {0} is an empty set. -1, with what is wrong in e->cause and *set empty, when the text is no key
 * set or has no key that can be used. Keys without a kid are left out, since a token could not name
 * them. */
int jwk_set_parse(struct jwk_set *set, const char *text, size_t len, struct err *e);
void jwk_set_free(struct jwk_set *set);

/* The key of that name and algorithm, or NULL; then *other tells whether the name belongs to a key
 * of another algorithm. Lives as long as the set. */
const struct jwk *jwk_set_find(
	const struct jwk_set *set, const char *kid, enum jwk_alg alg, bool *other);

/* Whether sig, in the form that a token has it, is the key's signature over the data. */
bool jwk_verify(
	const struct jwk *k, const void *data, size_t len, const uint8_t *sig, size_t sig_len);

#endif
