#include "lib/format/parquet/page.h"

#include "config.h"

#include <endian.h>
#ifdef HAVE_LIBISAL
#include <isa-l/crc.h>
#else
#include <zlib.h>
#endif

#include "lib/format/parquet/thrift.h"

/* parquet.thrift's PageType. */
enum page_type { PAGE_DATA = 0, PAGE_DICTIONARY = 2, PAGE_DATA_V2 = 3 };

struct lengths {
	size_t levels; /* version 2: before what is compressed */
	size_t unpacked, packed;
	bool is_packed;
};

static uint32_t checksum(const struct buf *b)
{
#ifdef HAVE_LIBISAL
	return crc32_gzip_refl(0, (const unsigned char *)b->data, b->len);
#else
	return (uint32_t)crc32_z(0, (const Bytef *)b->data, b->len);
#endif
}

static void put_data(const struct page *page, struct thrift *t)
{
	thrift_struct(t, 5);
	thrift_i32(t, 1, page->values_n);
	thrift_i32(t, 2, page->encoding);
	thrift_i32(t, 3, ENCODING_RLE);
	thrift_i32(t, 4, ENCODING_RLE);
	thrift_end(t);
}

static void put_dictionary(const struct page *page, struct thrift *t)
{
	thrift_struct(t, 7);
	thrift_i32(t, 1, page->values_n);
	thrift_i32(t, 2, page->encoding);
	thrift_end(t);
}

static void put_data_v2(const struct page *page, const struct lengths *len, struct thrift *t)
{
	thrift_struct(t, 8);
	thrift_i32(t, 1, page->values_n);
	thrift_i32(t, 2, page->nulls_n);
	thrift_i32(t, 3, page->rows_n);
	thrift_i32(t, 4, page->encoding);
	thrift_i32(t, 5, (int32_t)(len->levels - page->repetition));
	thrift_i32(t, 6, (int32_t)page->repetition);
	thrift_bool(t, 7, len->is_packed);
	thrift_end(t);
}

static void put_header(struct page_press *p, const struct page *page, const struct lengths *len)
{
	struct thrift t = { .out = &p->header };
	bool is_v2 = p->is_v2 && !page->is_dictionary;

	p->header.len = 0;
	thrift_begin(&t);
	thrift_i32(&t, 1, page->is_dictionary ? PAGE_DICTIONARY : is_v2 ? PAGE_DATA_V2 : PAGE_DATA);
	thrift_i32(&t, 2, (int32_t)len->unpacked);
	thrift_i32(&t, 3, (int32_t)len->packed);
	thrift_i32(&t, 4, (int32_t)checksum(&p->packed));
	if (page->is_dictionary)
		put_dictionary(page, &t);
	else if (is_v2)
		put_data_v2(page, len, &t);
	else
		put_data(page, &t);
	thrift_end(&t);
}

static void put_levels(struct buf *to, const char *levels, size_t len)
{
	uint32_t length = htole32((uint32_t)len);

	buf_put(to, &length, sizeof length);
	buf_put(to, levels, len);
}

/* Into p->packed. */
static int pack_v1(
	struct page_press *p, const struct page *page, struct lengths *len, struct err *e)
{
	struct buf *from = &p->values;

	if (p->levels.len) {
		from = &p->plain;
		from->len = 0;
		if (page->repetition)
			put_levels(from, p->levels.data, page->repetition);
		put_levels(
			from, p->levels.data + page->repetition, p->levels.len - page->repetition);
		buf_put(from, p->values.data, p->values.len);
	}
	len->unpacked = from->len;
	return codec_pack(&p->codec, &p->packed, from->data, from->len, e);
}

static int pack_v2(
	struct page_press *p, const struct page *page, struct lengths *len, struct err *e)
{
	(void)page;
	len->levels = p->levels.len;
	len->unpacked = p->levels.len + p->values.len;
	buf_put(&p->packed, p->levels.data, p->levels.len);
	if (p->values.len && p->codec.kind != CODEC_NONE) {
		if (codec_pack(&p->codec, &p->packed, p->values.data, p->values.len, e) < 0)
			return -1;
		len->is_packed = p->packed.len < len->unpacked;
	}
	if (!len->is_packed) {
		p->packed.len = p->levels.len;
		buf_put(&p->packed, p->values.data, p->values.len);
	}
	return 0;
}

int page_put(struct page_press *p, const struct page *page, struct held *to, struct held_pool *pool,
	struct page_size *size, struct err *e)
{
	struct lengths len = { 0 };
	bool is_v2 = p->is_v2 && !page->is_dictionary;

	p->packed.len = 0;
	if (p->levels.len + p->values.len >= INT32_MAX - 2 * sizeof(uint32_t))
		return err_set(e, ERR_UNPROCESSABLE, "a value is too long for Parquet");
	if ((is_v2 ? pack_v2 : pack_v1)(p, page, &len, e) < 0)
		return -1;
	len.packed = p->packed.len;
	if (len.packed > INT32_MAX)
		return err_set(e, ERR_UNPROCESSABLE, "a value is too long for Parquet");
	put_header(p, page, &len);
	held_put(to, pool, p->header.data, p->header.len);
	held_put(to, pool, p->packed.data, p->packed.len);
	*size = (struct page_size){ p->header.len + len.packed, p->header.len + len.unpacked };
	p->levels.len = 0;
	p->values.len = 0;
	return 0;
}

void page_press_free(struct page_press *p)
{
	codec_close(&p->codec);
	buf_free(&p->levels);
	buf_free(&p->values);
	buf_free(&p->plain);
	buf_free(&p->packed);
	buf_free(&p->header);
}
