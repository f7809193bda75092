#include "lib/sink/compress.h"

#include "config.h"

#include <string.h>

#include "lib/sink/gzip.h"
#include "lib/sink/zip.h"
#include "lib/sink/zstd.h"

#ifdef HAVE_LIBZSTD
static const struct compress_type zstd = {
	.name = "zstd",
	.suffix = "zst",
	.media = "application/zstd",
	.coding = "zstd",
	.level_least = ZSTD_LEVEL_LEAST,
	.level_most = ZSTD_LEVEL_MOST,
	.level_default = ZSTD_LEVEL_DEFAULT,
	.new = zstd_sink_new,
};
#endif

static const struct compress_type gzip = {
	.name = "gzip",
	.suffix = "gz",
	.media = "application/gzip",
	.coding = "gzip",
	.level_least = GZIP_LEVEL_LEAST,
	.level_most = GZIP_LEVEL_MOST,
	.level_default = GZIP_LEVEL_DEFAULT,
	.new = gzip_sink_new,
};

#ifdef HAVE_LIBARCHIVE
static const struct compress_type zip = {
	.name = "zip",
	.suffix = "zip",
	.media = "application/zip",
	.level_least = ZIP_LEVEL_LEAST,
	.level_most = ZIP_LEVEL_MOST,
	.level_default = ZIP_LEVEL_DEFAULT,
	.new = zip_sink_new,
};
#endif

const struct compress_type *const compress_types[] = {
#if defined(HAVE_LIBZSTD) && !defined(HAVE_LIBISAL)
	&zstd,
#endif
	&gzip,
#if defined(HAVE_LIBZSTD) && defined(HAVE_LIBISAL)
	&zstd,
#endif
#ifdef HAVE_LIBARCHIVE
	&zip,
#endif
	NULL,
};

const struct compress_type *compress_by_name(const char *name)
{
	for (const struct compress_type *const *t = compress_types; *t; t++)
		if (strcmp((*t)->name, name) == 0)
			return *t;
	return NULL;
}

const struct compress_type *compress_by_suffix(const char *suffix)
{
	for (const struct compress_type *const *t = compress_types; *t; t++)
		if (strcmp((*t)->suffix, suffix) == 0)
			return *t;
	return NULL;
}
