/*
 * Values of page bounds: between the text that PostgreSQL writes with DateStyle ISO and TimeZone
 * UTC, and what a token holds.
 *
 *	bigint       int64
 *	uuid         16 bytes
 *	date         days since 2000-01-01                  4714-11-24 BC .. 5874897-12-31
 *	timestamp    microseconds since 2000-01-01 00:00    4714-11-24 BC .. 294276-12-31
 *	timestamptz  the same in UTC, its text with "+00"
 * The infinities of dates and timestamps are INT64_MAX and INT64_MIN, so that integers and bytes
 * sort as the server sorts the values.
 */
#ifndef SLUICE_QUERY_PAGE_VALUE_H
#define SLUICE_QUERY_PAGE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/mem.h"
#include "lib/query/page.h"

enum { PAGE_UUID_BYTES = 16 };

/* Can the server hold the value? Of any kind but PAGE_TEXT and PAGE_UUID, here and below. */
bool page_number_valid(enum page_kind kind, int64_t value);

/* False for a text that is not of the form above, or beyond the server's range. */
bool page_number_parse(enum page_kind kind, const char *text, int64_t *value);

/* The server's own spelling of a valid value: "0044-03-15 12:00:00.5+00 BC". */
const char *page_number_text(struct arena *a, enum page_kind kind, int64_t value);

/* The 36 characters of RFC 9562 §4, in lower case. */
bool page_uuid_parse(const char *text, uint8_t out[PAGE_UUID_BYTES]);
const char *page_uuid_text(struct arena *a, const uint8_t bytes[PAGE_UUID_BYTES]);

#endif
