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
 * transfer off, which a mere end of the stream does not make every one of them do. After it the
 * request must be released with fcgi_release(…, true).
 */
#ifndef SLUICE_SINK_FCGI_H
#define SLUICE_SINK_FCGI_H

#include <fcgiapp.h>
#include <stdbool.h>

#include "lib/sink/sink.h"

/* The request is borrowed until free; the head is copied. */
struct sink *fcgi_sink_new(FCGX_Request *request, const char *head, size_t head_len);

/* Whether bytes have left, so that no other response can be given. */
bool fcgi_sink_has_begun(const struct sink *s);

/* End the request: orderly, or with its connection closed where the response was aborted. */
void fcgi_release(FCGX_Request *request, bool aborted);

#endif
