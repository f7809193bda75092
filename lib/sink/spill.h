/*
 * Spill: the sink before the door (fcgi.h), for clients that are slow. What waits for them waits on disk, and not in
 * the database's transaction.
 *
 *	PASSING ──the client is slow──▶ SPILLING ──all is sent──▶ PASSING
 *
 * PASSING: bytes go to the door from the caller's memory, and a put blocks while the connection is full.
 * SPILLING: bytes go to a file (file.h), a put does not block, and meanwhile the client is sent from
 * the file's front what it takes. finish blocks until all is sent.
 *
 * The client is slow when within `slow_after_us` it took less than slow_rate bytes a second and was what was waited for
 * during more than half of that time: a slow database is not its fault.
 *
 * Beside the door's failures: ERR_DISK when what waits would exceed the budget or the disk. A file that
 * cannot be made is logged, and it stays PASSING. abort breaks the transfer at once, whatever still waits.
 */
#ifndef SLUICE_SINK_SPILL_H
#define SLUICE_SINK_SPILL_H

#include "lib/sink/sink.h"

struct spill_options {
	const char *dir; /* of the file; borrowed until free */
	uint64_t max_bytes;
	uint64_t slow_rate; /* bytes a second */
	int64_t slow_after_us;
};

/* door: an fcgi sink, which becomes the next one; its bytes are those that were sent. */
struct sink *spill_sink_new(struct sink *door, const struct spill_options *options);

#endif
