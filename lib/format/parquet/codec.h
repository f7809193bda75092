/*
 * Codec: how the pages of a file are compressed, each by itself
 * (https://github.com/apache/parquet-format/blob/master/Compression.md).
 */
#ifndef SLUICE_FORMAT_PARQUET_CODEC_H
#define SLUICE_FORMAT_PARQUET_CODEC_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

/* The words of the option. */
enum codec_kind { CODEC_NONE, CODEC_SNAPPY, CODEC_ZSTD, CODEC_GZIP };

enum { CODEC_LEVEL_DEFAULT = 0 };

struct codec {
	enum codec_kind kind;
	int level;
	void *context; /* of its library */
};

/* Whether Sluice was built with it, and which it is that is taken where none is named. */
bool codec_is_built(enum codec_kind kind);
enum codec_kind codec_default(void);

/* From 1 to this; 0: it has no levels. */
int codec_level_most(enum codec_kind kind);

/* Its word. */
const char *codec_name(enum codec_kind kind);

/* parquet.thrift's CompressionCodec. */
int codec_thrift(enum codec_kind kind);

/* level: CODEC_LEVEL_DEFAULT, or one that the kind has. */
int codec_open(struct codec *c, enum codec_kind kind, int level, struct err *e)
	__attribute__((warn_unused_result));

/* Appends the compressed bytes. ERR_INTERNAL when the library fails. */
int codec_pack(struct codec *c, struct buf *to, const void *from, size_t len, struct err *e)
	__attribute__((warn_unused_result));

/* {0} may be closed. */
void codec_close(struct codec *c);

#endif
