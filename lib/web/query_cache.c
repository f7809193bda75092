#include "lib/web/query_cache.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "lib/base/clock.h"
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
	for (size_t i = 0; i < sizeof mac; i++)
		snprintf(hex + 2 * i, 3, "%02x", mac[i]);
}

static struct catalog_seen *seen_of(const struct app *app, const struct settings_table *t)
{
	return &app->seen[t - app->settings.tables];
}

void query_cache_saw(struct app *app, const struct settings_table *t, const struct catalog_table *c)
{
	struct catalog_seen *seen = seen_of(app, t);
	struct buf b = { 0 };

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

/* Whoever may not see a table cannot join it: that too stands in the key. */
static bool put_joined(
	struct app *app, struct request *rq, const struct settings_table *to, struct buf *b)
{
	struct rights rights;
	struct err ignored;

	if (policy_rights(&app->settings, to, &rq->principal, &rq->arena, &rights, &ignored) == 0)
		return put_table(app, to, rights.text, b);
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

/* ---- what is kept: "MAC ETAG ROWS\n" and the body's gzip; the MAC is over the key and all that stands behind it */

static void sign_value(
	const struct app *app, const char *key, const char *value, size_t len, char hex[])
{
	struct buf b = { 0 };

	buf_puts(&b, key);
	buf_put(&b, value, len);
	sign(app, &b, hex);
	buf_free(&b);
}

enum { MAC_LEN = QUERY_CACHE_KEY_TEXT - 1 };

/* Of what was put by us under this key, and is whole. */
static bool holds(const struct app *app, const char *key, const struct buf *value)
{
	char hex[QUERY_CACHE_KEY_TEXT];

	if (value->len < MAC_LEN + 1)
		return false;
	sign_value(app, key, value->data + MAC_LEN, value->len - MAC_LEN, hex);
	return secret_key_equal((const uint8_t *)hex, (const uint8_t *)value->data, MAC_LEN);
}

bool query_cache_get(struct app *app, const char *key, struct query_cached *cached)
{
	unsigned long long rows;
	int head;

	*cached = (struct query_cached){ 0 };
	if (!*key || !cache_get(app->cache, key, &cached->gzip) || !holds(app, key, &cached->gzip))
		return false;
	if (sscanf(buf_str(&cached->gzip) + MAC_LEN, " %36s %llu\n%n", cached->etag, &rows,
		    &head) != 2)
		return false;
	cached->rows = rows;
	cached->gzip.len -= MAC_LEN + (size_t)head;
	memmove(cached->gzip.data, cached->gzip.data + MAC_LEN + (size_t)head, cached->gzip.len);
	return true;
}

static void keep(struct app *app, const char *key, const struct query_cached *cached)
{
	struct buf value = { 0 };
	char hex[QUERY_CACHE_KEY_TEXT];

	buf_printf(&value, "%*s %s %llu\n", MAC_LEN, "", cached->etag,
		(unsigned long long)cached->rows);
	buf_put(&value, cached->gzip.data, cached->gzip.len);
	sign_value(app, key, value.data + MAC_LEN, value.len - MAC_LEN, hex);
	memcpy(value.data, hex, MAC_LEN);
	cache_put(app->cache, key, value.data, value.len);
	buf_free(&value);
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
