/*
 * The query string of a URL as names and values (application/x-www-form-urlencoded, WHATWG URL
 * §5.1; RFC 3986 §2.1).
 */
#ifndef SLUICE_WEB_QUERY_STRING_H
#define SLUICE_WEB_QUERY_STRING_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

struct request_param { /* decoded */
	const char *name;
	const char *value;
};

/* The parameters in their order, in the arena; empty ones between two & are none. ERR_BAD_REQUEST
 * for what is not percent-encoded UTF-8 or holds a NUL, for a name given twice, and for more than
 * 100. */
int query_string_read(struct arena *a, const char *query, struct request_param **params, size_t *n,
	struct err *e);

/* Percent-encoding undone; with `plus`, '+' is a space. NULL where it is not well-formed UTF-8 or
 * holds a NUL. */
const char *query_string_decode(struct arena *a, const char *s, size_t len, bool plus);

#endif
