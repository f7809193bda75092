/*
 * Measuring one format: a table's rows are written in it, counted and dropped, by a process of its own, so that the memory it takes
 * is its own (VmHWM, proc(5)). That process has its own session with the database, uses nothing else of what its parent has
 * open, and dies with it.
 */
#ifndef SLUICE_EXPORT_MEASURE_H
#define SLUICE_EXPORT_MEASURE_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/export/reading.h"
#include "lib/format/format.h"

struct measure_task {
	struct reading_by by;
	const struct settings_table *table;
	int64_t rows; /* most */
	const struct format_type *format;
	int hangup_fd; /* whoever waits for it; -1: nobody to watch */
};

struct measured {
	uint64_t rows, bytes;
	int64_t us;     /* from the query to the last byte */
	int64_t peak;   /* bytes that were resident at most */
	struct err err; /* why there is none of the above; ERR_NONE: there is */
};

/* 0, whether it could be measured or not. -1 when there is nobody to tell it to, or no time (wait_gave_up): then the process has been
 * ended. */
int measure(const struct measure_task *t, struct measured *out, struct err *e);

#endif
