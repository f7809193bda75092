/*
 * Passes bytes on and computes the SHA-256 (FIPS 180-4) of exactly those.
 */
#ifndef SLUICE_SINK_DIGEST_H
#define SLUICE_SINK_DIGEST_H

#include "lib/sink/sink.h"

enum { DIGEST_HEX = 65 }; /* 64 hexadecimal digits and a NUL */

/* Takes `next`, which is freed with it. */
struct sink *digest_sink_new(struct sink *next);

/* After finish. */
void digest_sink_hex(const struct sink *s, char hex[DIGEST_HEX]);

#endif
