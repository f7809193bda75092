#include "lib/sink/memory.h"

#include <stdlib.h>

static void put(struct sink *s, const void *data, size_t len)
{
	struct memory_sink *m = (struct memory_sink *)s;
	struct err e;

	if (len > m->fail_after - m->bytes.len) {
		buf_put(&m->bytes, data, (size_t)(m->fail_after - m->bytes.len));
		err_set(&e, ERR_DISK, "the memory sink was told to fail");
		sink_fail(s, &e);
		return;
	}
	buf_put(&m->bytes, data, len);
}

static void nothing(struct sink *s)
{
	(void)s;
}

static void free_sink(struct sink *s)
{
	buf_free(&((struct memory_sink *)s)->bytes);
	free(s);
}

struct memory_sink *memory_sink_new(void)
{
	static const struct sink_ops ops = { put, nothing, nothing, nothing, free_sink };
	struct memory_sink *m = mem_zero(1, sizeof *m);

	m->base.ops = &ops;
	m->fail_after = UINT64_MAX;
	return m;
}
