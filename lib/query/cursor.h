/*
 * Cursor: where a page of a query ended, as an opaque token that only we can have made.
 *
 * It holds the sort values of the page's last row (as the caller saw them: masked ones are masked),
 * and is signed over these and over `bound`, a text of what it belongs to: the query less its page,
 * and the caller's rights. A token that is changed, or used for another query or by somebody with
 * other rights, does not hold.
 *
 * base64url (RFC 4648 §5, without padding) of, integers little endian:
 *
 *	version    1 byte: 1
 *	flags      1 byte: 0
 *	total      8 bytes, as below
 *	offset     8 bytes, as below
 *	count      2 bytes: of the values
 *	values     each 4 bytes, its length + 1, or 0 for NULL; then its bytes, none of them NUL
 *	signature  16 bytes: the first of HMAC-SHA-256(key, bound NUL all before)
 *
 * Whoever holds it was sent these values, so it is signed and not encrypted.
 */
#ifndef SLUICE_QUERY_CURSOR_H
#define SLUICE_QUERY_CURSOR_H

#include <stddef.h>
#include <stdint.h>

#include "lib/access/secret_key.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

enum {
	CURSOR_VALUES_MAX = 64,
	CURSOR_TOKEN_MAX = 16 * 1024 /* characters */
};

struct cursor {
	int64_t total;  /* rows of the whole query, as the first page counted them; -1: were not */
	int64_t offset; /* rows before the next page, where they are counted off; -1: by values */
	const char *values[CURSOR_VALUES_MAX]; /* NULL is SQL NULL */
	size_t values_n;
};

/* Equal cursors make equal tokens. ERR_UNPROCESSABLE when the token would be longer than
 * CURSOR_TOKEN_MAX. */
int cursor_write(struct arena *a, const uint8_t key[SECRET_KEY_BYTES], const char *bound,
	const struct cursor *c, const char **token, struct err *e);

/* Gives back what was written, its values in the arena. ERR_BAD_REQUEST, *c unchanged, when the
 * token is damaged, or not for this: "page.after is no token for this query". */
int cursor_read(struct arena *a, const uint8_t key[SECRET_KEY_BYTES], const char *bound,
	const char *token, struct cursor *c, struct err *e);

#endif
