/*
 * What an issuer does, for tests: keys, key sets, tokens; also such as no issuer would make.
 */
#ifndef SLUICE_TESTS_UNIT_MAKE_TOKEN_H
#define SLUICE_TESTS_UNIT_MAKE_TOKEN_H

#include <openssl/types.h>

#include "lib/base/mem.h"

/* Exit the process on failure. */
EVP_PKEY *make_rsa_key(unsigned bits);
EVP_PKEY *make_ec_key(const char *curve);

/* {"kty": …, "kid": …, MORE, the public key's members}. more: further members with a comma behind
 * each, or "". */
const char *make_jwk(struct arena *a, const EVP_PKEY *key, const char *kid, const char *more);

/* The public key as PEM. */
const char *make_pem(struct arena *a, const EVP_PKEY *key);

/* HEADER.PAYLOAD.SIGNATURE of two JSON texts (or what stands for them), signed with SHA-256 as the
 * key's type has it: RS256 or ES256. */
const char *make_token(struct arena *a, EVP_PKEY *key, const char *header, const char *payload);
const char *make_token_len(struct arena *a, EVP_PKEY *key, const char *header, size_t header_len,
	const char *payload, size_t payload_len);

/* The signature alone, as base64url, over a text. */
const char *make_signature(struct arena *a, EVP_PKEY *key, const char *text);
const char *make_base64url(struct arena *a, const void *bytes, size_t len);

#endif
