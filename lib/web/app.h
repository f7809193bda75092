/*
 * App: what a serving process holds from request to request. Connections are made when first
 * needed.
 */
#ifndef SLUICE_WEB_APP_H
#define SLUICE_WEB_APP_H

#include "lib/access/rate.h"
#include "lib/access/secret_key.h"
#include "lib/access/token.h"
#include "lib/base/settings.h"
#include "lib/job/audit.h"
#include "lib/job/cache.h"
#include "lib/job/metadata.h"
#include "lib/job/outcome.h"
#include "lib/job/schema_store.h"
#include "lib/source/source.h"

/* How a table of the registry looked in its database when this process last saw it
 * (query_cache.h). */
struct catalog_seen {
	int64_t us; /* monotonic; 0: never */
	char text[65];
};

struct app {
	struct settings settings;
	struct verifier *verifier;
	struct rate_table *rates;
	struct secret_key *secret;
	uint8_t mask_key[SECRET_KEY_BYTES];   /* what hash masks are keyed with */
	uint8_t cursor_key[SECRET_KEY_BYTES]; /* what page tokens are signed with */
	struct source **sources;              /* one for each of settings.databases */
	struct catalog_seen *seen;            /* one for each of settings.tables */
	struct metadata *metadata;            /* NULL: there is none */
	struct outcome_store *outcomes;       /* NULL: not kept */
	struct schema_store *schemas;         /* NULL: not kept */
	struct audit *audit;                  /* NULL: the log is all there is */
	struct cache *cache;                  /* NULL: answers are not kept */
};

/* What the settings say of masks, operators and formats, whose words settings_read does not know.
 * ERR_CONFIG. */
int app_check(const struct settings *s, struct err *e);

/* Read the configuration and open what must be there. ERR_CONFIG says what and where. */
int app_open(struct app *app, const char *config, struct err *e);
void app_close(struct app *app);

#endif
