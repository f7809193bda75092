#include "lib/sink/spill.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/stop.h"
#include "lib/base/wait.h"
#include "lib/sink/fcgi.h"
#include "lib/sink/file.h"

/* A put sends up to so many records of what waits: more than it adds, so that a client that has become fast
 * catches up, but not all of it, since the transaction is open as long as there are puts. */
enum { RECORDS_PER_PUT = 4 };

struct spill_sink {
	struct sink base;
	struct spill_options options;
	bool cannot_spill;

	/* the window over which the client is measured; its beginning */
	int64_t since_us;
	int64_t waited_us; /* of the door */
	uint64_t sent;     /* of the door */

	/* SPILLING */
	struct sink *file; /* else NULL */
	uint64_t read;     /* bytes of it that were in the chunk or are */
	char *chunk;       /* FCGI_SINK_RECORD, read from the file */
	size_t chunk_at;   /* first byte of it that the door has not taken */
	size_t chunk_len;
};

static void begin_window(struct spill_sink *p, int64_t now)
{
	p->since_us = now;
	p->waited_us = fcgi_sink_waited_us(p->base.next);
	p->sent = p->base.next->bytes;
}

static bool is_client_slow(struct spill_sink *p)
{
	int64_t now = clock_monotonic_us(), passed = now - p->since_us;

	if (passed < p->options.slow_after_us)
		return false;
	int64_t waited = fcgi_sink_waited_us(p->base.next) - p->waited_us;
	double least = (double)p->options.slow_rate * (double)passed / 1e6;
	bool is_slow = waited > passed / 2 && (double)(p->base.next->bytes - p->sent) < least;

	begin_window(p, now);
	return is_slow;
}

static void begin_spilling(struct spill_sink *p)
{
	struct err e;

	p->file = file_sink_new(p->options.dir, p->options.max_bytes, &e);
	if (p->file) {
		p->chunk = mem_alloc(FCGI_SINK_RECORD, 1);
		return;
	}
	p->cannot_spill = true;
	log_begin(LOG_WARN, "a slow client holds the database: its rows cannot be staged");
	log_str("cause", e.cause);
	log_end();
}

static void end_spilling(struct spill_sink *p)
{
	sink_free(p->file);
	free(p->chunk);
	p->file = NULL;
	p->chunk = NULL;
	p->read = p->chunk_at = p->chunk_len = 0;
}

/* Until the door has all, or the client has shown to be slow and the rest is to wait elsewhere. Returns how much it took. The
 * clock is left alone where nothing was waited for. */
static size_t pass(struct spill_sink *p, const char *data, size_t len)
{
	struct sink *door = p->base.next;
	int64_t waited = fcgi_sink_waited_us(door);
	size_t at = 0;

	for (;;) {
		int64_t end_us = p->since_us + p->options.slow_after_us;

		at += fcgi_sink_offer(door, data + at, len - at, end_us);
		bool has_all = at == len && !fcgi_sink_holds(door);

		if (door->err.code != ERR_NONE || (has_all && fcgi_sink_waited_us(door) == waited))
			return at;
		if (is_client_slow(p) && !p->cannot_spill)
			begin_spilling(p);
		if (has_all || p->file)
			return at;
	}
}

/* Send a record of what waits. False when nothing does, none went until end_us, or something failed. */
static bool send_spilled(struct spill_sink *p, int64_t end_us)
{
	struct err e;

	if (p->chunk_at == p->chunk_len && p->read < p->file->bytes) {
		ssize_t n = file_sink_read(p->file, p->read, p->chunk, FCGI_SINK_RECORD, &e);

		if (n < 0) {
			sink_fail(&p->base, &e);
			return false;
		}
		p->read += (uint64_t)n;
		p->chunk_at = 0;
		p->chunk_len = (size_t)n;
	}
	size_t n = fcgi_sink_offer(
		p->base.next, p->chunk + p->chunk_at, p->chunk_len - p->chunk_at, end_us);

	p->chunk_at += n;
	file_sink_drop(p->file, p->read - (p->chunk_len - p->chunk_at));
	return n > 0;
}

static bool is_all_sent(const struct spill_sink *p)
{
	return p->read == p->file->bytes && p->chunk_at == p->chunk_len &&
	       !fcgi_sink_holds(p->base.next);
}

/* What the client takes without being waited for. */
static void send_without_waiting(struct spill_sink *p)
{
	for (int i = 0; i < RECORDS_PER_PUT && send_spilled(p, 0); i++)
		;
	if (is_all_sent(p)) {
		end_spilling(p);
		begin_window(p, clock_monotonic_us());
	}
}

static void put(struct sink *s, const void *data, size_t len)
{
	struct spill_sink *p = (struct spill_sink *)s;
	size_t passed = p->file ? 0 : pass(p, data, len);
	struct err e;

	if (!p->file)
		return;
	sink_put(p->file, (const char *)data + passed, len - passed);
	if (sink_failed(p->file, &e))
		sink_fail(s, &e);
	else if (passed < len) /* else it would end before it has begun */
		send_without_waiting(p);
}

static void flush(struct sink *s)
{
	struct spill_sink *p = (struct spill_sink *)s;

	if (p->file)
		send_without_waiting(p);
	else
		pass(p, "", 0);
}

static void finish(struct sink *s)
{
	struct spill_sink *p = (struct spill_sink *)s;
	struct err e;

	while (p->file && !is_all_sent(p) && !sink_failed(s, NULL)) {
		send_spilled(p, INT64_MAX);
		if (stop_overdue()) {
			wait_gave_up(&e);
			sink_fail(s, &e);
		}
	}
	if (!sink_failed(s, NULL) && sink_finish(s->next, &e) < 0)
		sink_fail(s, &e);
	if (p->file)
		end_spilling(p);
}

static void abort_next(struct sink *s)
{
	struct spill_sink *p = (struct spill_sink *)s;

	sink_abort(s->next);
	if (p->file)
		end_spilling(p);
}

static void free_sink(struct sink *s)
{
	free(s);
}

struct sink *spill_sink_new(struct sink *door, const struct spill_options *options)
{
	static const struct sink_ops ops = { put, flush, finish, abort_next, free_sink };
	struct spill_sink *p = mem_zero(1, sizeof *p);

	p->base.ops = &ops;
	p->base.next = door;
	p->options = *options;
	begin_window(p, clock_monotonic_us());
	return &p->base;
}
