/*
 * A body on disk: a file without a name (O_TMPFILE) in the stage directory, gone with the process whatever
 * happens, and no larger than a budget.
 */
#ifndef SLUICE_SINK_FILE_H
#define SLUICE_SINK_FILE_H

#include "lib/sink/sink.h"

/* dir: an existing directory. NULL and ERR_DISK when no file can be made there. */
struct sink *file_sink_new(const char *dir, uint64_t max_bytes, struct err *e);

/* After finish: put the whole file into another sink; -1 with what reading or that sink failed with. */
int file_sink_send(struct sink *file, struct sink *to, struct err *e);

#endif
