/*
 * Column writer: the part of a row group that is one column's, from batches to pages.
 *
 * Rows wait on a stage until they are a page; pages are held, compressed, until the row group ends. A chunk begins with a
 * dictionary and goes on without it where it does not pay:
 *
 *	at once            values are long, or nearly all of the first ones differ: no page has used it
 *	at the first page  values and indices together are larger than the values would be
 *	later              it is full; pages before stay as they are
 * Without one, integers are packed as differences and strings with packed lengths, where that is smaller than plain.
 */
#ifndef SLUICE_FORMAT_PARQUET_COLUMN_WRITER_H
#define SLUICE_FORMAT_PARQUET_COLUMN_WRITER_H

#include "lib/format/parquet/bloom.h"
#include "lib/format/parquet/dictionary.h"
#include "lib/format/parquet/footer.h"
#include "lib/format/parquet/stage.h"

/* What the columns of a file share. */
struct column_shop {
	struct page_press press;
	struct held_pool pool;
	size_t page_bytes;       /* of values: a page ends behind the batch that brings it there */
	int32_t page_rows;       /* the same */
	size_t dictionary_bytes; /* of a full one */
	bool has_dictionaries;
	bool has_statistics;
	bool has_lists; /* arrays are lists where they can be */
	struct err err; /* of the first failure; then columns take nothing more */
	/* Scratch. */
	struct stage used; /* the values of a dictionary that a page uses */
	struct buf marks;
};

struct column_writer {
	struct column_shop *shop; /* borrowed */
	struct leaf leaf;
	struct stage stage;
	struct dictionary dictionary;
	struct buf indices;     /* of the staged rows, uint32 each */
	size_t staged_bytes;    /* of what they stand for */
	bool uses_dictionary;   /* for the rows to come */
	unsigned rests;         /* row groups that try none, since it did not pay */
	struct bloom bloom;     /* blocks 0: none */
	struct buf bloom_bytes; /* of a finished chunk */
	struct held pages, dictionary_page;
	struct page_index index;
	struct chunk chunk; /* as far as it is known */
};

/* bloom_values: values of a row group at most, where there is to be a bloom filter; else 0. */
void column_writer_open(struct column_writer *c, struct column_shop *shop, const struct field *f,
	int64_t bloom_values);

/* Rows from..to of a batch's column. */
void column_writer_append(
	struct column_writer *c, const struct column *from_batch, int32_t from, int32_t to);

/* Bytes held and staged. */
size_t column_writer_bytes(const struct column_writer *c);

/* Ends the row group for this column: what is staged becomes a page, and the chunk is known but for its offsets. */
void column_writer_finish(struct column_writer *c);

/* Writes the chunk's pages. */
void column_writer_write(struct column_writer *c, struct sink *to);

/* Begins the next chunk. */
void column_writer_next(struct column_writer *c);

void column_writer_free(struct column_writer *c);

#endif
