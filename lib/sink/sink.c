#include "lib/sink/sink.h"

#include <assert.h>

void sink_put(struct sink *s, const void *data, size_t len)
{
	assert(s->state == SINK_OPEN);
	if (s->err.code != ERR_NONE || len == 0)
		return;
	s->ops->put(s, data, len);
	if (s->err.code == ERR_NONE)
		s->bytes += len;
}

void sink_flush(struct sink *s)
{
	if (s->err.code == ERR_NONE && s->state == SINK_OPEN)
		s->ops->flush(s);
}

int sink_finish(struct sink *s, struct err *e)
{
	assert(s->state == SINK_OPEN);
	if (!sink_failed(s, NULL))
		s->ops->finish(s);
	if (sink_failed(s, e))
		return -1;
	s->state = SINK_DONE;
	return 0;
}

void sink_abort(struct sink *s)
{
	if (!s || s->state != SINK_OPEN)
		return;
	s->state = SINK_ABORTED;
	s->ops->abort(s);
}

void sink_free(struct sink *s)
{
	sink_abort(s);
	while (s) {
		struct sink *next = s->next;

		s->ops->free(s);
		s = next;
	}
}

bool sink_failed(const struct sink *s, struct err *e)
{
	for (; s; s = s->next)
		if (s->err.code != ERR_NONE) {
			if (e)
				*e = s->err;
			return true;
		}
	return false;
}

void sink_fail(struct sink *s, const struct err *e)
{
	if (s->err.code == ERR_NONE)
		s->err = *e;
}
