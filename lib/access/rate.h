/*
 * Rate limits shared by all processes of a host: fixed windows that begin with a key's first
 * request, counted in a memory-mapped file in state.dir.
 *
 * The file is an open-addressed table of slots, each a 64-bit hash of the key and one 64-bit word
 * of window start and count, changed by compare-and-swap alone: a worker that dies at any
 * instruction leaves it usable. A key's slot is one of the RATE_PROBES that begin where its hash
 * points. Slots whose window has passed are taken over; when all are in use the oldest is, so that
 * in a table too small for its keys some have more than their limit. While a slot changes hands,
 * requests of the two keys at that very instant may be counted for the other or not at all.
 * The hash is SipHash with a random key that the file's header holds (whoever chooses keys cannot
 * choose collisions):
 *
 *	64 bytes            struct header: magic, version, number of slots, key of the hash
 *	16 bytes a slot     hash (0: free), then start in ms of CLOCK_MONOTONIC << 22 | count
 *
 * Nothing in it outlives the host: after a restart its windows have passed, or end within one
 * window.
 */
#ifndef SLUICE_ACCESS_RATE_H
#define SLUICE_ACCESS_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

enum {
	RATE_SLOTS = 65536,            /* 1 MiB */
	RATE_PROBES = 16,              /* four cache lines */
	RATE_LIMIT_MAX = (1 << 22) - 1 /* what a slot can count */
};

struct rate_table;

struct rate {
	int64_t limit;     /* requests a window; 0: none is counted */
	int64_t window_s;  /* seconds, rounded up */
	int64_t remaining; /* after this request, never negative */
	int64_t reset_s;   /* seconds until the window ends, at least 1 */
	bool allowed;
};

/* Opens or makes the file, whose folder must exist; one of another size or version is replaced
 * (processes that have it open count there until their next rate_open). NULL and ERR_CONFIG, naming
 * the path, when it cannot be had, or when the limit or a window under a second cannot be kept.
 * With a limit of 0 the file is left alone. */
struct rate_table *rate_open(const char *path, int64_t limit, int64_t window_us, struct err *e);
void rate_close(struct rate_table *t);

/* Count one request of `key` (for example "sub:alice", "addr:192.0.2.7"); one that is not allowed
 * is not counted. A limit of 0 allows all. */
void rate_take(struct rate_table *t, const char *key, struct rate *out);

#endif
