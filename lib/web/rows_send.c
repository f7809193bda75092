#include "lib/web/rows_send.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/export/pump.h"
#include "lib/sink/digest.h"
#include "lib/sink/file.h"
#include "lib/sink/spill.h"
#include "lib/web/front.h"
#include "lib/web/page_link.h"
#include "lib/export/schema_json.h"
#include "lib/web/schema_match.h"
#include "lib/export/table.h"

/* Apache takes no longer header line (8,190 bytes) from a FastCGI program. */
enum { LINK_MAX = 8000 };

/* Of what a compressed file holds, where it is one. */
static const char *member_name(struct request *rq, const struct rows_ask *ask)
{
	if (!ask->paged)
		return arena_printf(&rq->arena, "%s.%s", rq->table, ask->suffix);
	return arena_printf(&rq->arena, "%s_page%lld_of_%lld.%s", rq->table, (long long)ask->page,
		(long long)ask->total_pages, ask->suffix);
}

static const char *file_name(struct request *rq, const struct rows_ask *ask)
{
	const char *name = member_name(rq, ask);

	return ask->file ? arena_printf(&rq->arena, "%s.%s", name, ask->file->suffix) : name;
}

/* What caches must tell apart. */
static void put_vary(struct response *rs, const struct rows_ask *ask)
{
	response_header(rs, "Vary", "Authorization%s%s%s", ask->negotiated ? ", Accept" : "",
		ask->may_code ? ", Accept-Encoding" : "",
		ask->count != COUNT_NONE ? ", Prefer" : "");
}

static void put_count(struct response *rs, const struct rows_ask *ask, const struct rows_plan *plan)
{
	if (ask->count == COUNT_NONE)
		return;
	response_header(rs, "X-Total-Count", "%lld", (long long)plan->total);
	response_header(rs, "Preference-Applied", "count=%s",
		ask->count == COUNT_EXACT ? "exact" : "planned");
}

/* A client that follows the links would take a page without one for the last. */
static int put_page_headers(struct response *rs, const struct rows_ask *ask,
	const struct rows_plan *plan, struct err *e)
{
	if (!ask->paged)
		return 0;
	response_header(rs, "X-Page-Number", "%lld", (long long)ask->page);
	response_header(rs, "X-Total-Pages", "%lld", (long long)ask->total_pages);
	response_header(rs, "Sluice-Bounds", "%s", plan->bounds_token);
	if (ask->page == ask->total_pages)
		return 0;
	const char *next = page_link(rs->request, ask->page + 1, plan->bounds_token);

	if (strlen(next) > LINK_MAX)
		return err_set(e, ERR_BAD_REQUEST,
			"the link to the next page would be longer than a header may be (%d "
			"bytes); "
			"ask for fewer columns at a time",
			LINK_MAX);
	response_header(rs, "Link", "<%s>; rel=\"next\"", next);
	return 0;
}

static int put_headers(struct response *rs, const struct rows_ask *ask,
	const struct rows_plan *plan, struct err *e)
{
	struct request *rq = rs->request;
	double ms = (double)(clock_monotonic_us() - rq->started_us) / 1000;

	response_header(
		rs, "Content-Type", "%s", ask->file ? ask->file->media : ask->format->media);
	if (ask->coding)
		response_header(rs, "Content-Encoding", "%s", ask->coding->coding);
	response_attachment(rs, file_name(rq, ask));
	response_header(rs, "Cache-Control", "private, no-store");
	response_header(rs, "X-Content-Type-Options", "nosniff");
	response_header(rs, "Accept-Ranges", "none");
	response_header(rs, "Server-Timing", "plan;dur=%.1f", ms);
	put_vary(rs, ask);
	put_count(rs, ask, plan);
	return put_page_headers(rs, ask, plan, e);
}

struct transfer {
	struct app *app;
	struct response *rs;
	struct pump pump;
	const struct rows_ask *ask;
	struct sink *digest; /* one of the chain, where it was asked for */
	char sha256[DIGEST_HEX];
	char fingerprint[FINGERPRINT_TEXT];
	const char *lossy; /* JSON, once the fingerprint is known */
};

/* What stands between the format and where the body goes; takes `to`. */
static struct sink *chain(struct transfer *t, struct sink *to)
{
	const struct rows_ask *ask = t->ask;
	const struct compress_type *by = ask->file ? ask->file : ask->coding;

	if (ask->digest)
		to = t->digest = digest_sink_new(to);
	return by ? by->new (to, ask->level, member_name(t->rs->request, ask)) : to;
}

/* After the chain was finished. */
static void read_digest(struct transfer *t)
{
	if (t->digest)
		digest_sink_hex(t->digest, t->sha256);
}

static void note_rows(void *of, uint64_t rows)
{
	((struct request *)of)->rows = rows;
}

