/*
 * base64url (RFC 4648 §5) without padding, as JOSE (RFC 7515 §2) and opaque tokens in URLs use it.
 */
#ifndef SLUICE_BASE_BASE64URL_H
#define SLUICE_BASE_BASE64URL_H

#include <stddef.h>

#include "lib/base/mem.h"

/* Append the bytes that the text stands for. Strict, so that bytes have one spelling alone: no
 * padding, no white space, unused bits zero. -1, and out as it was, for any other text. */
int base64url_decode(const char *text, size_t len, struct buf *out);

void base64url_encode(struct buf *out, const void *bytes, size_t len);

#endif
