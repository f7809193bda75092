#include "lib/web/query_cache.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lib/base/clock.h"
#include "lib/format/text.h"
#include "lib/sink/gzip.h"
#include "lib/sink/memory.h"

/* ---- the key */

/* LEN:TEXT, so that no two lists of parts read the same. */
static void put_part(struct buf *b, const char *text, size_t len)
{
	buf_printf(b, "%zu:", len);
	buf_put(b, text, len);
}

static void put_text(struct buf *b, const char *text)
{
	if (text)
		put_part(b, text, strlen(text));
	else
		buf_putc(b, '-');
}

static void sign(const struct app *app, const struct buf *b, char hex[QUERY_CACHE_KEY_TEXT])
{
	uint8_t mac[SECRET_KEY_BYTES];

	secret_key_sign(app->cursor_key, b->data, b->len, mac);
	*text_hex(hex, mac, sizeof mac) = '\0';
}

static struct catalog_seen *seen_of(const struct app *app, const struct settings_table *t)
{
	return &app->seen[t - app->settings.tables];
}

static void put_list(struct buf *b, const struct settings_strings *list)
{
	buf_printf(b, "%zu;", list->n);
	for (size_t i = 0; i < list->n; i++)
		put_text(b, list->items[i]);
}

/* What the registry says of the table, and of where it is: what was kept outlives a change of the configuration. */
static void put_registered(struct buf *b, const struct settings *s, const struct settings_table *t)
{
	put_text(b, settings_database(s, t->database)->conninfo);
	put_text(b, t->primary_key);
	put_list(b, &t->columns);
	put_list(b, &t->joins);
}

void query_cache_saw(struct app *app, const struct settings_table *t, const struct catalog_table *c)
{
	struct catalog_seen *seen = seen_of(app, t);
	struct buf b = { 0 };

	put_registered(&b, &app->settings, t);
	put_text(&b, c->name);
	for (size_t i = 0; i < c->all_n; i++) {
		put_text(&b, c->all[i].name);
		put_text(&b, c->all[i].source_type);
		buf_putc(&b, c->all[i].nullable ? '?' : '!');
	}
	sign(app, &b, seen->text);
	seen->us = clock_monotonic_us();
	buf_free(&b);
}

/* A table's rights and looks. */
static bool put_table(
	struct app *app, const struct settings_table *t, const char *rights, struct buf *b)
{
	const struct catalog_seen *seen = seen_of(app, t);

	if (!seen->us || clock_monotonic_us() - seen->us > CATALOG_SEEN_US)
		return false;
	put_text(b, t->key);
	put_text(b, rights);
	put_text(b, seen->text);
	return true;
}

/* What a joined table asks of an answer is found out when the table is entered, which is not done for one that was kept. */
static bool is_limited(const struct rights *r)
{
	return r->purpose_needed || !r->all_formats || r->rows >= 0;
}

/* Whoever may not see a table cannot join it: that too stands in the key. */
static bool put_joined(
	struct app *app, struct request *rq, const struct settings_table *to, struct buf *b)
{
	struct rights rights;
	struct err ignored;

	if (policy_rights(&app->settings, to, &rq->principal, &rq->arena, &rights, &ignored) == 0)
		return !is_limited(&rights) && put_table(app, to, rights.text, b);
	put_text(b, to->key);
	return true;
}

/* The tables that the query's names reach, as far as the registry alone can tell: no column is known yet. A query that reaches none
 * such is refused, and not kept. */
static bool put_all_joined(struct app *app, struct request *rq, const struct query *q,
	const struct settings_table *from, struct buf *b)
{
	struct catalog_table unknown = { .key = from->key };
	struct scope scope;
	const char *where;
	struct err ignored;

	scope_init(&scope, &rq->arena, &app->settings, from, &unknown, NULL);
	if (scope_collect(&scope, q, &where, &ignored) < 0)
		return false;
	for (size_t i = 1; i < scope.n; i++)
		if (!put_joined(app, rq, scope.tables[i].settings, b))
			return false;
	return true;
}

