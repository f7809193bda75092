#include "lib/format/parquet/codec.h"

#include "config.h"

#include <stdlib.h>
#include <zlib.h>
#ifdef HAVE_LIBSNAPPY
#include <snappy-c.h>
#endif
#ifdef HAVE_LIBZSTD
#include <zstd.h>
#endif

/* zlib's: 15 bits of window, a gzip header. */
enum { GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8, GZIP_LEVEL = 1 };

/* From 20 on libzstd's tables alone are larger than all that an export may take. */
enum { ZSTD_LEVEL = 1, ZSTD_LEVEL_MOST = 19, GZIP_LEVEL_MOST = 9 };

typedef int packer(struct codec *, struct buf *, const void *, size_t);

struct method {
	const char *name;
	int thrift, level_default, level_most;
	packer *pack; /* NULL: not built in */
	bool (*open)(struct codec *);
	void (*close)(struct codec *);
};

static int pack_none(struct codec *c, struct buf *to, const void *from, size_t len)
{
	(void)c;
	buf_put(to, from, len);
	return 0;
}

/* ---- gzip */

static bool open_gzip(struct codec *c)
{
	z_stream *z = mem_zero(1, sizeof *z);

	c->context = z;
	return deflateInit2(z, c->level, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
		       Z_DEFAULT_STRATEGY) == Z_OK;
}

static void close_gzip(struct codec *c)
{
	deflateEnd(c->context);
	free(c->context);
}

static int pack_gzip(struct codec *c, struct buf *to, const void *from, size_t len)
{
	z_stream *z = c->context;
	size_t bound = deflateBound(z, len);

	z->next_in = (Bytef *)from;
	z->avail_in = (uInt)len;
	z->next_out = (Bytef *)buf_reserve(to, bound);
	z->avail_out = (uInt)bound;
	if (deflate(z, Z_FINISH) != Z_STREAM_END)
		return -1;
	to->len += z->total_out;
	return deflateReset(z) == Z_OK ? 0 : -1;
}

/* ---- snappy */

#ifdef HAVE_LIBSNAPPY
static int pack_snappy(struct codec *c, struct buf *to, const void *from, size_t len)
{
	size_t out = snappy_max_compressed_length(len);

	(void)c;
	if (snappy_compress(from, len, buf_reserve(to, out), &out) != SNAPPY_OK)
		return -1;
	to->len += out;
	return 0;
}
#else
#define pack_snappy NULL
#endif

/* ---- zstd */

#ifdef HAVE_LIBZSTD
static bool open_zstd(struct codec *c)
{
	c->context = ZSTD_createCCtx();
	return c->context &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(c->context, ZSTD_c_compressionLevel, c->level));
}

static void close_zstd(struct codec *c)
{
	ZSTD_freeCCtx(c->context);
}

static int pack_zstd(struct codec *c, struct buf *to, const void *from, size_t len)
{
	size_t bound = ZSTD_compressBound(len);
	size_t n = ZSTD_compress2(c->context, buf_reserve(to, bound), bound, from, len);

	if (ZSTD_isError(n))
		return -1;
	to->len += n;
	return 0;
}
#else
#define pack_zstd  NULL
#define open_zstd  NULL
#define close_zstd NULL
#endif

/* ---- all of them */

static const struct method methods[] = {
	[CODEC_NONE] = { "none", 0, 0, 0, pack_none, NULL, NULL },
	[CODEC_SNAPPY] = { "snappy", 1, 0, 0, pack_snappy, NULL, NULL },
	[CODEC_ZSTD] = { "zstd", 6, ZSTD_LEVEL, ZSTD_LEVEL_MOST, pack_zstd, open_zstd, close_zstd },
	[CODEC_GZIP] = { "gzip", 2, GZIP_LEVEL, GZIP_LEVEL_MOST, pack_gzip, open_gzip, close_gzip },
};

bool codec_is_built(enum codec_kind kind)
{
	return methods[kind].pack != NULL;
}

enum codec_kind codec_default(void)
{
	return codec_is_built(CODEC_ZSTD)     ? CODEC_ZSTD
	       : codec_is_built(CODEC_SNAPPY) ? CODEC_SNAPPY
					      : CODEC_GZIP;
}

int codec_level_most(enum codec_kind kind)
{
	return methods[kind].level_most;
}

const char *codec_name(enum codec_kind kind)
{
	return methods[kind].name;
}

int codec_thrift(enum codec_kind kind)
{
	return methods[kind].thrift;
}

int codec_open(struct codec *c, enum codec_kind kind, int level, struct err *e)
{
	const struct method *m = &methods[kind];

	*c = (struct codec){ .kind = kind, .level = level ? level : m->level_default };
	return !m->open || m->open(c) ? 0 : err_set(e, ERR_INTERNAL, "the codec cannot be opened");
}

int codec_pack(struct codec *c, struct buf *to, const void *from, size_t len, struct err *e)
{
	return methods[c->kind].pack(c, to, from, len) == 0
		       ? 0
		       : err_set(e, ERR_INTERNAL, "a page could not be compressed");
}

void codec_close(struct codec *c)
{
	if (c->context)
		methods[c->kind].close(c);
	*c = (struct codec){ 0 };
}
