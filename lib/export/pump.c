#include "lib/export/pump.h"

#include "lib/base/clock.h"
#include "lib/base/stop.h"
#include "lib/base/wait.h"

/* Why not to go on after a batch, or 0. */
static int check(struct pump *p, struct err *e)
{
	if (sink_failed(p->sink, e))
		return -1;
	return stop_overdue() || wait_hung_up(p->hangup_fd) ? wait_gave_up(e) : 0;
}

static int run(struct pump *p, struct batch *b, struct err *e)
{
	int r = source_next(p->source, b, e);

	if (r < 0)
		return -1;
	p->first_us = clock_monotonic_us();
	format_begin(p->format, p->schema);
	while (r > 0) {
		format_batch(p->format, b);
		p->rows += (uint64_t)b->rows;
		if (p->progress)
			p->progress(p->of, p->rows);
		/* The database is slow: let the client have what there is. */
		if (!batch_is_full(b))
			sink_flush(p->sink);
		if (check(p, e) < 0)
			return -1;
		r = source_next(p->source, b, e);
	}
	if (r < 0 || source_end(p->source, e) < 0)
		return -1;
	format_end(p->format);
	return sink_failed(p->sink, e) ? -1 : 0;
}

int pump_run(struct pump *p, struct err *e)
{
	struct batch b;

	batch_init(&b, p->schema);
	int r = run(p, &b, e);

	batch_free(&b);
	if (r < 0)
		source_cancel(p->source);
	return r;
}
