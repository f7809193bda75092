#include "lib/sink/discard.h"

#include <stdlib.h>

#include "lib/base/mem.h"

static void put(struct sink *s, const void *data, size_t len)
{
	(void)s;
	(void)data;
	(void)len;
}

static void nothing(struct sink *s)
{
	(void)s;
}

static void free_sink(struct sink *s)
{
	free(s);
}

struct sink *discard_sink_new(void)
{
	static const struct sink_ops ops = { put, nothing, nothing, nothing, free_sink };
	struct sink *s = mem_zero(1, sizeof *s);

	s->ops = &ops;
	return s;
}
