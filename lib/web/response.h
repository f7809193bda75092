/*
 * Response: a status, headers, then one body: JSON made in memory, a problem, or a stream.
 *
 *	HEAD ──response_json, response_problem──▶ DONE
 *	  └──response_stream──▶ BODY ──response_finish──▶ DONE
 *	                           └───response_abort───▶ ABORTED (or HEAD, when nothing had left yet)
 * A header after the head has left is a bug (assert).
 */
#ifndef SLUICE_WEB_RESPONSE_H
#define SLUICE_WEB_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/sink/sink.h"
#include "lib/web/request.h"

enum response_state { RESPONSE_HEAD, RESPONSE_BODY, RESPONSE_DONE, RESPONSE_ABORTED };

struct response {
	struct request *request;
	enum response_state state;
	int status;         /* 0: not known yet */
	uint64_t bytes;     /* of the body */
	bool handed_over;   /* the web server sends it, and it alone knows what becomes of it */
	struct buf head;    /* header lines */
	struct buf members; /* further members of a problem: ,"name":value … */
	struct sink *door;  /* RESPONSE_BODY: the connection */
	struct sink *out;   /* what the body is put into: the door, or sinks before it */
};

void response_init(struct response *rs, struct request *rq);
void response_free(struct response *rs);

/* One header line; control characters in the value become spaces. */
void response_header(struct response *rs, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Whole body with its length, behind the headers so far; none for HEAD. The others add what belongs
 * to every answer. */
void response_whole(struct response *rs, int status, const struct buf *body);

void response_body(struct response *rs, int status, const char *media, const struct buf *body);
void response_json(struct response *rs, int status, const struct buf *body);

/* Add a member to the problem that response_problem may send; json is a JSON value. */
void response_member(struct response *rs, const char *name, const char *json);

/* RFC 9457. Headers set so far are dropped, but for those that concern the request and not its body
 * (Sluice-Export-Id, RateLimit*). */
void response_problem(struct response *rs, const struct err *e);

/* The sink that the body goes into; borrowed by whoever writes, until response_free or
 * response_abort. */
struct sink *response_stream(struct response *rs, int status);

/* The first of the sinks that were put before the one that response_stream gave, which it owns. */
void response_chain(struct response *rs, struct sink *first);

/* Only a head (HEAD requests, 304). */
void response_empty(struct response *rs, int status);

/* The body is whole. */
int response_finish(struct response *rs, struct err *e) __attribute__((warn_unused_result));

/* The body cannot be completed: break the transfer, or go back to HEAD when nothing has left. */
void response_abort(struct response *rs);

/* Content-Disposition: attachment with the file name, also in UTF-8 where it is not ASCII (RFC 6266
 * §4.3). */
void response_attachment(struct response *rs, const char *file_name);

#endif
