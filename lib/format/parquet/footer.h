/*
 * Footer: what a file ends with: the page indexes, the FileMetaData, its length and the magic
 * (https://github.com/apache/parquet-format, "File format"; parquet.thrift).
 *
 * Of a row group that is written nothing else is kept than its metadata, as Thrift.
 */
#ifndef SLUICE_FORMAT_PARQUET_FOOTER_H
#define SLUICE_FORMAT_PARQUET_FOOTER_H

#include "lib/format/parquet/page.h"
#include "lib/format/parquet/page_index.h"

#define PARQUET_MAGIC "PAR1"
enum { PARQUET_MAGIC_LEN = 4 };

/* A column's part of a row group, as it stands in the file. */
struct chunk {
	const struct leaf *leaf;
	const struct page_index *pages;
	enum codec_kind codec;
	int64_t offset;               /* in the file: of its first page */
	int64_t packed, unpacked;     /* bytes of its pages with their headers */
	int64_t dictionary;           /* of them those of the dictionary's page; 0: none */
	int64_t values_n, nulls_n;    /* values with the NULLs */
	int32_t pages_n[ENCODINGS_N]; /* data pages of each encoding */
	struct bounds bounds;
	int64_t bloom_offset;
	int32_t bloom_len; /* 0: no bloom filter */
};

struct footer_part {
	size_t meta, column_index, offset_index; /* bytes in the buffers */
};

struct footer_group {
	int64_t rows_n, offset;
	int64_t packed, unpacked; /* bytes of its chunks */
};

/* {0} is empty. */
struct footer {
	struct buf metas, column_indexes, offset_indexes; /* of every chunk */
	struct buf parts;                                 /* struct footer_part each */
	struct buf groups;                                /* struct footer_group each */
};

/* The columns of a row group in their order, then the group. */
void footer_add_chunk(struct footer *f, const struct chunk *c);
void footer_add_group(struct footer *f, const struct footer_group *group);

struct footer_file {
	const struct leaf *leaves;
	size_t leaves_n;
	const struct leaf *ordered; /* the rows ascend by it; or NULL */
	int64_t offset;             /* where the footer begins */
	const char *fingerprint;
};

/* Writes all of it; the file is whole then. ERR_UNPROCESSABLE when it is longer than Parquet can tell, and nothing is
 * written. */
int footer_write(struct footer *f, const struct footer_file *file, struct sink *to, struct err *e)
	__attribute__((warn_unused_result));

void footer_free(struct footer *f);

#endif
