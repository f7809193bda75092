/*
 * Page: a header and, behind it, levels and values, compressed
 * (https://github.com/apache/parquet-format, "Data Pages"; parquet.thrift, PageHeader).
 *
 *	version 1     compressed(uint32 length, levels, values); the length only where there are levels
 *	version 2     levels, compressed(values); not compressed where that saves nothing
 *	dictionary    compressed(values)
 * The checksum is of what stands behind the header. A column has one level, NULL (0) or not (1); none where it may not be
 * NULL. A list has repetition levels too, each kind with its own length in version 1: 0 begins a row, 1 goes on with it.
 */
#ifndef SLUICE_FORMAT_PARQUET_PAGE_H
#define SLUICE_FORMAT_PARQUET_PAGE_H

#include "lib/format/parquet/codec.h"
#include "lib/format/parquet/held.h"

/* parquet.thrift's Encoding. */
enum encoding {
	ENCODING_PLAIN = 0,
	ENCODING_RLE = 3,
	ENCODING_DELTA_BINARY_PACKED = 5,
	ENCODING_DELTA_LENGTH_BYTE_ARRAY = 6,
	ENCODING_RLE_DICTIONARY = 8,
	ENCODINGS_N
};

struct page {
	bool is_dictionary;
	enum encoding encoding; /* of the values */
	int32_t values_n;       /* with the NULLs */
	int32_t nulls_n;
	int32_t rows_n;
	size_t repetition; /* bytes of the levels that are repetition levels, before the others */
};

/* What the pages of a file are made with, one at a time. */
struct page_press {
	struct codec codec;
	struct buf levels; /* the page's, taken by page_put */
	struct buf values;
	bool is_v2;
	/* Scratch. */
	struct buf plain, packed, header;
};

struct page_size {
	size_t packed, unpacked; /* bytes with the header */
};

/* Makes a page of what stands in levels and values, which are empty then. ERR_INTERNAL when it cannot be compressed,
 * ERR_UNPROCESSABLE when it is longer than Parquet can tell. */
int page_put(struct page_press *p, const struct page *page, struct held *to, struct held_pool *pool,
	struct page_size *size, struct err *e) __attribute__((warn_unused_result));

void page_press_free(struct page_press *p);

#endif
