#include "lib/sink/gzip.h"

#include "config.h"

#include <assert.h>
#include <stdlib.h>

#if defined(HAVE_LIBISAL) && !defined(GZIP_PORTABLE)
#include <isa-l/igzip_lib.h>
#else
#include <zlib.h>
#endif

#include "lib/base/mem.h"
#include "lib/sink/packer.h"

/* Both engines count what they are given in 32 bits. */
enum { SPAN_MAX = 1 << 30 };

static size_t at_most(size_t len)
{
	return len < SPAN_MAX ? len : SPAN_MAX;
}

#if defined(HAVE_LIBISAL) && !defined(GZIP_PORTABLE)

struct gzip {
	struct packer packer;
	struct isal_zstream z;
	uint8_t *work; /* ISA-L's level_buf */
};

static int run(struct packer *p, struct packer_span *span, enum packer_mode mode)
{
	struct isal_zstream *z = &((struct gzip *)p)->z;
	size_t len = at_most(span->in_len);

	z->next_in = (uint8_t *)(uintptr_t)span->in;
	z->avail_in = (uint32_t)len;
	z->next_out = span->out;
	z->avail_out = (uint32_t)span->room;
	z->flush = mode == PACKER_FLUSH ? SYNC_FLUSH : NO_FLUSH;
	z->end_of_stream = mode == PACKER_END;
	int status = isal_deflate(z);

	span->in = z->next_in;
	span->in_len -= len - z->avail_in;
	span->out = z->next_out;
	span->room = z->avail_out;
	if (status != COMP_OK) {
		packer_fail(p, "isal_deflate");
		return -1;
	}
	if (mode == PACKER_END)
		return z->internal_state.state != ZSTATE_END;
	return span->in_len > 0 || span->room == 0;
}

static void close_engine(struct packer *p)
{
	free(((struct gzip *)p)->work);
}

static void open_engine(struct gzip *g, int level)
{
	static const uint32_t works[] = { ISAL_DEF_LVL0_DEFAULT, ISAL_DEF_LVL1_DEFAULT,
		ISAL_DEF_LVL2_DEFAULT, ISAL_DEF_LVL3_DEFAULT };
	uint32_t own = level < 4 ? 1 : level < 7 ? 2 : 3;

	isal_deflate_init(&g->z);
	g->z.gzip_flag = IGZIP_GZIP;
	g->z.level = own;
	g->z.level_buf_size = works[own];
	g->work = mem_alloc(works[own], 1);
	g->z.level_buf = g->work;
}

#else

struct gzip {
	struct packer packer;
	z_stream z;
};

static int run(struct packer *p, struct packer_span *span, enum packer_mode mode)
{
	static const int flushes[] = { Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH };
	z_stream *z = &((struct gzip *)p)->z;
	size_t len = at_most(span->in_len);

	z->next_in = (z_const Bytef *)(uintptr_t)span->in;
	z->avail_in = (uInt)len;
	z->next_out = span->out;
	z->avail_out = (uInt)span->room;
	int status = deflate(z, flushes[mode]);

	span->in = z->next_in;
	span->in_len -= len - z->avail_in;
	span->out = z->next_out;
	span->room = z->avail_out;
	/* Z_BUF_ERROR: there was nothing to do. */
	if (status < 0 && status != Z_BUF_ERROR) {
		packer_fail(p, "deflate");
		return -1;
	}
	if (mode == PACKER_END)
		return status != Z_STREAM_END;
	return span->in_len > 0 || span->room == 0;
}

static void close_engine(struct packer *p)
{
	deflateEnd(&((struct gzip *)p)->z);
}

static void open_engine(struct gzip *g, int level)
{
	enum { WINDOW = 15, AS_GZIP = 16, MEMORY = 8 }; /* zlib's defaults, gzip about them */

	if (deflateInit2(&g->z, level, Z_DEFLATED, WINDOW + AS_GZIP, MEMORY, Z_DEFAULT_STRATEGY) !=
		Z_OK)
		packer_fail(&g->packer, "deflateInit2");
}

#endif

struct sink *gzip_sink_new(struct sink *next, int level, const char *member_name)
{
	static const struct packer_engine engine = { run, close_engine };
	struct gzip *g = mem_zero(1, sizeof *g);

	(void)member_name;
	assert(level >= GZIP_LEVEL_LEAST && level <= GZIP_LEVEL_MOST);
	packer_init(&g->packer, &engine, next);
	open_engine(g, level);
	return &g->packer.base;
}
