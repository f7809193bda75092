/*
 * Benchmark: the formats side by side, on the same rows of one table under one snapshot, one after the other. One runs at a
 * time, over all processes, since two would measure each other.
 */
#include <string.h>

#include "lib/export/measure.h"
#include "lib/export/table.h"
#include "lib/job/problem.h"
#include "lib/job/slot.h"
#include "lib/web/alias_ask.h"
#include "lib/web/route.h"
#include "lib/web/visit.h"

enum { ROWS_DEFAULT = 100 * 1000, FORMATS_MAX = 32 };

#define RETRY_S "10"

struct benchmark {
	struct app *app;
	struct request *rq;
	const struct settings_table *settings;
	int64_t rows;             /* most */
	bool chosen[FORMATS_MAX]; /* by format_types */
	bool all;                 /* that the caller may have */
	struct slot slot;
	struct source *source; /* whose snapshot the formats share */
	struct table table;
	const char *snapshot;
	int64_t rows_seen; /* of a format that could be measured; -1: none yet */
	struct buf results;
};

/* ---- what is asked */

static int choose_table(struct benchmark *b, struct err *e)
{
	const struct settings *s = &b->app->settings;
	const char *key = alias_ask_table(
		b->app, request_param(b->rq, "table"), s->aliases_table, "aliases.table", e);

	if (!key)
		return -1;
	b->settings = settings_table(s, key);
	if (!b->settings)
		return err_set(e, ERR_NOT_FOUND, "there is no table \"%.63s\"", key);
	b->rq->table = b->settings->key;
	return 0;
}

static int no_format(const char *name, struct err *e)
{
	struct buf names = { 0 };

	for (size_t i = 0; format_types[i]; i++)
		buf_printf(&names, "%s%s", i ? ", " : "", format_types[i]->name);
	err_set(e, ERR_BAD_REQUEST, "formats: there is no \"%.31s\", but: %s", name,
		buf_str(&names));
	buf_free(&names);
	return -1;
}

static int choose_formats(struct benchmark *b, struct err *e)
{
	const char *list = request_param(b->rq, "formats");
	struct buf name = { 0 };
	int status = 0;

	b->all = !list;
	while (list && status == 0) {
		size_t i = 0, len = strcspn(list, ",");

		name.len = 0;
		buf_put(&name, list, len);
		while (format_types[i] && strcmp(format_types[i]->name, buf_str(&name)) != 0)
			i++;
		if (format_types[i])
			b->chosen[i] = true;
		else
			status = no_format(buf_str(&name), e);
		list = list[len] ? list + len + 1 : NULL;
	}
	buf_free(&name);
	return status;
}

static int read_asked(struct benchmark *b, struct err *e)
{
	if (request_known_params(
		    b->rq, (const char *const[]){ "table", "formats", "rows", NULL }, e) < 0 ||
		request_int(b->rq, "rows", 1, INT64_MAX, ROWS_DEFAULT, &b->rows, e) < 0 ||
		choose_formats(b, e) < 0 || choose_table(b, e) < 0)
		return -1;
	b->rq->audit.definition =
		arena_printf(&b->rq->arena, "{\"rows\":%lld}", (long long)b->rows);
	if (!b->app->metadata)
		return err_set(e, ERR_NOT_FOUND,
			"there is no benchmark: no metadata database is configured");
	return 0;
}

/* ---- what is found */

static void put_measured(struct buf *out, const char *format, const struct measured *m)
{
	double s = (double)m->us / 1e6;

	buf_printf(out, "%s{\"format\":\"%s\",\"compression\":null", out->len ? "," : "", format);
	if (m->err.code == ERR_NONE) {
		buf_printf(out, ",\"durationSeconds\":%.6f,\"rows\":%llu,\"bytes\":%llu", s,
			(unsigned long long)m->rows, (unsigned long long)m->bytes);
		buf_printf(out, ",\"rowsPerSecond\":%.0f,\"peakMemoryBytes\":%lld,\"error\":null}",
			m->us > 0 ? (double)m->rows / s : 0, (long long)m->peak);
		return;
	}
	buf_puts(out, ",\"durationSeconds\":null,\"rows\":null,\"bytes\":null"
		      ",\"rowsPerSecond\":null,\"peakMemoryBytes\":null,\"error\":");
	problem_put(out, &m->err);
	buf_putc(out, '}');
}

