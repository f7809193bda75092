/*
 * Cache of answers to queries, shared by all processes (and hosts): Redis where cache.redis names
 * one (hiredis), else the metadata database (etc/schema/0004_cache.sql, an unlogged table), else
 * none. What cannot be had is a miss; a cache that is down is asked again no sooner than in some
 * seconds, so that it makes nothing slower than that.
 */
#ifndef SLUICE_JOB_CACHE_H
#define SLUICE_JOB_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/settings.h"

struct cache;

/* *c is NULL when nothing is to be kept (cache.keep is 0) or there is nowhere to; the calls below
 * take that. -1 and ERR_CONFIG when cache.redis cannot be understood, or is set and this build has
 * no Redis. The settings must outlive it. Connects when first used, in the database by a session of
 * its own: the cache gives up a session that is slow, and outcomes hold locks by theirs. */
int cache_open(struct cache **c, const struct settings *s, struct err *e);
void cache_close(struct cache *c);

/* key: 64 hexadecimal digits in lower case. true, and the bytes appended to `value`, when it is
 * there and not older than cache.keep was when it was put there. No call waits longer than a
 * quarter of a second, but for the system's resolver where the place is a host's name. */
bool cache_get(struct cache *c, const char *key, struct buf *value);

/* Keep it, if it is no larger than cache.max_bytes, in place of what was there. */
void cache_put(struct cache *c, const char *key, const void *value, size_t len);

#endif
