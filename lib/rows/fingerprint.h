/*
 * Fingerprint: a short name of a schema, equal wherever the schema is.
 *
 * It covers, of each column in order: name, type (as the API names it), precision and scale, whether it may be NULL, and the
 * source's name of its type. Not the table's name, its data, masks, or the format of an export.
 *
 * It is the first 18 bytes of a SHA-256 as base64url. What is hashed is this text in UTF-8, one line for
 * each column behind the first, every line ended by LF; LEN is a count of bytes, so that no name can read as two:
 *
 *	sluice-schema 1
 *	LEN:NAME TYPE PRECISION,SCALE null|notnull LEN:SOURCETYPE
 *
 * "PRECISION,SCALE" is "-" for every type but decimal128. Fingerprints are kept by those who were given them, and so
 * must be the same in every version of Sluice: whoever has to change the text gives it another number.
 */
#ifndef SLUICE_ROWS_FINGERPRINT_H
#define SLUICE_ROWS_FINGERPRINT_H

#include "lib/base/err.h"
#include "lib/rows/schema.h"

enum { FINGERPRINT_TEXT = 25 }; /* bytes, with the NUL */

/* ERR_INTERNAL when OpenSSL gives no SHA-256. */
int fingerprint(const struct schema *schema, char text[FINGERPRINT_TEXT], struct err *e)
	__attribute__((warn_unused_result));

#endif
