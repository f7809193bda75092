/*
 * Cache of answers to queries, shared by all processes (and hosts): Redis where cache.redis names one (hiredis), else the metadata
 * database (etc/schema/0004_cache.sql, an unlogged table), else none. What cannot be had is a miss; a cache that is down is asked
 * again no sooner than in some seconds, so that it makes nothing slower than that.
 */
#ifndef SLUICE_JOB_CACHE_H
#define SLUICE_JOB_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/mem.h"
#include "lib/base/settings.h"

struct metadata;
struct cache;

/* NULL when nothing is to be kept (cache.keep is 0) or there is nowhere to. Settings and m must outlive it. Connects when first used. */
struct cache *cache_open(const struct settings *s, struct metadata *m);
void cache_close(struct cache *c);

/* key: 64 hexadecimal digits. true, and the bytes appended to `value`, when it is there and not older than cache.keep. No call waits
 * longer than a quarter of a second. */
bool cache_get(struct cache *c, const char *key, struct buf *value);

/* Keep it, if it is no larger than cache.max_bytes. */
void cache_put(struct cache *c, const char *key, const void *value, size_t len);

#endif
