#include "lib/base/base64url.h"

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int base64url_decode(const char *text, size_t len, struct buf *out)
{
	char *to = buf_reserve(out, len / 4 * 3 + 3);
	unsigned bits = 0, bits_n = 0;
	size_t n = 0;

	if (len % 4 == 1)
		return -1;
	for (size_t i = 0; i < len; i++) {
		int value = value_of(text[i]);

		if (value < 0)
			return -1;
		bits = (bits << 6 | (unsigned)value) & 0xffff;
		bits_n += 6;
		if (bits_n >= 8) {
			bits_n -= 8;
			to[n++] = (char)(bits >> bits_n);
		}
	}
	if (bits & ((1u << bits_n) - 1))
		return -1;
	out->len += n;
	return 0;
}

void base64url_encode(struct buf *out, const void *bytes, size_t len)
{
	static const char *const alphabet =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const uint8_t *from = bytes;
	char *to = buf_reserve(out, len / 3 * 4 + 4);
	unsigned bits = 0, bits_n = 0;

	for (size_t i = 0; i < len; i++) {
		bits = (bits << 8 | from[i]) & 0xffff;
		for (bits_n += 8; bits_n >= 6;) {
			bits_n -= 6;
			*to++ = alphabet[bits >> bits_n & 63];
		}
	}
	if (bits_n)
		*to++ = alphabet[bits << (6 - bits_n) & 63];
	out->len = (size_t)(to - out->data);
}
