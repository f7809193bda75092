/*
 * Events of a job: how far it is, told to whoever listens (event.h).
 *
 *	progress   the job as GET /api/v1/exports/{id} shows it: at once, and whenever that has changed
 *	end        the same of one that has ended; nothing follows
 *
 * An event's id stands for what it says, so that a client that comes again and names the last one (Last-Event-ID) is
 * told only what is new. A stream holds its process; so there is a limit to how many there are and to how long each lasts, and
 * where the web server would keep the events back until the stream ends there is none: the client gets what there is, and
 * comes again.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/stop.h"
#include "lib/base/wait.h"
#include "lib/job/job_store.h"
#include "lib/job/job_watch.h"
#include "lib/job/slot.h"
#include "lib/sink/fcgi.h"
#include "lib/web/event.h"
#include "lib/web/export_named.h"
#include "lib/web/front.h"
#include "lib/web/route.h"

enum {
	RETRY_MS = 2000,
	LOOK_MS = 1000, /* between two looks at how far it is */
	QUIET_S = 15,   /* then a comment shows that the stream is alive */
	SEND_S = 5      /* that a client may take for one event */
};

struct events {
	struct app *app;
	struct request *rq;
	struct response *rs;
	struct slot slot;
	struct job_watch watch;
	char told[EVENT_ID];     /* the id of the last event; "": none */
	struct buf out;          /* what is to be sent next */
	bool is_over;            /* the job has ended */
	int64_t end_us, sent_us; /* monotonic: of the stream, of what was sent last */
};

static void put_headers(struct response *rs)
{
	response_header(rs, "Content-Type", "text/event-stream");
	response_header(rs, "Cache-Control", "no-store");
	response_header(rs, "X-Content-Type-Options", "nosniff");
	response_header(rs, "X-Accel-Buffering", "no");
}

/* Put the job's event, if it is news. */
static int look(struct events *v, struct err *e)
{
	struct buf json = { 0 };
	char id[EVENT_ID];
	enum job_state state;
	const char *subject = request_owner(v->rq);
	int status = job_read(v->app->metadata, v->rq->captures[0], subject, &json, &state, e);

	if (status == 0) {
		v->is_over = state != JOB_QUEUED && state != JOB_RUNNING;
		event_id(&json, id);
		if (strcmp(id, v->told) != 0)
			event_put(&v->out, v->is_over ? "end" : "progress", id, &json);
		memcpy(v->told, id, sizeof id);
	}
	buf_free(&json);
	return status;
}

/* ---- without a stream */

/* A client that has been told of the end does not come again after a 204 (§9.2.2). */
static int answer_now(struct events *v)
{
	if (v->is_over && v->out.len == 0) {
		response_empty(v->rs, 204);
		return 0;
	}
	event_put_retry(&v->out, RETRY_MS);
	put_headers(v->rs);
	response_whole(v->rs, 200, &v->out);
	return 0;
}

/* ---- as a stream */

/* What does not leave in time is for nobody. */
static int send(struct events *v, struct err *e)
{
	int64_t now_us = clock_monotonic_us();
	size_t len = v->out.len;

	if (len == 0)
		return 0;
	size_t taken =
		fcgi_sink_offer(v->rs->door, v->out.data, len, now_us + (int64_t)SEND_S * 1000000);

	v->out.len = 0;
	v->sent_us = now_us;
	if (sink_failed(v->rs->door, e))
		return -1;
	if (taken == len && !fcgi_sink_holds(v->rs->door))
		return 0;
	return err_set(e, ERR_CLIENT_GONE, "the client does not read");
}

static int wait_for_news(struct events *v, struct err *e)
{
	int64_t left_ms = (v->end_us - clock_monotonic_us() + 999) / 1000;

	if (left_ms > 0 &&
		job_watch_wait(&v->watch, left_ms < LOOK_MS ? (int)left_ms : LOOK_MS, e) < 0)
		return -1;
	if (wait_hung_up(v->rq->fcgi->ipcFd))
		return wait_gave_up(e);
	if (!slot_is_held(&v->slot))
		return err_set(e, ERR_UNAVAILABLE, "the metadata database was lost for a moment");
	return 0;
}

static int follow(struct events *v, struct err *e)
{
	event_put_retry(&v->out, RETRY_MS);
	for (;;) {
		if (look(v, e) < 0)
			return e->code == ERR_NOT_FOUND
				       ? 0
				       : -1; /* removed: whoever comes again is told */
		if (clock_monotonic_us() - v->sent_us > (int64_t)QUIET_S * 1000000)
			event_put_comment(&v->out);
		if (send(v, e) < 0)
			return -1;
		if (v->is_over || stop_requested() || clock_monotonic_us() >= v->end_us)
			return 0;
		if (wait_for_news(v, e) < 0)
			return -1;
	}
}

static int stream(struct events *v, struct err *e)
{
	v->sent_us = clock_monotonic_us();
	v->end_us = v->sent_us + v->app->settings.limits_events_time_us;
	put_headers(v->rs);
	response_stream(v->rs, 200);
	return follow(v, e) < 0 ? -1 : response_finish(v->rs, e);
}

static int take_slot(struct events *v, struct err *e)
{
	int64_t most = v->app->settings.limits_events;
	int taken = slot_take(&v->slot, v->app->metadata, SLOT_EVENTS, most, e);

	if (taken)
		return taken < 0 ? -1 : 0;
	if (most == 0)
		return err_set(e, ERR_UNAVAILABLE,
			"there are no streams of events here; ask for the export itself now and "
			"then");
	return err_set(e, ERR_UNAVAILABLE,
		"there are %lld streams of events already, which is as many as there may be; ask "
		"for the export itself now and then",
		(long long)most);
}

/* What is told from the watch's beginning on is heard; so the job is looked at anew after it. */
static int listen(struct events *v, const char *last_id, struct err *e)
{
	v->out.len = 0;
	strncpy(v->told, last_id, sizeof v->told - 1);
	int status = take_slot(v, e) < 0 || job_watch_begin(&v->watch, v->app->metadata,
						    v->rq->captures[0], e) < 0
			     ? -1
			     : stream(v, e);

	job_watch_end(&v->watch);
	slot_give(&v->slot);
	return status;
}

static int serve(struct events *v, struct err *e)
{
	const char *last = request_env(v->rq, "HTTP_LAST_EVENT_ID");
	const char *last_id = last && strlen(last) < EVENT_ID ? last : "";

	strncpy(v->told, last_id, sizeof v->told - 1);
	if (look(v, e) < 0)
		return -1;
	if (request_is_head(v->rq)) {
		put_headers(v->rs);
		response_empty(v->rs, 200);
		return 0;
	}
	return v->is_over || front_needs_length(v->rq) ? answer_now(v) : listen(v, last_id, e);
}

int handle_events(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct events v = { .app = app, .rq = rq, .rs = rs };

	if (export_named(app, rq, e) < 0)
		return -1;
	rq->audit.definition = arena_printf(&rq->arena, "{\"export\":\"%s\"}", rq->captures[0]);
	int status = serve(&v, e);

	buf_free(&v.out);
	return status;
}
