/*
 * Compresses into a zip archive (PKWARE APPNOTE 6.3.10) with one deflated member, by libarchive:
 * written front to back, with CRC and sizes behind the data (§4.3.9, data descriptor) and zip64
 * fields (§4.5.3) for them, since they are not known before.
 *
 * A flush passes on only what libarchive has let go: it collects 64 KiB of packed bytes and cannot
 * be asked for less. Memory: 400 KiB, at any level.
 */
#ifndef SLUICE_SINK_ZIP_H
#define SLUICE_SINK_ZIP_H

#include "lib/sink/sink.h"

enum { ZIP_LEVEL_LEAST = 1, ZIP_LEVEL_DEFAULT = 1, ZIP_LEVEL_MOST = 9 };

/* Takes `next`, which is freed with it. member_name: a file name in UTF-8, copied. Levels are
 * zlib's. */
struct sink *zip_sink_new(struct sink *next, int level, const char *member_name);

#endif
