/*
 * Units that people write: durations ("500ms", "30s", "5min", "1h", "1d") and sizes ("256K",
 * "64M", "10G", "1T", powers of 1024). Whole numbers only. A duration has a unit unless it is 0; a
 * size without one is bytes.
 */
#ifndef SLUICE_BASE_UNIT_H
#define SLUICE_BASE_UNIT_H

#include <stdint.h>

#include "lib/base/mem.h"

/* The value into *out (microseconds, bytes, or the number itself) and NULL; or, *out untouched,
 * what is wrong as the end of a sentence that begins with the name of the value: "is too large".
 * The text is static. */
const char *unit_read_duration(const char *text, int64_t *out);
const char *unit_read_size(const char *text, int64_t *out);
const char *unit_read_integer(const char *text, int64_t *out);

/* In the largest unit that holds the value exactly, so that reading it back gives the same. A
 * duration is whole milliseconds. */
void unit_put_duration(struct buf *b, int64_t us);
void unit_put_size(struct buf *b, int64_t bytes);

#endif
