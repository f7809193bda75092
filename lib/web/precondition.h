/*
 * Preconditions: what a request asks of the state of the file before it is answered (RFC 9110 §13).
 */
#ifndef SLUICE_WEB_PRECONDITION_H
#define SLUICE_WEB_PRECONDITION_H

#include <stdbool.h>
#include <stdint.h>

/* The values of the header fields, each NULL where it is not sent. */
struct conditions {
	const char *if_match;
	const char *if_none_match;
	const char *if_modified_since;
	const char *if_unmodified_since;
	const char *if_range;
};

/* Of the file as it is. */
struct validators {
	const char *etag; /* with its quotes, and W/ if it is weak */
	int64_t modified; /* seconds since 1970 */
};

enum precondition {
	PRECONDITION_HOLDS,
	PRECONDITION_NOT_MODIFIED, /* 304 */
	PRECONDITION_FAILED        /* 412 */
};

/* Of a GET or HEAD, in the order of §13.2.2. A date that is none does not count; a list of entity
 * tags counts up to what is none of them. */
enum precondition precondition_check(const struct conditions *c, const struct validators *v);

/* Whether a Range counts (§13.1.5): there is no If-Range, or it is the file's strong entity tag or
 * its date to the second. The file never changes, so that its date is as strong as its tag. */
bool precondition_range(const struct conditions *c, const struct validators *v);

#endif
