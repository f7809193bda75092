/*
 * Unpacking, by the libraries that the formats come from and by the tools that people have, to
 * judge what was packed.
 */
#ifndef SLUICE_TESTS_UNPACK_H
#define SLUICE_TESTS_UNPACK_H

#include "lib/base/mem.h"

/* Append what can be read. 0 when the packed bytes are one file, whole and with nothing behind it,
 * whose checksum holds; else -1. */
typedef int unpacker(const struct buf *packed, struct buf *out);

unpacker unpack_gzip; /* zlib */
unpacker unpack_zstd; /* libzstd; without it always -1 */
unpacker unpack_zip;  /* libarchive, by way of the central directory; without it always -1 */

/* The same without the central directory, as it comes down the wire. */
unpacker unpack_zip_stream;

/* A shell's command, to be followed by a path, its output thrown away: the exit status. */
int unpack_tool(const char *command, const char *path);

/* Whether it ends with status 0 and exactly these bytes on its standard output. */
bool unpack_tool_gives(const char *command, const char *path, const char *data, size_t len);

#endif
