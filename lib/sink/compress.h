/*
 * Compress: the table of the compressions that are built in, which the API, file names and content
 * codings go by.
 */
#ifndef SLUICE_SINK_COMPRESS_H
#define SLUICE_SINK_COMPRESS_H

#include "lib/sink/sink.h"

struct compress_type {
	const char *name;   /* in the API: "gzip" */
	const char *suffix; /* behind a file's name: "gz" */
	const char *media;  /* of such a file: "application/gzip" */
	const char *coding; /* content coding (RFC 9110 §8.4.1), or NULL */
	int level_least;
	int level_most;
	int level_default;
	/* Takes `next`, which is freed with it; never NULL. The level must be in range.
	 * member_name, a file name in UTF-8, is for what holds files and never NULL. Nothing is
	 * put into `next` before the first byte or finish. */
	struct sink *(*new)(struct sink *next, int level, const char *member_name);
};

/* NULL-terminated. Of two content codings that a client likes as much, the first is used: gzip by
 * ISA-L is the fastest to make, zstd comes next, gzip by zlib last. */
extern const struct compress_type *const compress_types[];

/* NULL when there is none of that name. */
const struct compress_type *compress_by_name(const char *name);
const struct compress_type *compress_by_suffix(const char *suffix);

#endif