bool query_cache_key(struct app *app, struct request *rq, const struct query_ask *ask,
	const struct table *t, char key[QUERY_CACHE_KEY_TEXT])
{
	struct buf b = { 0 };

	*key = '\0';
	if (!app->cache)
		return false;
	put_text(&b, "page 1");
	put_part(&b, ask->text, ask->len);
	put_text(&b, rq->query); /* the options of the format, as they were sent */
	bool known = put_table(app, t->settings, t->rights.text, &b) &&
		     put_all_joined(app, rq, &ask->rows.query, t->settings, &b);

	if (known)
		sign(app, &b, key);
	buf_free(&b);
	return known;
}

/* ---- what is kept: the body's gzip, and behind it a trailer of fixed length; the MAC is over the key and all before it */

struct trailer {
	char etag[QUERY_ETAG_TEXT];
	char rows[21];
	char mac[QUERY_CACHE_KEY_TEXT];
};

static void sign_value(const struct app *app, const char *key, const void *value, size_t len,
	char hex[QUERY_CACHE_KEY_TEXT])
{
	uint8_t own[SECRET_KEY_BYTES], mac[SECRET_KEY_BYTES];

	secret_key_sign(app->cursor_key, key, strlen(key), own);
	secret_key_sign(own, value, len, mac);
	*text_hex(hex, mac, sizeof mac) = '\0';
}

bool query_cache_get(struct app *app, const char *key, struct query_cached *cached)
{
	char hex[QUERY_CACHE_KEY_TEXT];
	struct trailer t;

	*cached = (struct query_cached){ 0 };
	if (!*key || !cache_get(app->cache, key, &cached->gzip) || cached->gzip.len < sizeof t)
		return false;
	cached->gzip.len -= sizeof t;
	memcpy(&t, cached->gzip.data + cached->gzip.len, sizeof t);
	sign_value(
		app, key, cached->gzip.data, cached->gzip.len + offsetof(struct trailer, mac), hex);
	/* Of what was put by us under this key, and is whole. */
	if (!secret_key_equal((const uint8_t *)hex, (const uint8_t *)t.mac, sizeof hex))
		return false;
	memcpy(cached->etag, t.etag, sizeof cached->etag);
	cached->rows = strtoull(t.rows, NULL, 10);
	return true;
}

static void keep(struct app *app, const char *key, struct query_cached *cached)
{
	struct buf *b = &cached->gzip;
	size_t len = b->len;
	struct trailer t = { 0 };

	memcpy(t.etag, cached->etag, sizeof t.etag);
	snprintf(t.rows, sizeof t.rows, "%llu", (unsigned long long)cached->rows);
	buf_put(b, &t, offsetof(struct trailer, mac));
	sign_value(app, key, b->data, b->len, t.mac);
	buf_put(b, t.mac, sizeof t.mac);
	cache_put(app->cache, key, b->data, b->len);
	b->len = len;
}

void query_cache_put(
	struct app *app, const char *key, const struct query_page *page, struct query_cached *out)
{
	struct memory_sink *memory = memory_sink_new();
	struct sink *gzip = gzip_sink_new(&memory->base, GZIP_LEVEL_DEFAULT, "");
	struct err ignored; /* memory does not fail */

	*out = (struct query_cached){ .rows = page->rows };
	memcpy(out->etag, page->etag, sizeof out->etag);
	sink_put(gzip, page->body.data, page->body.len);
	if (sink_finish(gzip, &ignored) == 0) {
		out->gzip = memory->bytes;
		memory->bytes = (struct buf){ 0 };
		if (*key)
			keep(app, key, out);
	}
	sink_free(gzip);
}

bool query_cache_inflate(const struct query_cached *cached, struct buf *body)
{
	enum { GZIP_WINDOW = 15 + 16, PIECE = 256 * 1024 };
	z_stream z = { .next_in = (Bytef *)cached->gzip.data, .avail_in = (uInt)cached->gzip.len };
	int status = inflateInit2(&z, GZIP_WINDOW);

	while (status == Z_OK) {
		z.next_out = (Bytef *)buf_reserve(body, PIECE);
		z.avail_out = PIECE;
		status = inflate(&z, Z_NO_FLUSH);
		body->len += PIECE - z.avail_out;
	}
	inflateEnd(&z);
	return status == Z_STREAM_END;
}
