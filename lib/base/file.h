/*
 * Small files, read whole: configuration, secrets, migrations.
 */
#ifndef SLUICE_BASE_FILE_H
#define SLUICE_BASE_FILE_H

#include <stddef.h>

#include "lib/base/mem.h"

/* Append the file's content to out. -1 with errno set, and out as it was, when it cannot be read;
 * EFBIG when it holds more than max bytes, EISDIR for a directory. */
int file_read(const char *path, size_t max, struct buf *out);

#endif
