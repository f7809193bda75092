/*
 * A body on disk: a file without a name (O_TMPFILE) in the stage directory, gone with the process whatever
 * happens, and no larger than a budget. It does not take the last room of its file system either:
 * a twentieth is left, or a gigabyte where that is less.
 */
#ifndef SLUICE_SINK_FILE_H
#define SLUICE_SINK_FILE_H

#include <sys/types.h>

#include "lib/sink/sink.h"

/* dir: an existing directory. NULL and ERR_DISK when no file can be made there. A put that goes past max_bytes, or that
 * there is no room for, fails with ERR_DISK. */
struct sink *file_sink_new(const char *dir, uint64_t max_bytes, struct err *e);

/* After finish: put the whole file into another sink; -1 with what reading or that sink failed with. */
int file_sink_send(struct sink *file, struct sink *to, struct err *e);

/* Read back, finished or not, what was put: from byte `at` on, which there must be, some bytes up to len. Returns how many,
 * or -1 and ERR_DISK. */
ssize_t file_sink_read(struct sink *file, uint64_t at, void *data, size_t len, struct err *e);

/* What stands before byte `end` is not read again. From time to time its room is given back, where the file system can do
 * that, and no longer counts. */
void file_sink_drop(struct sink *file, uint64_t end);

#endif