static int measure_all(struct benchmark *b, struct err *e)
{
	struct request *rq = b->rq;
	struct measure_task task = { .by = { .settings = &b->app->settings,
					     .principal = &rq->principal,
					     .mask_key = b->app->mask_key,
					     .id = rq->id,
					     .purpose = rq->audit.purpose,
					     .snapshot = b->snapshot },
		.table = b->settings,
		.rows = b->rows,
		.hangup_fd = rq->fcgi->ipcFd };
	struct measured m;
	struct err refused;

	for (size_t i = 0; (task.format = format_types[i]); i++) {
		if (b->all ? rights_format(&b->table.rights, task.format->name, &refused) < 0
			   : !b->chosen[i])
			continue;
		if (measure(&task, &m, e) < 0)
			return -1;
		if (m.err.code == ERR_NONE)
			b->rows_seen = (int64_t)m.rows;
		put_measured(&b->results, task.format->name, &m);
	}
	return 0;
}

/* The transaction lasts until all have read under its snapshot. No more rows than the caller may have in one answer. */
static int share_snapshot(struct benchmark *b, struct err *e)
{
	struct visitor visitor = visit(b->app, b->rq);

	if (table_enter(&visitor, b->settings, &b->source, &b->table, e) < 0 ||
		rights_purpose(&b->table.rights, b->rq->audit.purpose, e) < 0)
		return -1;
	if (b->table.rights.rows >= 0 && b->rows > b->table.rights.rows)
		b->rows = b->table.rights.rows;
	return source_share(b->source, &b->rq->arena, &b->snapshot, e);
}

static void answer(struct benchmark *b, struct response *rs)
{
	struct buf json = { 0 };

	buf_puts(&json, "{\"table\":");
	buf_put_json(&json, b->settings->key, strlen(b->settings->key));
	if (b->rows_seen < 0)
		buf_puts(&json, ",\"rows\":null");
	else
		buf_printf(&json, ",\"rows\":%lld", (long long)b->rows_seen);
	buf_printf(&json, ",\"limit\":%lld,\"results\":[", (long long)b->rows);
	buf_put(&json, b->results.data, b->results.len);
	buf_puts(&json, "]}\n");
	response_json(rs, 200, &json);
	buf_free(&json);
}

static int take_turn(struct benchmark *b, struct response *rs, struct err *e)
{
	int taken = slot_take(&b->slot, b->app->metadata, SLOT_BENCHMARK, 1, e);

	if (taken)
		return taken < 0 ? -1 : 0;
	response_header(rs, "Retry-After", RETRY_S);
	return err_set(e, ERR_CONFLICT, "another benchmark is running; try again when it is done");
}

static int serve(struct benchmark *b, struct response *rs, struct err *e)
{
	if (request_is_head(b->rq)) {
		response_header(rs, "Content-Type", "application/json");
		response_header(rs, "Cache-Control", "private, no-store");
		response_empty(rs, 200);
		return 0;
	}
	if (take_turn(b, rs, e) < 0 || share_snapshot(b, e) < 0 || measure_all(b, e) < 0)
		return -1;
	answer(b, rs);
	return 0;
}

int handle_benchmark(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct benchmark b = { .app = app, .rq = rq, .rows_seen = -1 };
	int status = read_asked(&b, e) < 0 ? -1 : serve(&b, rs, e);

	table_abandon(&b.source);
	slot_give(&b.slot);
	buf_free(&b.results);
	return status;
}
