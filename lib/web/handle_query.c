/*
 * The query service: a definition in, one page of JSON or a stream out.
 *
 * In order: read the definition, find the caller's rights, look into the cache; then in a new snapshot look up the
 * tables, compile, ask what it would cost, and run. A stream is an export as /rows gives it, and asks for that role.
 */
#include <string.h>

#include "lib/base/clock.h"
#include "lib/export/lookup.h"
#include "lib/web/quality.h"
#include "lib/web/query_audit.h"
#include "lib/web/query_ask.h"
#include "lib/web/query_cache.h"
#include "lib/web/query_page.h"
#include "lib/web/query_validate.h"
#include "lib/web/route.h"
#include "lib/web/rows_plan.h"
#include "lib/web/rows_send.h"
#include "lib/web/schema_match.h"
#include "lib/web/visit.h"

struct asking {
	struct app *app;
	struct request *rq;
	struct response *rs;
	struct query_ask *ask;
	struct visitor visitor;
	struct table table;
	struct source *source; /* in a transaction; NULL: in none */
	struct scope scope;    /* of a page, or of what is validated */
	struct rows_plan plan; /* of a stream */
	struct compile compile;
	struct cursor cursor;
	const char *bound; /* what cursors of this query are tied to */
	bool is_hit;       /* the answer was kept */
	char key[QUERY_CACHE_KEY_TEXT];
	int64_t policy_us, compile_us, database_us; /* for Server-Timing */
};

/* ---- the answer */

static void put_timing(struct asking *a, bool is_hit)
{
	const struct request *rq = a->rq;

	response_header(a->rs, "Server-Timing",
		"auth;dur=%.3f, policy;dur=%.3f, compile;dur=%.3f, db;dur=%.3f, cache;desc=%s, "
		"total;dur=%.3f",
		(double)rq->auth_us / 1000, (double)a->policy_us / 1000,
		(double)a->compile_us / 1000, (double)a->database_us / 1000,
		is_hit ? "hit" : "miss", (double)(clock_monotonic_us() - rq->started_us) / 1000);
}

/* If-None-Match (RFC 9110 §13.1.2), compared weakly. */
static bool has_etag(const char *list, const char *etag)
{
	struct quality element;

	for (const char *p = list ? list : ""; (p = quality_next(p, &element));)
		if (quality_is(&element, "*") || quality_is(&element, etag) ||
			quality_is(&element, etag + 2))
			return true;
	return false;
}

static void put_headers(struct asking *a, const char *etag, bool is_hit)
{
	struct response *rs = a->rs;

	response_header(rs, "ETag", "%s", etag);
	response_header(rs, "Vary", "Authorization, Accept, Accept-Encoding");
	response_header(rs, "Cache-Control", "private, no-cache");
	put_timing(a, is_hit);
}

static int answer(struct asking *a, const struct query_cached *page, const struct buf *plain,
	bool is_hit, struct err *e)
{
	const struct compress_type *coding = a->ask->rows.coding;
	struct response *rs = a->rs;
	struct buf body = { 0 };

	a->rq->rows = page->rows;
	put_headers(a, page->etag, is_hit);
	if (has_etag(request_env(a->rq, "HTTP_IF_NONE_MATCH"), page->etag)) {
		response_empty(rs, 304);
		return 0;
	}
	response_header(rs, "Content-Type", "application/json");
	response_header(rs, "X-Content-Type-Options", "nosniff");
	if (coding && !strcmp(coding->name, "gzip")) {
		response_header(rs, "Content-Encoding", "gzip");
		response_whole(rs, 200, &page->gzip);
		return 0;
	}
	if (!plain && !query_cache_inflate(page, &body)) {
		buf_free(&body);
		return err_set(e, ERR_INTERNAL, "the answer that was kept is damaged");
	}
	response_whole(rs, 200, plain ? plain : &body);
	buf_free(&body);
	return 0;
}

/* ---- before the database */

/* The caller's own limit; that of a stream is asked for when its rows are counted. */
static int check_rows(struct asking *a, struct err *e)
{
	const struct query *q = &a->ask->rows.query;
	int64_t most = a->table.rights.rows;

	if (!a->ask->is_page || q->validate_only || most < 0 || q->limit <= most)
		return 0;
	return err_set(e, ERR_TOO_LARGE,
		"you may have no more than %lld rows in one answer: ask for that limit",
		(long long)most);
}

