/*
 * Compresses into one Zstandard frame (RFC 8878) with a checksum of its content, by libzstd.
 *
 * The window is 256 KiB, far below what every decoder must take (8 MiB, RFC 9659). Memory: 1.2 MiB
 * at level 1, at most 4 MiB at any other.
 */
#ifndef SLUICE_SINK_ZSTD_H
#define SLUICE_SINK_ZSTD_H

#include "lib/sink/sink.h"

enum { ZSTD_LEVEL_LEAST = 1, ZSTD_LEVEL_DEFAULT = 1, ZSTD_LEVEL_MOST = 19 };

/* Takes `next`, which is freed with it. member_name is not used: a frame has no name. */
struct sink *zstd_sink_new(struct sink *next, int level, const char *member_name);

#endif
