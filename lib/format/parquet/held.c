#include "lib/format/parquet/held.h"

#include <stdlib.h>

#include "lib/base/mem.h"

struct held_block {
	struct held_block *next;
	size_t len;
	uint8_t data[];
};

static struct held_block *take(struct held_pool *pool)
{
	struct held_block *b = pool->spare;

	if (b)
		pool->spare = b->next;
	else
		b = mem_alloc(1, sizeof *b + pool->block);
	b->next = NULL;
	b->len = 0;
	return b;
}

void held_put(struct held *h, struct held_pool *pool, const void *data, size_t len)
{
	const uint8_t *from = data;

	h->len += len;
	while (len) {
		if (!h->last || h->last->len == pool->block) {
			struct held_block *b = take(pool);

			*(h->last ? &h->last->next : &h->first) = b;
			h->last = b;
		}
		size_t room = pool->block - h->last->len, n = len < room ? len : room;

		memcpy(h->last->data + h->last->len, from, n);
		h->last->len += n;
		from += n;
		len -= n;
	}
}

void held_write(struct held *h, struct held_pool *pool, struct sink *to)
{
	for (struct held_block *b = h->first, *next; b; b = next) {
		next = b->next;
		sink_put(to, b->data, b->len);
		b->next = pool->spare;
		pool->spare = b;
	}
	*h = (struct held){ 0 };
}

static void free_blocks(struct held_block *b)
{
	for (struct held_block *next; b; b = next) {
		next = b->next;
		free(b);
	}
}

void held_free(struct held *h)
{
	free_blocks(h->first);
	*h = (struct held){ 0 };
}

void held_pool_free(struct held_pool *pool)
{
	free_blocks(pool->spare);
	pool->spare = NULL;
}
