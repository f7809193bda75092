#include "lib/web/route.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/sink/fcgi.h"
#include "lib/export/identity.h"
#include "lib/web/purpose.h"
#include "lib/web/request_audit.h"

const struct route routes[] = {
	{ "GET", "/", handle_service, ROUTE_PUBLIC, 0, NULL, "service, version, features" },
	{ "GET", "/health", handle_health, ROUTE_PUBLIC, 0, NULL, "alive" },
	{ "GET", "/api/v1/health", handle_health, ROUTE_PUBLIC, 0, NULL, "alive" },
	{ "GET", "/tables", handle_tables, 0, ROLE_VIEWER, "tables",
		"the tables that can be exported" },
	{ "GET", "/api/v1/tables", handle_tables, 0, ROLE_VIEWER, "tables",
		"the tables that can be exported" },
	{ "GET", "/api/v1/tables/{table}", handle_table, 0, ROLE_VIEWER, "table", "one table" },
	{ "GET", "/api/v1/tables/{table}/schema", handle_table_schema, 0, ROLE_VIEWER, "schema",
		"its columns and types" },
	{ "GET", "/api/v1/tables/{table}/schema.xsd", handle_table_xsd, 0, ROLE_VIEWER, "schema",
		"the XML schema of its rows as XML" },
	{ "GET", "/api/v1/tables/{table}/rows{suffix}", handle_rows, ROUTE_DATA, ROLE_EXPORTER,
		"export", "its rows, as a stream" },
	{ "GET", "/export/{table}", handle_export_page, ROUTE_DATA, ROLE_EXPORTER, "export",
		"one page of its rows as NDJSON" },
	{ "POST", "/api/v1/query", handle_query, ROUTE_DATA, ROLE_VIEWER, "query",
		"a query: one page of its rows, or a stream" },
	{ "GET", "/api/v1/query", handle_query, ROUTE_DATA, ROLE_VIEWER, "query",
		"the same with the query in the parameter q" },
	{ "POST", "/api/v1/exports", handle_job_create, ROUTE_DATA, ROLE_EXPORTER, "job",
		"an export as a job" },
	{ "GET", "/api/v1/exports", handle_jobs, 0, ROLE_EXPORTER, "jobs", "the caller's jobs" },
	{ "GET", "/api/v1/exports/benchmark", handle_benchmark, ROUTE_DATA, ROLE_ADMIN, "benchmark",
		"the formats side by side on one table" },
	{ "GET", "/exports/benchmark", handle_benchmark, ROUTE_DATA, ROLE_ADMIN, "benchmark",
		"the formats side by side on one table" },
	{ "DELETE", "/api/v1/exports/{id}", handle_job_remove, 0, ROLE_EXPORTER, "remove",
		"cancel a job, or remove what it has made" },
	{ "GET", "/api/v1/exports/{id}", handle_export, 0, ROLE_EXPORTER, "outcome",
		"how an export ended" },
	{ "GET", "/api/v1/exports/{id}/events", handle_events, 0, ROLE_EXPORTER, "watch",
		"how far a job is, as a stream of events" },
	{ "GET", "/exports/{id}/events", handle_events, 0, ROLE_EXPORTER, "watch",
		"how far a job is, as a stream of events" },
	{ "GET", "/api/v1/exports/{id}/files/{n}", handle_file, ROUTE_DATA, ROLE_EXPORTER,
		"download", "a file of an export" },
	{ "GET", "/api/v1/exports/{id}/download", handle_download, ROUTE_DATA, ROLE_EXPORTER,
		"download", "the file of an export that has one" },
	{ "GET", "/api/v1/exports/{id}/manifest", handle_manifest, ROUTE_DATA, ROLE_EXPORTER,
		"manifest", "what the files of an export hold, to check them by" },
	{ "POST", "/exports/csv", handle_alias_csv, ROUTE_DATA, ROLE_EXPORTER, "job",
		"an export as CSV, filtered by parameters, as a job" },
	{ "POST", "/exports", handle_alias_direct, ROUTE_DATA, ROLE_EXPORTER, "job",
		"an export that the request for its download runs" },
	{ "GET", "/exports/{id}/status", handle_alias_status, 0, ROLE_EXPORTER, "outcome",
		"how far a job is" },
	{ "DELETE", "/exports/{id}", handle_job_remove, 0, ROLE_EXPORTER, "remove",
		"cancel a job, or remove what it has made" },
	{ "GET", "/exports/{id}/download", handle_download, ROUTE_DATA, ROLE_EXPORTER, "download",
		"the file of an export that has one" },
	{ "POST", "/api/v1/exports/{id}/links", handle_link_create, ROUTE_DATA, ROLE_EXPORTER,
		"share", "a link to a file of an export" },
	{ "GET", "/api/v1/exports/{id}/links", handle_links, 0, ROLE_EXPORTER, "links",
		"the links to its files" },
	{ "DELETE", "/api/v1/exports/{id}/links/{link}", handle_link_revoke, 0, ROLE_EXPORTER,
		"revoke", "an end to a link" },
	{ "POST", "/api/v1/schedules", handle_schedule_create, ROUTE_DATA, ROLE_EXPORTER,
		"schedule", "an export that is made again and again" },
	{ "GET", "/api/v1/schedules", handle_schedules, 0, ROLE_EXPORTER, "schedules",
		"the caller's schedules" },
	{ "GET", "/api/v1/schedules/{id}", handle_schedule, 0, ROLE_EXPORTER, "schedules",
		"one of them" },
	{ "PATCH", "/api/v1/schedules/{id}", handle_schedule_change, ROUTE_DATA, ROLE_EXPORTER,
		"reschedule", "a change of it" },
	{ "DELETE", "/api/v1/schedules/{id}", handle_schedule_remove, 0, ROLE_EXPORTER,
		"unschedule", "an end to it" },
	{ "POST", "/api/v1/schedules/{id}/runs", handle_schedule_run, ROUTE_DATA, ROLE_EXPORTER,
		"job", "a run of it now" },
	{ "GET", "/api/v1/links/{token}", handle_link, ROUTE_DATA | ROUTE_OPEN, 0, "link",
		"the file that a link leads to" },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL },
};

