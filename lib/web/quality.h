/*
 * Lists of names with weights, as Accept and Accept-Encoding have them (RFC 9110 §5.6.1,
 * §12.4.2):
 *
 *	text/csv;header=present, application/json;q=0.5, *;q=0
 *
 * What is malformed does no harm: it makes names that nothing is called, and weights of 1.
 */
#ifndef SLUICE_WEB_QUALITY_H
#define SLUICE_WEB_QUALITY_H

#include <stdbool.h>
#include <stddef.h>

enum { QUALITY_MAX = 1000 }; /* q=1 */

struct quality {
	const char *name; /* without parameters; not terminated */
	size_t len;
	int q; /* 0 .. QUALITY_MAX; QUALITY_MAX where there is none */
};

/* The next element of the list, which lives as long as the list; returns what is left, NULL at the
 * end. */
const char *quality_next(const char *list, struct quality *out);

/* Whether the element has that name, in any case. */
bool quality_is(const struct quality *element, const char *name);

#endif