static int find_rights(struct asking *a, struct err *e)
{
	const struct query *q = &a->ask->rows.query;
	const struct rights *rights = &a->table.rights;
	int64_t from_us = clock_monotonic_us();

	a->table.settings = settings_table(&a->app->settings, q->from);
	if (!a->table.settings) {
		err_set(e, ERR_NOT_FOUND, "there is no table \"%.63s\"", q->from);
		query_ask_where(a->rs, "/from", e);
		return -1;
	}
	a->rq->table = a->table.settings->key;
	if (policy_rights(&a->app->settings, a->table.settings, &a->rq->principal, &a->rq->arena,
		    &a->table.rights, e) < 0) {
		if (e->code == ERR_NOT_FOUND) /* the same as of one that is not registered */
			query_ask_where(a->rs, "/from", e);
		return -1;
	}
	a->policy_us = clock_monotonic_us() - from_us;
	if (rights_purpose(rights, a->rq->audit.purpose, e) < 0 ||
		rights_format(rights, a->ask->rows.format->name, e) < 0)
		return -1;
	if (!a->ask->is_page && !(a->rq->principal.roles & ROLE_EXPORTER))
		return err_set(e, ERR_FORBIDDEN, "a stream needs the role of an exporter");
	if (!a->ask->is_page && q->after)
		return err_set(
			e, ERR_BAD_REQUEST, "page.after goes on with pages, not with streams");
	return check_rows(a, e);
}

static bool answer_from_cache(struct asking *a, int *status, struct err *e)
{
	struct query_cached cached = { 0 };
	bool is_there = query_cache_key(a->app, a->rq, a->ask, &a->table, a->key) &&
			query_cache_get(a->app, a->key, &cached);

	a->is_hit = is_there;
	if (is_there)
		*status = answer(a, &cached, NULL, true, e);
	buf_free(&cached.gzip);
	return is_there;
}

/* ---- in the database */

/* A statement ends no later than limits.query_time says, or the database's own limit. */
static int limit_time(struct asking *a, struct err *e)
{
	const struct settings *s = &a->app->settings;
	const struct settings_database *db = settings_database(s, a->table.settings->database);
	int64_t own = db->statement_timeout_us, us = s->limits_query_time_us;
	const char *params[] = { arena_printf(
		&a->rq->arena, "%lld", (long long)(own && own < us ? own : us) / 1000) };
	struct statement st = { "SELECT set_config('statement_timeout', $1, true)", params, 1,
		false };

	return own && own < us ? 0 : lookup_run(a->source, &st, e);
}

/* Of the query without its page, and of the caller's rights: whoever has the same and asks the same can go on with it. */
static int find_bound(struct asking *a, struct err *e)
{
	struct query unlimited = *a->compile.query;
	struct compile c = a->compile;
	struct compiled compiled;
	struct buf b = { 0 };

	unlimited.limit = -1;
	unlimited.offset = 0;
	c.query = &unlimited;
	c.cursor = true;
	if (compile_query(&c, &compiled, e) < 0) {
		a->compile.where = c.where;
		return -1;
	}
	buf_printf(&b, "%s\n%s", compiled.statement.sql, a->table.rights.text);
	for (size_t i = 0; i < compiled.statement.params_n; i++)
		buf_printf(&b, "\n%zu:%s", strlen(compiled.statement.params[i]),
			compiled.statement.params[i]);
	a->bound = arena_strdup(&a->rq->arena, buf_str(&b));
	buf_free(&b);
	return 0;
}

static int compile(struct asking *a, struct err *e)
{
	struct query *q = &a->ask->rows.query;
	int64_t from_us = clock_monotonic_us();

	a->compile.scope = &a->scope;
	a->compile.query = q;
	a->compile.nested_as_text = a->ask->rows.options.nested == NESTED_SERVER;
	if (find_bound(a, e) < 0)
		return -1;
	if (q->after) {
		a->compile.where = "/page/after";
		if (cursor_read(&a->rq->arena, a->app->cursor_key, a->bound, q->after, &a->cursor,
			    e) < 0)
			return -1;
		a->compile.after = &a->cursor;
	}
	a->compile.cursor = a->ask->is_page;
	a->compile_us = clock_monotonic_us() - from_us;
	return 0;
}

static int check_cost(struct asking *a, struct err *e)
{
	struct compiled compiled;
	struct plan plan;

	if (compile_query(&a->compile, &compiled, e) < 0 ||
		lookup_plan(a->source, &a->scope, &compiled.statement, &plan, e) < 0)
		return -1;
	return plan_check(&a->scope, &plan, e);
}

