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

/* The tables that joins reach, however the query names them. */
static bool put_joined(struct app *app, struct request *rq, const struct settings_table *from,
	int depth, struct buf *b)
{
	for (size_t i = 0; depth < SCOPE_DEPTH_MAX && i < from->joins.n; i++) {
		const struct settings_table *to =
			settings_table(&app->settings, strrchr(from->joins.items[i], ':') + 1);
		struct rights rights;
		struct err ignored; /* not visible: so it stands in the key */
		int status = policy_rights(
			&app->settings, to, &rq->principal, &rq->arena, &rights, &ignored);

		if (status < 0)
			put_text(b, to->key);
		else if (!put_table(app, to, rights.text, b) ||
			 !put_joined(app, rq, to, depth + 1, b))
			return false;
	}
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
		     put_joined(app, rq, t->settings, 0, &b);

	if (known)
		sign(app, &b, key);
	buf_free(&b);
	return known;
}

/* ---- what is kept: "ETAG ROWS\n" and the body's gzip */

bool query_cache_get(struct app *app, const char *key, struct query_cached *cached)
{
	unsigned long long rows;
	int head;

	*cached = (struct query_cached){ 0 };
	if (!*key || !cache_get(app->cache, key, &cached->gzip))
		return false;
	if (sscanf(buf_str(&cached->gzip), "%36s %llu\n%n", cached->etag, &rows, &head) != 2)
		return false;
	cached->rows = rows;
	cached->gzip.len -= (size_t)head;
	memmove(cached->gzip.data, cached->gzip.data + head, cached->gzip.len);
	return true;
}

void query_cache_put(
	struct app *app, const char *key, const struct query_page *page, struct query_cached *out)
{
	struct memory_sink *memory = memory_sink_new();
	struct sink *gzip = gzip_sink_new(&memory->base, GZIP_LEVEL_DEFAULT, "");
	struct buf value = { 0 };
	struct err ignored; /* memory does not fail */

	*out = (struct query_cached){ .rows = page->rows };
	memcpy(out->etag, page->etag, sizeof out->etag);
	sink_put(gzip, page->body.data, page->body.len);
	if (sink_finish(gzip, &ignored) == 0) {
		out->gzip = memory->bytes;
		memory->bytes = (struct buf){ 0 };
		if (*key) {
			buf_printf(&value, "%s %llu\n", out->etag, (unsigned long long)out->rows);
			buf_put(&value, out->gzip.data, out->gzip.len);
			cache_put(app->cache, key, value.data, value.len);
		}
	}
	buf_free(&value);
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
