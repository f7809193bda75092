/*
 * JSON text (RFC 8259 section 7): strings are escaped where they must be (quote, backslash, below
 * 0x20) and otherwise taken as they are.
 *
 * Both read up to BLOCK_SLACK bytes behind the input and write up to BLOCK_SLACK behind what they
 * return. Neither keeps a state: a text may come in pieces, cut anywhere.
 */
#ifndef SLUICE_FORMAT_JSON_TEXT_H
#define SLUICE_FORMAT_JSON_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* The inside of a string, without its quotes: room for 6 * len. Returns the end. */
char *json_text_escape(char *out, const uint8_t *in, size_t len);

/* A JSON value on one line: CR and LF, which can only stand between its tokens, become spaces.
 * Room for len. */
char *json_text_flatten(char *out, const uint8_t *in, size_t len);

/* The first escape of a whole JSON text that is half of a surrogate pair (\ud800 to \udfff) without the other: six bytes
 * that no character can be made of, and that strict readers refuse (RFC 8259 section 8.2). `end` when there is none. */
const uint8_t *json_text_lone_surrogate(const uint8_t *in, const uint8_t *end);

#endif