static int enter(struct asking *a, struct err *e)
{
	const struct query *q = &a->ask->rows.query;

	if (table_enter(&a->visitor, a->table.settings, &a->source, &a->table, e) < 0 ||
		table_reach(&a->visitor, &a->source, &a->table, q, a->ask->rows.format->name,
			&a->scope, &a->compile.where, e) < 0 ||
		check_rows(a, e) < 0)
		return -1;
	for (size_t i = 0; i < a->scope.n; i++)
		query_cache_saw(a->app, a->scope.tables[i].settings, a->scope.tables[i].table);
	return 0;
}

static int run_page(struct asking *a, struct err *e)
{
	struct query_page page = { 0 };
	struct query_cached kept = { 0 };
	int status;

	if (check_cost(a, e) < 0 || limit_time(a, e) < 0)
		return -1;
	status = query_page_run(a->app, a->rq, a->source, a->ask, &a->compile, a->bound, &page, e);
	if (status == 0)
		status = table_leave(&a->source, e);
	if (status == 0) {
		if (*a->key || a->ask->rows.coding)
			query_cache_put(a->app, a->key, &page, &kept);
		memcpy(kept.etag, page.etag, sizeof kept.etag);
		kept.rows = page.rows;
		status = answer(a, &kept, &page.body, false, e);
	}
	buf_free(&page.body);
	buf_free(&kept.gzip);
	return status;
}

static int validate(struct asking *a, struct err *e)
{
	struct buf json = { 0 };
	int status = enter(a, e) < 0 || compile(a, e) < 0 || limit_time(a, e) < 0 ? -1 : 0;

	if (status == 0)
		status = query_validate(
			a->app, a->rq, a->source, a->ask, &a->table, &a->compile, &json, e);
	if (status == 0) {
		table_abandon(&a->source);
		response_json(a->rs, 200, &json);
	}
	buf_free(&json);
	return status;
}

static int answer_page(struct asking *a, struct err *e)
{
	int64_t from_us = clock_monotonic_us();
	int status;

	if (answer_from_cache(a, &status, e))
		return status;
	if (enter(a, e) < 0)
		return -1;
	a->database_us = clock_monotonic_us() - from_us;
	/* The tables had not been looked at for a while: now the key is known. */
	if (!*a->key && answer_from_cache(a, &status, e)) {
		table_abandon(&a->source);
		return status;
	}
	return compile(a, e) < 0 ? -1 : run_page(a, e);
}

static int stream(struct asking *a, struct err *e)
{
	struct rows_plan *plan = &a->plan;

	if (table_enter(&a->visitor, a->table.settings, &a->source, &a->table, e) < 0)
		return -1;
	if (rows_plan(a->app, a->rs, &a->source, &a->table, &a->ask->rows, plan, e) < 0) {
		a->compile.where = plan->compile.where;
		return -1;
	}
	if (schema_match_query(a->app, a->rs, a->source, &plan->compile, e) < 0)
		return -1;
	struct source *source = a->source;

	a->source = NULL;
	return rows_send(a->app, a->rs, &a->ask->rows, plan, source, e);
}

static int serve(struct asking *a, struct err *e)
{
	if (find_rights(a, e) < 0)
		return -1;
	int status = a->ask->rows.query.validate_only ? validate(a, e)
		     : a->ask->is_page                ? answer_page(a, e)
						      : stream(a, e);

	if (status < 0) {
		table_abandon(&a->source);
		if (e->code == ERR_BAD_REQUEST || e->code == ERR_FORBIDDEN)
			query_ask_where(a->rs, a->compile.where, e);
	}
	return status;
}

int handle_query(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct query_ask ask = { .rows.query.limit = -1 };
	struct asking a = {
		.app = app, .rq = rq, .rs = rs, .ask = &ask, .visitor = visit(app, rq)
	};
	struct query asked = { 0 };
	int status = query_ask(app, rq, rs, &ask, e);

	if (ask.is_read)
		asked = query_audit_asked(rq, &ask.rows.query);
	if (status == 0) {
		rq->audit.format = ask.rows.format->name;
		status = serve(&a, e);
	}
	if (ask.is_read)
		query_audit(app, rq, &asked, a.scope.n ? &a.scope : &a.plan.scope, a.is_hit);
	query_ask_free(&ask);
	return status;
}