/* Whether the path fits the pattern; fills captures (NULL where there are none). */
static bool match(struct request *rq, const char *pattern)
{
	const char *path = rq->path;
	size_t n = 0;

	rq->captures[0] = rq->captures[1] = NULL;
	for (; *pattern; pattern++) {
		if (*pattern != '{') {
			if (*pattern != *path++)
				return false;
			continue;
		}
		size_t len = strcspn(path, "/");

		if (len == 0 && pattern[-1] == '/')
			return false;
		rq->captures[n++] = arena_strndup(&rq->arena, path, len);
		path += len;
		pattern = strchr(pattern, '}');
	}
	return *path == '\0';
}

static bool method_fits(const struct request *rq, const struct route *r)
{
	return !strcmp(rq->method, r->method) || (request_is_head(rq) && !strcmp(r->method, "GET"));
}

static bool has_method(const char *list, const char *method)
{
	const char *at = strstr(list, method);
	size_t len = strlen(method);

	return at && (at[len] == ',' || at[len] == '\0');
}

/* What the path takes, of all its rows (RFC 9110 §10.2.1). No method's name ends as another does. */
static const char *allowed(struct request *rq)
{
	const char *list = "";

	for (const struct route *r = routes; r->pattern; r++)
		if (match(rq, r->pattern) && !has_method(list, r->method))
			list = arena_printf(&rq->arena, "%s%s%s%s", list, *list ? ", " : "",
				r->method, strcmp(r->method, "GET") ? "" : ", HEAD");
	return list;
}

static const struct route *find(struct request *rq, struct response *rs, struct err *e)
{
	for (const struct route *r = routes; r->pattern; r++)
		if (method_fits(rq, r) && match(rq, r->pattern))
			return r;
	const char *allow = allowed(rq);

	if (!*allow) {
		err_set(e, ERR_NOT_FOUND, "there is nothing at this path");
		return NULL;
	}
	response_header(rs, "Allow", "%s", allow);
	err_set(e, ERR_METHOD, "this path does not take %s", rq->method);
	return NULL;
}

static void put_rate_headers(struct response *rs, const struct rate *r)
{
	long long limit = r->limit, left = r->remaining, reset = r->reset_s;

	if (r->limit == 0)
		return;
	response_header(
		rs, "RateLimit-Policy", "\"default\";q=%lld;w=%lld", limit, (long long)r->window_s);
	response_header(rs, "RateLimit", "\"default\";r=%lld;t=%lld", left, reset);
	response_header(rs, "X-RateLimit-Limit", "%lld", limit);
	response_header(rs, "X-RateLimit-Remaining", "%lld", left);
	response_header(rs, "X-RateLimit-Reset", "%lld", reset);
}

/* Count the request for the principal, or for the address of a caller without a valid token. */
static int take_rate(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	const char *address = request_env(rq, "REMOTE_ADDR");
	const char *subject = rq->principal.subject;
	struct rate rate;

	rate_take(app->rates,
		arena_printf(&rq->arena, "%s:%s", subject ? "sub" : "addr",
			subject   ? subject
			: address ? address
				  : ""),
		&rate);
	put_rate_headers(rs, &rate);
	if (rate.allowed)
		return 0;
	response_header(rs, "Retry-After", "%lld", (long long)rate.reset_s);
	return err_set(e, ERR_RATE, "more than %lld requests in %lld s; try again in %lld s",
		(long long)rate.limit, (long long)rate.window_s, (long long)rate.reset_s);
}

