/*
 * Packer: what the compressing sinks share. An engine packs into one buffer of PACKER_OUT bytes;
 * whenever it is full, and at a flush, it is put into the next sink.
 *
 * An abort puts nothing, so that what has left lacks the end that its format asks for. Once the
 * next sink has failed the engine is not run any more.
 */
#ifndef SLUICE_SINK_PACKER_H
#define SLUICE_SINK_PACKER_H

#include "lib/sink/sink.h"

enum { PACKER_OUT = 64 * 1024 };

enum packer_mode {
	PACKER_MORE,  /* pack as it suits the engine */
	PACKER_FLUSH, /* all that was taken must come out */
	PACKER_END    /* and the trailer behind it */
};

struct packer_span {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t room; /* bytes at out */
};

struct packer;

struct packer_engine {
	/* Moves the span's beginnings on. 1: to be called again with the same mode, with more room
	 * if there is none left; 0: done; -1: it failed, and said so by packer_fail. */
	int (*run)(struct packer *, struct packer_span *, enum packer_mode);
	void (*close)(struct packer *); /* all but the packer itself */
};

/* The first member of a compressing sink. */
struct packer {
	struct sink base;
	const struct packer_engine *engine;
	size_t held;       /* bytes in out */
	bool is_unflushed; /* bytes were put since the last flush */
	uint8_t out[PACKER_OUT];
};

/* p is fresh from mem_zero and freed with the sink; `next` is taken. */
void packer_init(struct packer *p, const struct packer_engine *engine, struct sink *next);

/* Note the sink's failure; cause is for the log. */
void packer_fail(struct packer *p, const char *cause);

#endif
