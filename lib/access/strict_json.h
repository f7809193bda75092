/*
 * Strict JSON: what a token or a key set says, in the one reading that RFC 8259 allows.
 *
 * json-c takes more than JSON even when told to be strict, and lets the last of two equal members
 * win: two readers of one token could then disagree about what it says (RFC 7515 §4, RFC 7519 §4
 * leave it to the reader). Here such texts are refused.
 */
#ifndef SLUICE_ACCESS_STRICT_JSON_H
#define SLUICE_ACCESS_STRICT_JSON_H

#include <stddef.h>

struct json_object;

enum { STRICT_JSON_DEPTH = 16 }; /* objects and arrays within each other */

/* The text as an object, to be given back with json_object_put; NULL when it is not one JSON object
 * in UTF-8, when an object in it (at any depth) has two members of one name, a string holds a NUL
 * or half a character (a lone surrogate, RFC 8259 §8.2), or it is nested deeper than
 * STRICT_JSON_DEPTH. */
struct json_object *strict_json_object(const char *text, size_t len);

/* The member's text where it is a string that is not empty, else NULL; lives as long as the object.
 */
const char *strict_json_string(const struct json_object *object, const char *name);

#endif
