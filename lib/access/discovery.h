/*
 * Discovery: where an issuer's key set is, by the issuer's own word.
 *
 * The word stands in a document under the issuer's URL (auth.issuer, a trailing slash left out):
 *
 *	https://HOST/PATH/.well-known/openid-configuration         OpenID Connect Discovery 1.0 §4
 *	https://HOST/.well-known/oauth-authorization-server/PATH   RFC 8414 §3, where the first is 404
 *
 * Its "issuer" must be auth.issuer to the letter (both §3.3, §4.3), so that nobody who may place a
 * document elsewhere on that host speaks for the issuer; its "jwks_uri" must be https://.
 */
#ifndef SLUICE_ACCESS_DISCOVERY_H
#define SLUICE_ACCESS_DISCOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/settings.h"

enum { DISCOVERY_URL_MAX = 2048 }; /* bytes of a jwks_uri */

/* Whether the issuer can be asked: https:// and a host, no query, no fragment. */
bool discovery_is_issuer(const char *issuer);

/* Whether a key set may be fetched from there: https://, graphic ASCII, not too long. */
bool discovery_is_jwks_uri(const char *uri);

/* Ask auth.issuer, for timeout_us at most; uri becomes its jwks_uri. -1, uri as it was, and why in
 * e->cause; e->code and e->text are the caller's to set. */
int discovery_ask(const struct settings *s, int64_t timeout_us, struct buf *uri, struct err *e);

#endif
