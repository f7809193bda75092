/*
 * Column writer: the part of a row group that is one column's, from batches to pages.
 *
 * Rows wait on a stage until they are a page; pages are held, compressed, until the row group ends.
 */
#ifndef SLUICE_FORMAT_PARQUET_COLUMN_WRITER_H
#define SLUICE_FORMAT_PARQUET_COLUMN_WRITER_H

#include "lib/format/parquet/footer.h"
#include "lib/format/parquet/stage.h"

/* What the columns of a file share. */
struct column_shop {
	struct page_press press;
	struct held_pool pool;
	size_t page_bytes; /* of values: a page ends behind the batch that brings it there */
	int32_t page_rows; /* the same */
	bool has_statistics;
	struct err err; /* of the first failure; then columns take nothing more */
};

struct column_writer {
	struct column_shop *shop; /* borrowed */
	struct leaf leaf;
	struct stage stage;
	struct held pages, dictionary_page;
	struct page_index index;
	struct chunk chunk; /* as far as it is known */
};

void column_writer_open(struct column_writer *c, struct column_shop *shop, const struct field *f);

/* Rows from..to of a batch's column. */
void column_writer_append(
	struct column_writer *c, const struct column *from_batch, int32_t from, int32_t to);

/* Bytes held and staged. */
size_t column_writer_bytes(const struct column_writer *c);

/* Ends the row group for this column: what is staged becomes a page, and the chunk is known but for its offset. */
void column_writer_finish(struct column_writer *c);

/* Writes the chunk's pages and begins the next. */
void column_writer_write(struct column_writer *c, struct sink *to);

void column_writer_free(struct column_writer *c);

#endif
