/*
 * JWKS: the issuer's key set, as auth.jwks names it, shared by the processes of a host.
 *
 * From a file (file:/path) it is read again when the file changes. From a URL (https://...), or
 * where auth.jwks is empty from the one that the issuer names (discovery.h), it is kept in
 * state.dir, where # is a hash of the URL or of the issuer, so that another issuer's keys are never
 * taken for this one's:
 *
 *	jwks-#.json   the key set as last fetched, replaced by rename; its mtime is when
 *	jwks-#.lock   held (flock) by the process that fetches; 8 bytes: when that was last
 *	              tried, in us since 1970
 *	jwks-#.uri    the jwks_uri that the issuer named last, likewise replaced
 *	jwks-#.new    what becomes the first or third
 *
 * Each process has the keys in memory and reads the file again when it is another one. One process
 * fetches, at most once in auth.refresh, whatever came of it; who needs the answer waits for it. It
 * is fetched when a kid is not known, and when the set is older than JWKS_AGE_US, so that a key
 * that the issuer has withdrawn ends too. So a key that its issuer publishes auth.refresh before it
 * signs with it is known, or fetched, when its first token comes, whatever came before.
 *
 * The issuer is asked for the URL in the course of a fetch, when none is known, when it was told
 * longer than JWKS_AGE_US ago, and when no set can be had from there.
 *
 * A set that cannot be fetched, is no key set, or has no key that can be used, changes nothing: the
 * old one stays. So does the old URL.
 */
#ifndef SLUICE_ACCESS_JWKS_H
#define SLUICE_ACCESS_JWKS_H

#include <stdint.h>

#include "lib/access/jwk.h"
#include "lib/base/err.h"
#include "lib/base/settings.h"

/* How old a set may be before it is fetched again though every kid is known, and a jwks_uri before
 * the issuer is asked again; auth.refresh when that is longer. */
#define JWKS_AGE_US (INT64_C(3600) * 1000000)

struct jwks;

/* Settings are borrowed until jwks_close. Fetches nothing. NULL and ERR_CONFIG when auth.jwks is
 * neither https:// nor file:/, when it is empty and auth.issuer is no URL that could be asked, when
 * a file:, auth.ca or state.dir cannot be used. */
struct jwks *jwks_open(const struct settings *s, struct err *e);
void jwks_close(struct jwks *j);

/* The key of that name, for that algorithm; valid until the next call. NULL and ERR_UNAUTHORIZED
 * when the issuer has none, ERR_UNAVAILABLE when no key set could be had yet. Blocks for
 * auth.timeout (with discovery in it), and a second more behind another process, when it has to be
 * fetched. */
const struct jwk *jwks_find(struct jwks *j, const char *kid, enum jwk_alg alg, struct err *e);

#endif
