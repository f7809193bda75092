#include "lib/job/cache.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/job/cache_store.h"

enum {
	DOWN_MS = 5000,   /* after a failure, nothing is asked for so long */
	QUIET_MS = 60000, /* between two lines about failures in the log */
	KEY_LEN = 64
};

struct cache {
	const struct settings *settings; /* borrowed */
	struct cache_store *store;
	int64_t down_until_us;  /* monotonic */
	int64_t quiet_until_us; /* monotonic */
};

int cache_open(struct cache **c, const struct settings *s, struct err *e)
{
	struct cache_store *store;

	*c = NULL;
	if (s->cache_keep_us == 0)
		return 0;
	store = *s->cache_redis ? cache_redis_open(s, e) : cache_database_open(s);
	if (!store)
		return *s->cache_redis ? -1 : 0;
	*c = mem_zero(1, sizeof **c);
	(*c)->settings = s;
	(*c)->store = store;
	return 0;
}

void cache_close(struct cache *c)
{
	if (!c)
		return;
	c->store->ops->close(c->store);
	free(c);
}

static bool is_down(const struct cache *c)
{
	return clock_monotonic_us() < c->down_until_us;
}

/* What a call to the store came to, and e if that was an error. */
static bool note(struct cache *c, int result, const struct err *e)
{
	int64_t now_us = clock_monotonic_us();

	if (result < 0)
		c->down_until_us = now_us + (int64_t)DOWN_MS * 1000;
	if (e->code != ERR_NONE && now_us >= c->quiet_until_us) {
		log_begin(LOG_WARN, result < 0 ? "the cache is down" : "the cache refuses");
		log_str("cause", e->cause[0] ? e->cause : e->text);
		log_end();
		c->quiet_until_us = now_us + (int64_t)QUIET_MS * 1000;
	}
	return result > 0;
}

bool cache_get(struct cache *c, const char *key, struct buf *value)
{
	struct err e = { 0 };

	if (!c || is_down(c))
		return false;
	assert(strlen(key) == KEY_LEN);
	return note(c, c->store->ops->get(c->store, key, value, &e), &e);
}

void cache_put(struct cache *c, const char *key, const void *value, size_t len)
{
	struct err e = { 0 };

	if (!c || len > (size_t)c->settings->cache_max_bytes || is_down(c))
		return;
	assert(strlen(key) == KEY_LEN);
	note(c, c->store->ops->put(c->store, key, value, len, &e), &e);
}
