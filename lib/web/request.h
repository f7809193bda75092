/*
 * Request: what the web server hands over, read once. Parameters are named by RFC 3875 (CGI 1.1).
 */
#ifndef SLUICE_WEB_REQUEST_H
#define SLUICE_WEB_REQUEST_H

#include <fcgiapp.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/access/token.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"
#include "lib/web/query_string.h"

enum { REQUEST_BODY_MAX = 1024 * 1024 }; /* bytes */

/* For the audit (request_audit.h). */
struct request_audit {
	const char *action;     /* NULL: the request leaves no line */
	const char *joined;     /* keys of tables beside `table`, parted by commas */
	const char *definition; /* JSON of what was asked */
	const char *format;     /* its name */
	const char *purpose;    /* as the caller said it */
	const char *address;    /* of the client */
};

struct request {
	FCGX_Request *fcgi;
	struct arena arena; /* everything of this request */
	char id[UUID_TEXT]; /* also the export's id */
	int64_t started_us; /* monotonic */
	const char *method;
	const char *path;  /* decoded, without the query */
	const char *query; /* as sent */
	struct request_param *params;
	size_t params_n;
	struct buf body;         /* whole, or of a body that is too large some of its beginning */
	bool body_too_large;     /* more than REQUEST_BODY_MAX */
	const char *captures[2]; /* what the route's {…} stood for */
	struct principal principal; /* subject NULL: nobody */
	int64_t auth_us;            /* what the token's check took */

	/* for the log */
	const char *traceparent; /* as sent, or NULL */
	const char *route;
	const char *table;
	uint64_t rows;
	struct request_audit audit; /* each NULL: not known, or none */
};

/* Reads path and body, so that from now on the connection only shows a hang-up.
 * ERR_BAD_REQUEST for a path that is not percent-encoded UTF-8 or holds a NUL. */
int request_init(struct request *rq, FCGX_Request *fcgi, struct err *e);
void request_reset(struct request *rq);

/* Reads the parameters, of which there are none before. ERR_BAD_REQUEST for a query that is not percent-encoded UTF-8 or
 * holds a NUL, and for a parameter given twice. */
int request_read_params(struct request *rq, struct err *e);

/* A CGI parameter ("REMOTE_ADDR", "HTTP_ACCEPT"), or NULL; not after the request has been
 * released. */
const char *request_env(const struct request *rq, const char *name);

/* A query parameter, or NULL. */
const char *request_param(const struct request *rq, const char *name);

/* A query parameter as an integer in [least, most]; `missing` where it is not given. */
int request_int(const struct request *rq, const char *name, int64_t least, int64_t most,
	int64_t missing, int64_t *value, struct err *e);

/* ERR_BAD_REQUEST when there is a parameter that is not in the NULL-terminated list. */
int request_known_params(const struct request *rq, const char *const names[], struct err *e);

/* Whose exports and schedules the caller is shown; NULL: an admin is shown everybody's. */
const char *request_owner(const struct request *rq);

bool request_is_head(const struct request *rq);

/* Trace id of a valid traceparent header (W3C Trace Context §3.2), else the request id without
 * dashes: 32 digits. */
const char *request_trace_id(struct request *rq);

#endif
