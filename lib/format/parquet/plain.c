#include "lib/format/parquet/plain.h"

#include <endian.h>

static void put_bits(struct buf *out, const int64_t *v, size_t n)
{
	char *to = buf_reserve(out, (n + 7) / 8);

	for (size_t i = 0; i < n; i += 8) {
		unsigned byte = 0;

		for (size_t k = 0; k < 8 && i + k < n; k++)
			byte |= (unsigned)v[i + k] << k;
		to[i / 8] = (char)byte;
	}
	out->len += (n + 7) / 8;
}

static void put_32(struct buf *out, const int64_t *v, size_t n)
{
	char *to = buf_reserve(out, 4 * n);

	for (size_t i = 0; i < n; i++) {
		uint32_t low = htole32((uint32_t)v[i]);

		memcpy(to + 4 * i, &low, 4);
	}
	out->len += 4 * n;
}

static void put_64(struct buf *out, const int64_t *v, size_t n)
{
	char *to = buf_reserve(out, 8 * n);

	for (size_t i = 0; i < n; i++) {
		uint64_t all = htole64((uint64_t)v[i]);

		memcpy(to + 8 * i, &all, 8);
	}
	out->len += 8 * n;
}

void plain_put_numbers(struct buf *out, enum leaf_type type, const int64_t *v, size_t n)
{
	if (!n)
		return;
	if (type == LEAF_BOOLEAN)
		put_bits(out, v, n);
	else if (type == LEAF_INT32 || type == LEAF_FLOAT)
		put_32(out, v, n);
	else
		put_64(out, v, n);
}

void plain_put_bytes(struct buf *out, const uint8_t *bytes, const uint32_t *lengths, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t len = htole32(lengths[i]);

		buf_put(out, &len, sizeof len);
		buf_put(out, bytes, lengths[i]);
		bytes += lengths[i];
	}
}
