/*
 * Content negotiation (RFC 9110 §12.5.1).
 */
#ifndef SLUICE_WEB_NEGOTIATE_H
#define SLUICE_WEB_NEGOTIATE_H

#include "lib/format/format.h"

/* The format that the Accept header asks for: of those with the highest q, the first of the format
 * table. A missing or empty header takes the default. NULL when none of ours is acceptable. */
const struct format_type *negotiate_format(const char *accept);

/* The q-value, 0 to QUALITY_MAX, that an Accept header gives to a media type without parameters
 * ("text/csv"); the most specific range counts, of equal ones the first. */
int negotiate_quality(const char *accept, const char *media);

#endif
