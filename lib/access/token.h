/*
 * Token: who asks. A bearer JWT (RFC 6750, RFC 7519; RFC 9068 where typ says so), signed with RS256
 * or ES256 (RFC 7518), is checked against a JSON Web Key Set (RFC 7517) that comes from an https://
 * URL, which the issuer's discovery document may name, or a file.
 *
 * What a token cannot choose: the algorithm must be one that the configuration allows and that fits
 * the type of the key that `kid` names; `none` and HS* are refused whatever is configured; a key
 * embedded in or pointed to by the token (jwk, jku, x5u, x5c) is never used; crit is refused, and
 * so is whatever two readers could read in two ways (equal members, loose base64url or JSON). iss,
 * aud, exp, nbf, sub and kid are required (nbf may be left out where auth.nbf says so), of the
 * right JSON type, and iss, aud, exp, nbf are checked, times with auth.skew either way. The payload
 * is not looked at before the signature holds.
 *
 * What a token can choose: the spelling of its signature. Of ES256 both (r, s) and (r, n - s) hold,
 * as RFC 7518 §3.4 has it, so the text of a token is not its identity; nothing is kept under it.
 *
 * Keys are made once, when the set is read, and kept as OpenSSL's own, so that a check costs little
 * more than the signature. libjwt 1.10 judges in the tests, but does not stand here: it takes each
 * key as PEM, which OpenSSL 3.0 needs 0.36 ms to read, for every token anew (a check of RS256 takes
 * 0.02 ms), and it refuses typ "at+jwt".
 *
 * The key set is shared by the processes of a host through a file in state.dir and kept in memory
 * by each (jwks.h). An unknown kid refreshes it, at most once in auth.refresh for the whole host;
 * when the issuer cannot be reached the old set stays in use.
 */
#ifndef SLUICE_ACCESS_TOKEN_H
#define SLUICE_ACCESS_TOKEN_H

#include "lib/access/principal.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/settings.h"

enum { TOKEN_MAX = 16 * 1024 }; /* bytes */

struct verifier;

/* Settings are borrowed until verifier_free. NULL and ERR_CONFIG when auth.* cannot work at all (no
 * issuer, an unknown algorithm, a jwks that is neither https:// nor file:/, none with an issuer
 * that is no https:// URL, a key file that cannot be read, a state.dir that cannot be used); an
 * issuer that is down is no error here. */
struct verifier *verifier_new(const struct settings *s, struct err *e);
void verifier_free(struct verifier *v);

/* authorization: the request header's value, or NULL where there is none. 0 and *p filled from the
 * arena; -1 with ERR_UNAUTHORIZED, its text fit for the caller ("the token has expired"), or
 * ERR_UNAVAILABLE when no key set could ever be had. A token longer than TOKEN_MAX is refused
 * unread. */
int verifier_check(struct verifier *v, const char *authorization, struct arena *a,
	struct principal *p, struct err *e);

#endif