static int pump_into(struct transfer *t, struct sink *out, struct err *e)
{
	t->pump.sink = out;
	t->pump.progress = note_rows;
	t->pump.of = t->rs->request;
	t->pump.format = t->ask->format->new (out, &t->ask->options);
	int status = pump_run(&t->pump, e);

	format_free(t->pump.format);
	return status;
}

/* Where a slow client's rows wait, so that the database need not. */
static struct sink *spill(const struct transfer *t, struct sink *door)
{
	const struct settings *s = &t->app->settings;
	struct spill_options options = { s->stage_dir, (uint64_t)s->stage_max_bytes,
		(uint64_t)s->stage_slow_rate, s->stage_slow_after_us };

	return options.slow_rate > 0 ? spill_sink_new(door, &options) : door;
}

static int stream(struct transfer *t, struct err *e)
{
	struct sink *out = chain(t, spill(t, response_stream(t->rs, 200)));

	response_chain(t->rs, out);
	if (pump_into(t, out, e) < 0 || response_finish(t->rs, e) < 0)
		return -1;
	read_digest(t);
	return 0;
}

static int send_spooled(struct transfer *t, struct sink *file, struct err *e)
{
	response_header(t->rs, "Content-Length", "%llu", (unsigned long long)file->bytes);
	if (file_sink_send(file, response_stream(t->rs, 200), e) < 0)
		return -1;
	return response_finish(t->rs, e);
}

static int spool(struct transfer *t, struct err *e)
{
	const struct settings *s = &t->app->settings;
	struct sink *file = file_sink_new(s->stage_dir, (uint64_t)s->stage_max_bytes, e);

	if (!file) {
		source_cancel(t->pump.source); /* else the query would run on for nobody */
		return -1;
	}
	struct sink *out = chain(t, file);
	int status = pump_into(t, out, e);

	if (status == 0)
		status = sink_finish(out, e);
	if (status == 0) {
		read_digest(t);
		status = send_spooled(t, file, e);
	}
	sink_free(out);
	return status;
}

static int announce(struct transfer *t, const struct schema *schema, struct err *e)
{
	struct buf b = { 0 };

	if (schema_announce(t->app, t->rs, schema, t->fingerprint, e) < 0)
		return -1;
	schema_json_lossy(&b, schema, t->ask->format, &t->ask->options);
	t->lossy = arena_strdup(&t->rs->request->arena, buf_str(&b));
	buf_free(&b);
	return 0;
}

static int run(struct transfer *t, const struct rows_plan *plan, struct err *e)
{
	const struct schema *described;
	struct schema schema;
	struct request *rq = t->rs->request;

	if (source_open(t->pump.source, &plan->compiled.statement, &described, e) < 0)
		return -1;
	if (described->n != plan->compiled.outputs_n) {
		source_cancel(t->pump.source);
		return err_set(e, ERR_DATABASE, "the database's result is not what was asked for");
	}
	compiled_schema(&rq->arena, &plan->compiled, described, &schema);
	if (announce(t, &schema, e) < 0) {
		source_cancel(t->pump.source);
		return -1;
	}
	t->pump.schema = &schema;
	t->pump.hangup_fd = rq->fcgi->ipcFd;
	return front_needs_length(rq) ? spool(t, e) : stream(t, e);
}

static int note_begin(struct transfer *t, struct err *e)
{
	struct request *rq = t->rs->request;
	struct outcome_begin begin = { rq->id, rq->principal.subject, rq->route, rq->table,
		t->ask->format->name };

	response_header(t->rs, "Sluice-Export-Id", "%s", rq->id);
	return t->app->outcomes ? outcome_begin(t->app->outcomes, &begin, e) : 0;
}

/* An outcome that cannot be noted does not spoil the rows that were sent; the log has it. */
static void note_end(struct transfer *t, const struct err *failure)
{
	struct outcome_end end = { t->rs->request->id, failure, t->pump.rows,
		t->rs->door ? t->rs->door->bytes : t->rs->bytes, t->sha256[0] ? t->sha256 : NULL,
		t->lossy ? t->fingerprint : NULL, t->lossy };
	struct err e;

	if (t->app->outcomes && outcome_end(t->app->outcomes, &end, &e) < 0) {
		log_begin(LOG_WARN, "the outcome of an export could not be noted");
		log_str("id", t->rs->request->id);
		log_str("cause", e.cause);
		log_end();
	}
}

int rows_send(struct app *app, struct response *rs, const struct rows_ask *ask,
	const struct rows_plan *plan, struct source *source, struct err *e)
{
	struct transfer t = { .app = app, .rs = rs, .pump.source = source, .ask = ask };

	if (put_headers(rs, ask, plan, e) < 0) {
		table_abandon(&source);
		return -1;
	}
	if (request_is_head(rs->request)) {
		if (table_leave(&source, e) < 0)
			return -1;
		response_empty(rs, 200);
		return 0;
	}
	if (note_begin(&t, e) < 0) {
		table_abandon(&source);
		return -1;
	}
	int status = run(&t, plan, e);

	note_end(&t, status < 0 ? e : NULL);
	return status;
}
