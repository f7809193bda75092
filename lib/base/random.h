/*
 * Identifiers that cannot be guessed.
 */
#ifndef SLUICE_BASE_RANDOM_H
#define SLUICE_BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fill from the kernel's generator (getrandom(2)); exits the process if it fails. */
void random_bytes(void *out, size_t len);

/* A UUID of version 7 (RFC 9562 §5.7: time first, so that an index on it stays dense), as 36 characters
 * and a NUL. */
enum { UUID_TEXT = 37 };
void random_uuid7(char out[UUID_TEXT]);

/* Whether the text is a UUID, of any version and in any case. */
bool uuid_valid(const char *text);

#endif
