/*
 * Where the cache keeps its answers: one table of operations for each place there is
 * (cache_redis.c, cache_database.c). Only cache.c calls them.
 */
#ifndef SLUICE_JOB_CACHE_STORE_H
#define SLUICE_JOB_CACHE_STORE_H

#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/settings.h"

/* Most that a call may take, connecting included; a test has more. */
#ifndef CACHE_WAIT_MS
#define CACHE_WAIT_MS 250
#endif

struct cache_store {
	const struct cache_store_ops *ops;
};

/* Both connect when they must, and again when the connection has died. They return -1, with *e set,
 * when the store did not answer in time or would not have us: better not to ask it for a while. A 0
 * with *e set is a refusal of this one call. */
struct cache_store_ops {
	/* 1 and the bytes appended to `value`, or 0 when they are not there; value is as it was
	 * then. */
	int (*get)(struct cache_store *s, const char *key, struct buf *value, struct err *e);

	/* 1 when it is kept, or 0. */
	int (*put)(struct cache_store *s, const char *key, const void *value, size_t len,
		struct err *e);

	void (*close)(struct cache_store *s); /* and free it */
};

/* NULL and ERR_CONFIG when cache.redis cannot be understood, or this build has no Redis. */
struct cache_store *cache_redis_open(const struct settings *s, struct err *e);

/* NULL when there is no metadata database. The settings must outlive it. */
struct cache_store *cache_database_open(const struct settings *s);

#endif
