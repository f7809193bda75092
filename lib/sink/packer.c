#include "lib/sink/packer.h"

#include <stdlib.h>

static void send(struct packer *p)
{
	sink_put(p->base.next, p->out, p->held);
	p->held = 0;
}

static void run(struct packer *p, const void *data, size_t len, enum packer_mode mode)
{
	struct packer_span span = { .in = data, .in_len = len };

	for (int again = 1; again > 0 && !sink_failed(&p->base, NULL);) {
		span.out = p->out + p->held;
		span.room = sizeof p->out - p->held;
		again = p->engine->run(p, &span, mode);
		p->held = sizeof p->out - span.room;
		if (span.room == 0)
			send(p);
	}
}

static void put(struct sink *s, const void *data, size_t len)
{
	struct packer *p = (struct packer *)s;

	run(p, data, len, PACKER_MORE);
	p->is_unflushed = true;
}

static void flush(struct sink *s)
{
	struct packer *p = (struct packer *)s;

	if (p->is_unflushed)
		run(p, NULL, 0, PACKER_FLUSH);
	p->is_unflushed = false;
	if (!sink_failed(s, NULL))
		send(p);
	sink_flush(s->next);
}

static void finish(struct sink *s)
{
	struct packer *p = (struct packer *)s;
	struct err e;

	run(p, NULL, 0, PACKER_END);
	if (s->err.code != ERR_NONE)
		return;
	send(p);
	if (sink_finish(s->next, &e) < 0)
		sink_fail(s, &e);
}

static void abort_next(struct sink *s)
{
	sink_abort(s->next);
}

static void free_sink(struct sink *s)
{
	struct packer *p = (struct packer *)s;

	p->engine->close(p);
	free(p);
}

void packer_init(struct packer *p, const struct packer_engine *engine, struct sink *next)
{
	static const struct sink_ops ops = { put, flush, finish, abort_next, free_sink };

	p->base.ops = &ops;
	p->base.next = next;
	p->engine = engine;
}

void packer_fail(struct packer *p, const char *cause)
{
	struct err e;

	err_set(&e, ERR_INTERNAL, "the rows could not be compressed");
	err_cause(&e, "%s", cause);
	sink_fail(&p->base, &e);
}
