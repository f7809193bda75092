/*
 * Held: bytes kept until they may be written. The chunks of a row group's columns stand one behind the other in the file
 * but grow side by side, so all but the first wait.
 *
 * They lie in blocks of one size, from a pool that every column shares and that keeps them for the next row group:
 * memory follows the largest row group and is never copied.
 */
#ifndef SLUICE_FORMAT_PARQUET_HELD_H
#define SLUICE_FORMAT_PARQUET_HELD_H

#include <stddef.h>

#include "lib/sink/sink.h"

struct held_block;

struct held_pool {
	struct held_block *spare;
	size_t block; /* bytes a block holds */
};

/* {0} is empty. */
struct held {
	struct held_block *first, *last;
	size_t len;
};

void held_put(struct held *h, struct held_pool *pool, const void *data, size_t len);

/* Puts what is held into the sink and gives its blocks back: empty then. */
void held_write(struct held *h, struct held_pool *pool, struct sink *to);

void held_free(struct held *h);
void held_pool_free(struct held_pool *pool);

#endif
