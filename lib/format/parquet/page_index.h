/*
 * Page index: of each page of a chunk where it stands and what bounds its values, so that a reader can pass over it
 * (https://github.com/apache/parquet-format/blob/master/PageIndex.md).
 *
 * The ColumnIndex is left out where a page has values but no bounds.
 */
#ifndef SLUICE_FORMAT_PARQUET_PAGE_INDEX_H
#define SLUICE_FORMAT_PARQUET_PAGE_INDEX_H

#include "lib/format/parquet/statistics.h"

/* {0} is empty. */
struct page_index {
	struct buf lens, rows;      /* int32 each: bytes with the header, and rows of a page */
	struct buf nulls;           /* int32 each */
	struct buf has_values;      /* bool each */
	struct buf least, greatest; /* items of Thrift lists */
	struct bounds last;         /* of the last page with bounds */
	size_t n;
	bool is_unbounded;          /* a page has values without bounds */
	bool is_falling, is_rising; /* bounds do not go up everywhere, nor down */
};

/* values_n: with the NULLs, of which there are nulls_n; as many as rows unless they are lists. */
void page_index_add(struct page_index *x, const struct leaf *l, size_t len, int32_t rows,
	int32_t values_n, int32_t nulls_n, const struct bounds *b);

/* The ColumnIndex; nothing where it is left out. */
void page_index_put_column(const struct page_index *x, struct buf *out);

/* The OffsetIndex; the first page stands at `offset` of the file. */
void page_index_put_offset(const struct page_index *x, int64_t offset, struct buf *out);

void page_index_reset(struct page_index *x);
void page_index_free(struct page_index *x);

#endif