/* RFC 6750 §3; the text holds no quotes or backslashes that would end the quoted string. */
static void put_challenge(struct response *rs, const struct err *e, bool had_token)
{
	struct buf text = { 0 };

	for (const char *p = e->text; *p; p++)
		buf_putc(&text, *p == '"' || *p == '\\' ? '\'' : *p);
	if (had_token)
		response_header(rs, "WWW-Authenticate",
			"Bearer realm=\"sluice\", error=\"invalid_token\", "
			"error_description=\"%s\"",
			buf_str(&text));
	else
		response_header(rs, "WWW-Authenticate", "Bearer realm=\"sluice\"");
	buf_free(&text);
}

static int admit(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	const char *authorization = request_env(rq, "HTTP_AUTHORIZATION");
	struct err refused;

	if (authorization && !*authorization)
		authorization = NULL;
	int64_t from_us = clock_monotonic_us();
	int status =
		verifier_check(app->verifier, authorization, &rq->arena, &rq->principal, &refused);

	rq->auth_us = clock_monotonic_us() - from_us;
	if (status < 0)
		rq->principal = (struct principal){ 0 };
	if (take_rate(app, rq, rs, e) < 0)
		return -1;
	if (status < 0) {
		if (refused.code == ERR_UNAUTHORIZED)
			put_challenge(rs, &refused, authorization != NULL);
		*e = refused;
	}
	return status;
}

static int check_role(const struct route *r, const struct principal *p, struct err *e)
{
	const char *name = r->role == ROLE_VIEWER     ? "viewer"
			   : r->role == ROLE_EXPORTER ? "exporter"
						      : "admin";

	if (!r->role || p->roles & r->role)
		return 0;
	return err_set(
		e, ERR_FORBIDDEN, "this needs the role %s, which the token does not give", name);
}

/* A HEAD has no rows, but tells of them: that there are some, or how many. */
static int check_audit(struct app *app, const struct route *r, struct err *e)
{
	return r->flags & ROUTE_DATA ? audit_ready(app->audit, e) : 0;
}

/* What holds for every route that is not public. */
static int enter(struct app *app, const struct route *r, struct request *rq, struct response *rs,
	struct err *e)
{
	request_audit_begin(app, r, rq);
	if (r->flags & ROUTE_OPEN)
		return take_rate(app, rq, rs, e) < 0 ? -1 : check_audit(app, r, e);
	if (admit(app, rq, rs, e) < 0)
		return -1;
	/* What nobody asks for without a token may be long. */
	rq->audit.definition = request_audit_params(rq, NULL, NULL);
	if (check_role(r, &rq->principal, e) < 0 || purpose_read(rq, e) < 0)
		return -1;
	return check_audit(app, r, e);
}

static int serve(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	const struct route *r = find(rq, rs, e);

	if (!r)
		return -1;
	rq->route = r->pattern;
	if (!(r->flags & ROUTE_OPEN) && request_read_params(rq, e) < 0)
		return -1;
	if (!(r->flags & ROUTE_PUBLIC) && enter(app, r, rq, rs, e) < 0)
		return -1;
	if (r->handler(app, rq, rs, e) == 0)
		return 0;
	const struct settings_table *t =
		rq->table ? settings_table(&app->settings, rq->table) : NULL;

	if (t)
		identity_explain(settings_database(&app->settings, t->database), e);
	return -1;
}

static void log_request(const struct request *rq, const struct response *rs, const struct err *e)
{
	const struct err_info *info = err_info(e->code);

	log_begin((enum log_level)info->level, "request");
	log_str("id", rq->id);
	log_str("traceparent", rq->traceparent);
	log_str("method", rq->method);
	log_str("route", rq->route);
	log_str("sub", rq->principal.subject);
	log_str("table", rq->table);
	log_int("status", rs->status);
	log_int("rows", (int64_t)rq->rows);
	log_int("bytes", (int64_t)rs->bytes);
	log_int("ms", (clock_monotonic_us() - rq->started_us) / 1000);
	log_str("outcome", rs->state == RESPONSE_ABORTED ? "aborted" : info->name);
	if (e->code != ERR_NONE)
		log_str("error", e->text);
	if (e->code != ERR_NONE && e->cause[0])
		log_str("cause", e->cause);
	log_end();
}

void route_serve(struct app *app, FCGX_Request *fcgi)
{
	struct err e = { 0 };
	struct request rq;
	struct response rs;
	int status = request_init(&rq, fcgi, &e);

	response_init(&rs, &rq);
	if (status == 0)
		status = serve(app, &rq, &rs, &e);
	if (status < 0) {
		response_abort(&rs);
		if (rs.state == RESPONSE_HEAD)
			response_problem(&rs, &e);
	}
	fcgi_release(fcgi, rs.state == RESPONSE_ABORTED);
	log_request(&rq, &rs, &e);
	request_audit_end(app, &rq, &rs, &e);
	response_free(&rs);
	request_reset(&rq);
}
