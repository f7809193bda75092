/*
 * Shown: a text from outside as part of a message of one line.
 */
#ifndef SLUICE_BASE_SHOWN_H
#define SLUICE_BASE_SHOWN_H

#include "lib/base/mem.h"

/* The text (UTF-8) in double quotes, its first 48 bytes or so and "…" where it is longer. What would break the line, or
 * turn its direction, is \uXXXX. In the arena. */
const char *shown(struct arena *a, const char *text);

#endif
