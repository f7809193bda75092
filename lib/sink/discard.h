/*
 * A sink that drops what is put into it, for who wants to know only how much that was (sink.bytes).
 */
#ifndef SLUICE_SINK_DISCARD_H
#define SLUICE_SINK_DISCARD_H

#include "lib/sink/sink.h"

struct sink *discard_sink_new(void);

#endif
