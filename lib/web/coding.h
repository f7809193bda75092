/*
 * Content codings (RFC 9110 §8.4, §12.5.3): which of those that are built in a body is sent with.
 */
#ifndef SLUICE_WEB_CODING_H
#define SLUICE_WEB_CODING_H

#include "lib/base/err.h"
#include "lib/sink/compress.h"

/* accept_encoding: the header, or NULL where there is none, which asks for no coding. *out becomes
 * the coding with the highest q, of equal ones the first in the table of compressions; NULL for
 * none ("identity"), where no coding is asked for or the header ranks identity higher. -1 with
 * ERR_NOT_ACCEPTABLE, and *out NULL, when none is acceptable, not even identity.
 *
 * An answer that this was asked for varies by Accept-Encoding, whatever came of it. */
int coding_choose(const char *accept_encoding, const struct compress_type **out, struct err *e);

#endif
