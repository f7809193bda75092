/*
 * Sink: where bytes go. Sinks chain: a digest or a compressor passes on to the next.
 *
 * Order of calls:  put* flush*  then exactly one of finish or abort,  then free.
 * Failure is sticky: after the first one put and flush do nothing, and sink_failed tells the cause. A writer
 * asks once per batch, not once per put.
 *	put      takes the whole span or fails
 *	flush    passes on what is held back
 *	finish   writes what only a complete body has (trailers, footers) and flushes; must be checked
 *	abort    makes the failure visible to whoever reads; writes nothing that could look like an end
 *	free     releases the sink and those behind it; a sink neither finished nor aborted is aborted first
 */
#ifndef SLUICE_SINK_SINK_H
#define SLUICE_SINK_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct sink;

struct sink_ops {
	void (*put)(struct sink *, const void *data, size_t len);
	void (*flush)(struct sink *);
	void (*finish)(struct sink *);
	void (*abort)(struct sink *);
	void (*free)(struct sink *); /* this one alone */
};

enum sink_state { SINK_OPEN, SINK_DONE, SINK_ABORTED };

struct sink {
	const struct sink_ops *ops;
	struct sink *next; /* the sink behind this one, owned, or NULL */
	uint64_t bytes;    /* bytes put so far */
	enum sink_state state;
	struct err err; /* the first failure */
};

void sink_put(struct sink *s, const void *data, size_t len);
void sink_flush(struct sink *s);
int sink_finish(struct sink *s, struct err *e) __attribute__((warn_unused_result));
void sink_abort(struct sink *s);
void sink_free(struct sink *s);

/* True once any sink of the chain has failed; fills *e (if given) with the first cause. */
bool sink_failed(const struct sink *s, struct err *e);

/* For implementers: note the first failure of this sink. */
void sink_fail(struct sink *s, const struct err *e);

#endif
