/*
 * Answers to queries out of the cache (lib/job/cache.h), compressed as they are sent to whoever
 * takes gzip.
 *
 * An answer is found again by the definition to the letter, the options of the format, the caller's
 * rights on every table that the query could reach (with whom the database takes the caller for),
 * what the registry says of these and how they look in the database: all under an HMAC, so that who
 * can read the cache cannot tell what was asked. How the tables look is remembered by each process
 * for CATALOG_SEEN_US; a change of the schema is seen no later.
 */
#ifndef SLUICE_WEB_QUERY_CACHE_H
#define SLUICE_WEB_QUERY_CACHE_H

#include <stdbool.h>

#include "lib/web/app.h"
#include "lib/web/query_ask.h"
#include "lib/web/query_page.h"
#include "lib/export/table.h"

enum { QUERY_CACHE_KEY_TEXT = 65, CATALOG_SEEN_US = 10 * 1000 * 1000 };

struct query_cached {
	char etag[QUERY_ETAG_TEXT];
	uint64_t rows;
	struct buf gzip; /* the body */
};

/* The key of what is asked; false where it cannot be told now: there is no cache, a table of it was
 * not looked at for too long, or one that it joins asks for a purpose, or limits rows or
 * formats. */
bool query_cache_key(struct app *app, struct request *rq, const struct query_ask *ask,
	const struct table *t, char key[QUERY_CACHE_KEY_TEXT]);

/* A table of the registry as it was seen in the database just now. */
void query_cache_saw(
	struct app *app, const struct settings_table *t, const struct catalog_table *c);

/* Free cached->gzip also where it is not there. */
bool query_cache_get(struct app *app, const char *key, struct query_cached *cached);

/* Compress a page, and keep it where there is a key (not ""). */
void query_cache_put(
	struct app *app, const char *key, const struct query_page *page, struct query_cached *out);

/* The body again; false when it is damaged. */
bool query_cache_inflate(const struct query_cached *cached, struct buf *body);

#endif
