#include "lib/job/audit_chain.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

void audit_chain_text(struct buf *b, const char *const *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fields[i])
			buf_printf(b, "%zu:%s", strlen(fields[i]), fields[i]);
		else
			buf_putc(b, '-');
}

void audit_chain_hash(const uint8_t previous[AUDIT_HASH], const char *const fields[AUDIT_FIELDS],
	struct buf *b, uint8_t out[AUDIT_HASH])
{
	b->len = 0;
	buf_put(b, previous, AUDIT_HASH);
	audit_chain_text(b, fields, AUDIT_FIELDS);
	SHA256((const unsigned char *)b->data, b->len, out);
}

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static bool parse_hash(const char *text, uint8_t hash[AUDIT_HASH])
{
	if (strlen(text) != AUDIT_HASH_HEX - 1)
		return false;
	for (int i = 0; i < AUDIT_HASH; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		hash[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool audit_mark_parse(const char *text, struct audit_mark *m)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || text[digits] != ':')
		return false;
	errno = 0;
	m->seq = strtoll(text, NULL, 10);
	return errno == 0 && parse_hash(text + digits + 1, m->hash);
}

void audit_hash_hex(const uint8_t hash[AUDIT_HASH], char hex[AUDIT_HASH_HEX])
{
	for (int i = 0; i < AUDIT_HASH; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
}
