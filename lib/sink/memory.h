/*
 * A sink that keeps everything in memory, for tests and benches; it can be told to fail.
 */
#ifndef SLUICE_SINK_MEMORY_H
#define SLUICE_SINK_MEMORY_H

#include "lib/base/mem.h"
#include "lib/sink/sink.h"

struct memory_sink {
	struct sink base;
	struct buf bytes;    /* what was put; freed with the sink */
	uint64_t fail_after; /* fail once this many bytes would be passed; UINT64_MAX: never */
};

struct memory_sink *memory_sink_new(void);

#endif
