/*
 * Links: tokens for URLs that give a file to whoever has them.
 *
 * A token is 57 bytes in base64url: a version (1), the id of the link (its UUID's 16 bytes), when
 * it expires (seconds since 1970, 8 bytes, the highest first), and HMAC-SHA-256 of all that under a
 * key derived from secret.key. What else there is about a link is kept under its id
 * (lib/job/link_store.h). Tokens of secret.previous hold as well, so that the secret can be changed
 * while links are about.
 */
#ifndef SLUICE_ACCESS_LINK_H
#define SLUICE_ACCESS_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/access/secret_key.h"
#include "lib/base/random.h"

enum { LINK_TOKEN_TEXT = 77 /* 76 characters and a NUL */ };

struct link_keys { /* secret; to be cleansed by whoever holds it */
	uint8_t key[SECRET_KEY_BYTES];
	uint8_t previous[SECRET_KEY_BYTES];
	bool has_previous;
};

struct link_token {
	char id[UUID_TEXT];
	int64_t expires_s; /* since 1970 */
};

void link_keys_init(struct link_keys *k, const struct secret_key *secret);

/* t->id: a UUID in lower case (assert). */
void link_sign(const struct link_keys *k, const struct link_token *t, char out[LINK_TOKEN_TEXT]);

/* What the token says. -1 with ERR_FORBIDDEN when it is none of ours, whatever is wrong with it, or
 * ERR_GONE when it has expired. */
int link_check(const struct link_keys *k, const char *token, int64_t now_s, struct link_token *t,
	struct err *e);

#endif
