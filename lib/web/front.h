/*
 * Front: what must be known of the web server in front, which says who it is in the FastCGI parameter or environment
 * variable SLUICE_FRONT.
 */
#ifndef SLUICE_WEB_FRONT_H
#define SLUICE_WEB_FRONT_H

#include <stdbool.h>

#include "lib/web/request.h"

/* Where a broken transfer cannot be seen the body must be whole before its length is said: behind mod_fcgid, and in
 * HTTP/1.0, where a body without a length ends when the connection does (proxies speak it too: nginx to its
 * upstreams, unless it is told otherwise). */
bool front_needs_length(const struct request *rq);

#endif
