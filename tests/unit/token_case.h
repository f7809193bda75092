/*
 * What the tests of tokens share: an issuer with an RSA and an EC key, a verifier that knows them,
 * and a clock that stands where it is put. The key set also holds keys that must not be used:
 * "enc", "rs512", "short", "p384", "oct", "off" (its point is not on the curve).
 */
#ifndef SLUICE_TESTS_UNIT_TOKEN_CASE_H
#define SLUICE_TESTS_UNIT_TOKEN_CASE_H

#include <openssl/types.h>
#include <stdint.h>

#include "lib/access/token.h"

#define NOW INT64_C(1767225600) /* 2026-01-01T00:00:00Z */

#define RS "{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"JWT\"}"
#define ES "{\"alg\":\"ES256\",\"kid\":\"ec\"}"
#define PAYLOAD                                                                                    \
	"{\"iss\":\"https://issuer\",\"aud\":\"sluice\",\"sub\":\"alice\","                        \
	"\"exp\":1767229200,\"nbf\":1767225600}"

extern int64_t now_us;                       /* NOW at the beginning of each test */
extern EVP_PKEY *rsa, *ec, *ec384, *mallory; /* mallory's is an EC key that nobody trusts */
extern struct settings settings;
extern struct verifier *v;
extern struct arena a; /* of one test */
extern struct principal who;
extern struct err why;

/* verifier_check, and that its failure is told as it should be. */
int check(const char *authorization);

/* As "Bearer TOKEN". reason: a part of what the caller is told, or NULL. */
void accepts(const char *token);
void refuses(const char *token, const char *reason);

/* PAYLOAD with one claim in other words; NULL: without it. */
const char *with(const char *claim, const char *value);

/* A token of a payload, signed with ec. */
const char *es(const char *payload);

/* For cmocka: of a group, of a test. */
int token_set_up(void **state);
int token_tear_down(void **state);
int token_set_up_test(void **state);
int token_tear_down_test(void **state);

#endif
