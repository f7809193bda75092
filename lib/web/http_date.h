/*
 * Dates of HTTP (RFC 9110 §5.6.7): written as "Sun, 06 Nov 1994 08:49:37 GMT", read in that form
 * and the two old ones.
 */
#ifndef SLUICE_WEB_HTTP_DATE_H
#define SLUICE_WEB_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

enum { HTTP_DATE_TEXT = 64 };

/* seconds: since 1970, up to the year 9999. */
void http_date_write(int64_t seconds, char out[HTTP_DATE_TEXT]);

/* False where the text, which may be NULL, is no such date. (Whether its day of the week is right
 * is not looked at.) */
bool http_date_read(const char *text, int64_t *seconds);

#endif
