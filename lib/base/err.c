#include "lib/base/err.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/base/log.h"

static const struct err_info infos[ERR_CODES_N] = {
	[ERR_NONE] = { 200, "ok", "OK", LOG_REQUEST, false },
	[ERR_BAD_REQUEST] = { 400, "bad-request", "Bad request", LOG_REQUEST, false },
	[ERR_UNAUTHORIZED] = { 401, "unauthorized", "Unauthorized", LOG_REQUEST, false },
	[ERR_FORBIDDEN] = { 403, "forbidden", "Forbidden", LOG_REQUEST, false },
	[ERR_NOT_FOUND] = { 404, "not-found", "Not found", LOG_REQUEST, false },
	[ERR_METHOD] = { 405, "method-not-allowed", "Method not allowed", LOG_REQUEST, false },
	[ERR_NOT_ACCEPTABLE] = { 406, "not-acceptable", "Not acceptable", LOG_REQUEST, false },
	[ERR_CONFLICT] = { 409, "conflict", "Not in a state for this", LOG_REQUEST, false },
	[ERR_GONE] = { 410, "gone", "No longer there", LOG_REQUEST, false },
	[ERR_PRECONDITION] = { 412, "precondition-failed", "Precondition failed", LOG_REQUEST,
		false },
	[ERR_TOO_LARGE] = { 413, "too-large", "Larger than a limit", LOG_REQUEST, false },
	[ERR_RANGE] = { 416, "range", "Range not satisfiable", LOG_REQUEST, false },
	[ERR_UNPROCESSABLE] = { 422, "unprocessable", "Cannot be done", LOG_REQUEST, false },
	[ERR_EARLY] = { 425, "too-early", "Not done yet", LOG_REQUEST, true },
	[ERR_RATE] = { 429, "too-many-requests", "Too many requests", LOG_REQUEST, true },
	[ERR_INTERNAL] = { 500, "internal", "Internal error", LOG_ERROR, false },
	[ERR_DATABASE] = { 502, "database", "The database failed", LOG_ERROR, true },
	[ERR_UNAVAILABLE] = { 503, "unavailable", "Unavailable for now", LOG_ERROR, true },
	[ERR_TIMEOUT] = { 504, "timeout", "The database took too long", LOG_WARN, false },
	[ERR_DISK] = { 507, "disk", "No room to stage the body", LOG_ERROR, true },
	[ERR_CLIENT_GONE] = { 499, "client-gone", "The client hung up", LOG_REQUEST, false },
	[ERR_CONFIG] = { 500, "config", "Wrong configuration", LOG_ERROR, false },
};

static void put_line(char *to, size_t size, const char *format, va_list args)
{
	vsnprintf(to, size, format, args);
	for (char *p = to; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
}

int err_set(struct err *e, enum err_code code, const char *format, ...)
{
	va_list args;

	if (!e)
		return -1;
	e->code = code;
	e->is_final = false;
	e->cause[0] = '\0';
	va_start(args, format);
	put_line(e->text, sizeof e->text, format, args);
	va_end(args);
	return -1;
}

int err_cause(struct err *e, const char *format, ...)
{
	va_list args;

	if (!e)
		return -1;
	va_start(args, format);
	put_line(e->cause, sizeof e->cause, format, args);
	va_end(args);
	return -1;
}

const struct err_info *err_info(enum err_code code)
{
	if ((unsigned)code >= ERR_CODES_N)
		code = ERR_INTERNAL;
	return &infos[code];
}

bool err_is_passing(const struct err *e)
{
	return err_info(e->code)->retryable && !e->is_final;
}
