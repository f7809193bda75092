/*
 * Fetch: one small document over https, by libcurl.
 */
#ifndef SLUICE_ACCESS_FETCH_H
#define SLUICE_ACCESS_FETCH_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

struct fetch {
	const char *url;
	const char *accept; /* media types, as the Accept header has them */
	const char *ca;     /* PEM file of the only authorities trusted; "": the system's */
	int64_t timeout_us; /* all of it: name, connection, redirects, body */
	int64_t max_bytes;
};

/* Append the body to out when the answer is 200. Peer and host name are verified; redirects are
 * followed, but not away from https. *status: the answer's, 0 where there was none. -1, out as it
 * was, and in e->cause what libcurl says; e->code and e->text are the caller's to set. */
int fetch_https(const struct fetch *what, struct buf *out, int *status, struct err *e);

#endif
