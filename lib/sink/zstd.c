#include "lib/sink/zstd.h"

#include "config.h"

#ifdef HAVE_LIBZSTD

#include <assert.h>
#include <zstd.h>

#include "lib/base/mem.h"
#include "lib/sink/packer.h"

/* As powers of two. CSV packs no better with a window larger than 256 KiB. From LARGE_LEVEL on
 * libzstd's own tables are larger than that calls for, up to 80 MiB. */
enum { WINDOW_LOG = 18, TABLE_LOG = 18, LARGE_LEVEL = 5 };

struct zstd {
	struct packer packer;
	ZSTD_CCtx *context;
};

static int run(struct packer *p, struct packer_span *span, enum packer_mode mode)
{
	static const ZSTD_EndDirective ends[] = { ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end };
	ZSTD_inBuffer in = { span->in, span->in_len, 0 };
	ZSTD_outBuffer out = { span->out, span->room, 0 };
	size_t left = ZSTD_compressStream2(((struct zstd *)p)->context, &out, &in, ends[mode]);

	span->in += in.pos;
	span->in_len -= in.pos;
	span->out += out.pos;
	span->room -= out.pos;
	if (ZSTD_isError(left)) {
		packer_fail(p, ZSTD_getErrorName(left));
		return -1;
	}
	return mode == PACKER_MORE ? span->in_len > 0 : left > 0;
}

static void close_engine(struct packer *p)
{
	ZSTD_freeCCtx(((struct zstd *)p)->context);
}

static void set(struct zstd *z, ZSTD_cParameter parameter, int value)
{
	size_t status = ZSTD_CCtx_setParameter(z->context, parameter, value);

	if (ZSTD_isError(status))
		packer_fail(&z->packer, ZSTD_getErrorName(status));
}

struct sink *zstd_sink_new(struct sink *next, int level, const char *member_name)
{
	static const struct packer_engine engine = { run, close_engine };
	struct zstd *z = mem_zero(1, sizeof *z);

	(void)member_name;
	assert(level >= ZSTD_LEVEL_LEAST && level <= ZSTD_LEVEL_MOST);
	packer_init(&z->packer, &engine, next);
	z->context = ZSTD_createCCtx();
	if (!z->context) {
		packer_fail(&z->packer, "ZSTD_createCCtx");
		return &z->packer.base;
	}
	set(z, ZSTD_c_compressionLevel, level);
	set(z, ZSTD_c_checksumFlag, 1);
	set(z, ZSTD_c_windowLog, WINDOW_LOG);
	if (level >= LARGE_LEVEL) {
		set(z, ZSTD_c_chainLog, TABLE_LOG);
		set(z, ZSTD_c_hashLog, TABLE_LOG);
	}
	return &z->packer.base;
}

#endif
