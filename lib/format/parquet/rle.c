#include "lib/format/parquet/rle.h"

#include "lib/format/parquet/bits.h"
#include "lib/format/parquet/thrift.h"

enum { GROUP = 8 };

static void put_varint(struct buf *out, uint64_t v)
{
	char *p = buf_reserve(out, THRIFT_VARINT);

	out->len += (size_t)(thrift_varint((uint8_t *)p, v) - (uint8_t *)p);
}

void rle_put_same(struct buf *out, uint32_t v, size_t n, unsigned width)
{
	put_varint(out, (uint64_t)n << 1);
	for (unsigned shift = 0; shift < width; shift += 8)
		buf_putc(out, (char)(v >> shift));
}

/* ---- values */

static bool is_same(const uint32_t *v)
{
	uint32_t other = 0;

	for (int i = 1; i < GROUP; i++)
		other |= v[i] ^ v[0];
	return other == 0;
}

/* Whole groups; only the last of all may be short. */
static void put_packed(struct buf *out, const uint32_t *v, size_t n, unsigned width)
{
	size_t groups = (n + GROUP - 1) / GROUP, bytes = groups * width, whole = n / GROUP * GROUP;
	uint32_t last[GROUP] = { 0 };

	if (!n)
		return;
	put_varint(out, (uint64_t)groups << 1 | 1);
	uint8_t *p = (uint8_t *)buf_reserve(out, bytes + BITS_SLACK);

	p = bits_pack_32(p, v, whole, width);
	if (whole < n) {
		memcpy(last, v + whole, (n - whole) * sizeof *v);
		bits_pack_32(p, last, GROUP, width);
	}
	out->len += bytes;
}

void rle_put(struct buf *out, const uint32_t *v, size_t n, unsigned width)
{
	size_t packed = 0, i = 0; /* from `packed` to i waits to be bit-packed */

	while (i + GROUP <= n) {
		size_t end = i + GROUP;

		if (!is_same(v + i)) {
			i = end;
			continue;
		}
		while (end < n && v[end] == v[i])
			end++;
		put_packed(out, v + packed, i - packed, width);
		rle_put_same(out, v[i], end - i, width);
		packed = i = end;
	}
	put_packed(out, v + packed, n - packed, width);
}

/* ---- bits */

void rle_put_bitmap(struct buf *out, const uint8_t *bits, size_t n)
{
	size_t packed = 0, i = 0, groups = (n + GROUP - 1) / GROUP, whole = n / GROUP;

	/* A run costs two bytes and ends the packing before it, which costs one more. */
	enum { WORTH = 4 };

	while (i < whole) {
		size_t end = i + 1;

		while (end < whole && bits[end] == bits[i])
			end++;
		if ((bits[i] == 0 || bits[i] == 0xff) && end - i >= WORTH) {
			if (i > packed) {
				put_varint(out, (uint64_t)(i - packed) << 1 | 1);
				buf_put(out, bits + packed, i - packed);
			}
			rle_put_same(out, bits[i] & 1, (end - i) * GROUP, 1);
			packed = end;
		}
		i = end;
	}
	if (groups > packed) {
		put_varint(out, (uint64_t)(groups - packed) << 1 | 1);
		buf_put(out, bits + packed, groups - packed);
	}
}
