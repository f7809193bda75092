/*
 * The link to another page (RFC 8288).
 */
#ifndef SLUICE_WEB_PAGE_LINK_H
#define SLUICE_WEB_PAGE_LINK_H

#include <stdint.h>

#include "lib/web/request.h"

/* The request's own path and parameters with another page and the bounds; relative to the server's
 * root. */
const char *page_link(struct request *rq, int64_t page, const char *bounds);

#endif
