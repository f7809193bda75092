/*
 * CSV text as the sample's table users gives it (etc/sample.sql), for tests and benches of what
 * packs it.
 */
#ifndef SLUICE_TESTS_USERS_TEXT_H
#define SLUICE_TESTS_USERS_TEXT_H

#include "lib/base/mem.h"

/* Append exactly len bytes, the same each time; the last row may be cut. */
void users_text(struct buf *out, size_t len);

#endif
