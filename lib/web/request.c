#include "lib/web/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

/* To its end, also of what is too large: so that from then on the connection only shows a hang-up. */
static void read_body(struct request *rq)
{
	char piece[8192];

	for (int n; (n = FCGX_GetStr(piece, sizeof piece, rq->fcgi->in)) > 0;) {
		rq->body_too_large =
			rq->body_too_large || rq->body.len + (size_t)n > REQUEST_BODY_MAX;
		if (!rq->body_too_large)
			buf_put(&rq->body, piece, (size_t)n);
	}
}

int request_init(struct request *rq, FCGX_Request *fcgi, struct err *e)
{
	*rq = (struct request){ .fcgi = fcgi, .started_us = clock_monotonic_us() };
	random_uuid7(rq->id);
	read_body(rq);
	const char *uri = request_env(rq, "REQUEST_URI");
	const char *method = request_env(rq, "REQUEST_METHOD");
	const char *prefix = request_env(rq, "SLUICE_PREFIX");
	const char *parent = request_env(rq, "HTTP_TRACEPARENT");

	rq->traceparent = parent ? arena_strdup(&rq->arena, parent) : NULL;

	rq->method = arena_strdup(&rq->arena, method ? method : "GET");
	if (!uri)
		uri = "/";
	if (prefix && !strncmp(uri, prefix, strlen(prefix)))
		uri += strlen(prefix);
	const char *mark = strchrnul(uri, '?');

	rq->query = arena_strdup(&rq->arena, *mark ? mark + 1 : mark);
	/* An encoded slash would be taken for one that parts segments, which web servers disagree about too. */
	if (memmem(uri, (size_t)(mark - uri), "%2F", 3) ||
		memmem(uri, (size_t)(mark - uri), "%2f", 3)) {
		rq->path = "";
		return err_set(e, ERR_BAD_REQUEST, "the path has an encoded slash");
	}
	rq->path = query_string_decode(&rq->arena, uri, (size_t)(mark - uri), false);
	if (!rq->path) {
		rq->path = "";
		return err_set(e, ERR_BAD_REQUEST, "the path is not percent-encoded UTF-8");
	}
	return 0;
}

int request_read_params(struct request *rq, struct err *e)
{
	return query_string_read(&rq->arena, rq->query, &rq->params, &rq->params_n, e);
}

void request_reset(struct request *rq)
{
	arena_free(&rq->arena);
	buf_free(&rq->body);
	*rq = (struct request){ 0 };
}

const char *request_env(const struct request *rq, const char *name)
{
	return FCGX_GetParam(name, rq->fcgi->envp);
}

const char *request_param(const struct request *rq, const char *name)
{
	for (size_t i = 0; i < rq->params_n; i++)
		if (!strcmp(rq->params[i].name, name))
			return rq->params[i].value;
	return NULL;
}

int request_int(const struct request *rq, const char *name, int64_t least, int64_t most,
	int64_t missing, int64_t *value, struct err *e)
{
	const char *text = request_param(rq, name);
	char *end;

	*value = missing;
	if (!text)
		return 0;
	errno = 0;
	long long n = strtoll(text, &end, 10);

	if (text[strspn(text, "-0123456789")] != '\0' || end == text || *end || errno ||
		n < least || n > most)
		return err_set(e, ERR_BAD_REQUEST, "%s must be a whole number from %lld to %lld",
			name, (long long)least, (long long)most);
	*value = n;
	return 0;
}

int request_known_params(const struct request *rq, const char *const names[], struct err *e)
{
	for (size_t i = 0; i < rq->params_n; i++) {
		size_t k = 0;

		while (names[k] && strcmp(names[k], rq->params[i].name))
			k++;
		if (!names[k])
			return err_set(
				e, ERR_BAD_REQUEST, "unknown parameter \"%s\"", rq->params[i].name);
	}
	return 0;
}

const char *request_owner(const struct request *rq)
{
	return rq->principal.roles & ROLE_ADMIN ? NULL : rq->principal.subject;
}

bool request_is_head(const struct request *rq)
{
	return !strcmp(rq->method, "HEAD");
}

/* version "-" trace-id "-" parent-id "-" flags, ids not 0; versions above 00 may go on behind another
 * dash, ff is none. */
static bool is_traceparent(const char *s)
{
	static const char shape[] = "00-00000000000000000000000000000000-0000000000000000-00";
	size_t len = sizeof shape - 1;

	for (size_t i = 0; i < len; i++)
		if (shape[i] == '-' ? s[i] != '-' : !s[i] || !strchr("0123456789abcdef", s[i]))
			return false;
	if (s[len] != '\0' && (s[len] != '-' || !strncmp(s, "00", 2)))
		return false;
	return strncmp(s, "ff", 2) && strspn(s + 3, "0") < 32 && strspn(s + 36, "0") < 16;
}

const char *request_trace_id(struct request *rq)
{
	char id[33], *to = id;

	if (rq->traceparent && is_traceparent(rq->traceparent))
		return arena_strndup(&rq->arena, rq->traceparent + 3, 32);
	for (const char *p = rq->id; *p; p++)
		if (*p != '-')
			*to++ = *p;
	*to = '\0';
	return arena_strdup(&rq->arena, id);
}
