/*
 * The one door to the wire: a response body as FCGI_STDOUT records (FastCGI Specification 1.0, §3.3, §5.3), written
 * on the request's connection straight from the caller's memory.
 *
 * The head (CGI response headers with their empty line, RFC 3875 §6) is fixed when the sink is made and goes
 * out ahead of the first body byte, so that until then the request can still be answered otherwise.
 *
 *	HEAD ──first put, flush or finish──▶ BODY ──finish──▶ DONE
 *	  └──────────── abort ──────────────────┴──abort───▶ ABORTED
 *
 * An abort in BODY writes the header of a record whose version does not exist: the web server then breaks the
 * transfer off, which a mere end of the stream does not make every one of them do. Where the
 * connection has no room for it within two seconds, what was sent ends within a record, or without
 * its end. After it the request must be released with fcgi_release(…, true).
 */
#ifndef SLUICE_SINK_FCGI_H
#define SLUICE_SINK_FCGI_H

#include <fcgiapp.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/sink/sink.h"

/* Content of one record: the most that two bytes of length can say, less what would need padding (§3.3). */
enum { FCGI_SINK_RECORD = 65528 };

/* The request is borrowed until free; the head is copied. */
struct sink *fcgi_sink_new(FCGX_Request *request, const char *head, size_t head_len);

/* A put that waits for room only until the monotonic time end_us (0: not at all). Returns how much of the data was
 * taken: whole records of FCGI_SINK_RECORD, and what is less at the end. Of the last of them the sink may
 * still hold a part, copied, which goes ahead of whatever follows. With len 0 only such a part is sent. */
size_t fcgi_sink_offer(struct sink *s, const void *data, size_t len, int64_t end_us);

/* Whether it holds a part of what it took. */
bool fcgi_sink_holds(const struct sink *s);

/* How long it has waited for room, microseconds in all. */
int64_t fcgi_sink_waited_us(const struct sink *s);

/* Whether bytes have left, so that no other response can be given. */
bool fcgi_sink_has_begun(const struct sink *s);

/* End the request: orderly, or with its connection closed where the response was aborted. */
void fcgi_release(FCGX_Request *request, bool aborted);

#endif
