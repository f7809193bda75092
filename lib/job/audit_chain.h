/*
 * Audit chain: the hash of a line of sluice.audit, as etc/schema/0003_audit.sql lays it out.
 */
#ifndef SLUICE_JOB_AUDIT_CHAIN_H
#define SLUICE_JOB_AUDIT_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/mem.h"

enum { AUDIT_HASH = 32, AUDIT_HASH_HEX = 2 * AUDIT_HASH + 1, AUDIT_FIELDS = 18 };

/* Append the text of fields (NULL for NULL), in the order of the layout. */
void audit_chain_text(struct buf *b, const char *const *fields, size_t n);

/* What the next line's `previous` must be; {0} before the first line. */
struct audit_mark {
	int64_t seq;
	uint8_t hash[AUDIT_HASH];
};

/* The hash of the line behind `previous` with these fields. b is scratch. */
void audit_chain_hash(const uint8_t previous[AUDIT_HASH], const char *const fields[AUDIT_FIELDS],
	struct buf *b, uint8_t out[AUDIT_HASH]);

/* "SEQ:HASH", the hash as 64 hexadecimal digits in lower case. */
bool audit_mark_parse(const char *text, struct audit_mark *m);
void audit_hash_hex(const uint8_t hash[AUDIT_HASH], char hex[AUDIT_HASH_HEX]);

#endif
