/*
 * Parquet (https://parquet.apache.org/docs/file-format), for sinks that cannot seek: nothing is written twice.
 *
 *	PAR1, row groups, page indexes, footer, PAR1
 *
 * A batch goes column by column to its column writers (column_writer.h); a row group is written when it has row_group_rows rows, or
 * row_group_bytes are held. Footer and the second PAR1 come from end() alone: what breaks off is no file to any reader.
 */
#include <stdlib.h>

#include "lib/format/formats.h"
#include "lib/format/name_list.h"
#include "lib/format/parquet/column_writer.h"
#include "lib/rows/fingerprint.h"

/* A page is about 1 MiB or 20,000 rows; all columns together stage no more than STAGE_BYTES, so that a table of 1,600 is
 * written in the memory of others. */
enum {
	PAGE_BYTES = 1024 * 1024,
	PAGE_BYTES_LEAST = 2 * 1024,
	PAGE_ROWS = 20000,
	STAGE_BYTES = 4 * 1024 * 1024,
	DICTIONARY_BYTES = 1024 * 1024,
	DICTIONARY_BYTES_LEAST = 1024,
	DICTIONARIES_BYTES = 4 * 1024 * 1024, /* of all columns */
	BLOCK_BYTES = 64 * 1024,
	BLOCK_BYTES_LEAST = 2 * 1024,
	BLOCKS_BYTES = 4 * 1024 * 1024, /* what may be held unused, at the end of every column */
	COLUMN_BYTES = 10 * 1024        /* what a column takes beside, where there are many */
};

struct parquet {
	struct format base;
	struct format_options options;
	const struct schema *schema;
	struct column_shop shop;
	struct column_writer *columns;
	struct footer footer;
	int64_t at;        /* bytes put */
	int64_t rows;      /* of the row group */
	int64_t held_most; /* bytes that end it */
};

static size_t share(size_t all, size_t n, size_t least, size_t most)
{
	size_t each = n ? all / n : most;

	return each < least ? least : each > most ? most : each;
}

static void fail_sink(struct parquet *q)
{
	if (q->shop.err.code && !sink_failed(q->base.out, NULL))
		sink_fail(q->base.out, &q->shop.err);
}

static bool is_listed(const char *list, const char *name)
{
	struct buf one = { 0 };
	bool found = false;

	while (list && !found && name_list_next(&list, &one) > 0)
		found = strcmp(one.data, name) == 0;
	buf_free(&one);
	return found;
}

static void open_columns(struct parquet *q)
{
	const struct format_options *o = &q->options;

	q->columns = mem_zero(q->schema->n, sizeof *q->columns);
	for (size_t i = 0; i < q->schema->n; i++) {
		const struct field *field = &q->schema->fields[i];

		column_writer_open(&q->columns[i], &q->shop, field,
			is_listed(o->bloom, field->name) ? o->row_group_rows : 0);
	}
}

/* Of very many columns what each takes beside counts too, but never leaves less than half. */
static int64_t held_most(const struct parquet *q)
{
	int64_t all = q->options.row_group_bytes, beside = (int64_t)q->schema->n * COLUMN_BYTES;

	return beside < all / 2 ? all - beside : all / 2;
}

static void begin(struct format *f, const struct schema *schema)
{
	struct parquet *q = (struct parquet *)f;
	const struct format_options *o = &q->options;
	struct column_shop *shop = &q->shop;
	size_t n = schema->n;

	q->schema = schema;
	shop->pool.block = share(BLOCKS_BYTES, n, BLOCK_BYTES_LEAST, BLOCK_BYTES);
	shop->page_bytes = share(STAGE_BYTES, n, PAGE_BYTES_LEAST, PAGE_BYTES);
	shop->page_rows = PAGE_ROWS;
	shop->dictionary_bytes =
		share(DICTIONARIES_BYTES, n, DICTIONARY_BYTES_LEAST, DICTIONARY_BYTES);
	shop->has_dictionaries = o->dictionary;
	shop->has_statistics = o->statistics;
	shop->has_lists = o->lists == LISTS_LIST;
	shop->press.is_v2 = o->page_version == PAGE_VERSION_2;
	(void)!codec_open(&shop->press.codec, o->codec, (int)o->level, &shop->err);
	open_columns(q);
	q->held_most = held_most(q);
	sink_put(f->out, PARQUET_MAGIC, PARQUET_MAGIC_LEN);
	q->at = PARQUET_MAGIC_LEN;
}

/* The bloom filters stand behind the chunks of their row group. */
static void put_blooms(struct parquet *q)
{
	for (size_t i = 0; i < q->schema->n; i++) {
		const struct buf *bloom = &q->columns[i].bloom_bytes;

		sink_put(q->base.out, bloom->data, bloom->len);
		q->at += (int64_t)bloom->len;
	}
}

/* Where everything of the row group will stand. Returns the bytes of its chunks. */
static int64_t place_chunks(struct parquet *q)
{
	int64_t at = q->at, end;

	for (size_t i = 0; i < q->schema->n; i++) {
		q->columns[i].chunk.offset = at;
		at += q->columns[i].chunk.packed;
	}
	end = at;
	for (size_t i = 0; i < q->schema->n; i++) {
		struct column_writer *c = &q->columns[i];

		c->chunk.bloom_offset = at;
		c->chunk.bloom_len = (int32_t)c->bloom_bytes.len;
		at += c->chunk.bloom_len;
	}
	return end - q->at;
}

static void write_group(struct parquet *q)
{
	struct footer_group group = { .rows_n = q->rows, .offset = q->at };

	for (size_t i = 0; i < q->schema->n; i++)
		column_writer_finish(&q->columns[i]);
	if (q->shop.err.code)
		return;
	group.packed = place_chunks(q);
	for (size_t i = 0; i < q->schema->n; i++) {
		struct column_writer *c = &q->columns[i];

		group.unpacked += c->chunk.unpacked;
		footer_add_chunk(&q->footer, &c->chunk);
		column_writer_write(c, q->base.out);
		column_writer_next(c);
	}
	q->at += group.packed;
	put_blooms(q);
	footer_add_group(&q->footer, &group);
	q->rows = 0;
}

static int64_t held_bytes(const struct parquet *q)
{
	int64_t bytes = 0;

	for (size_t i = 0; i < q->schema->n; i++)
		bytes += (int64_t)column_writer_bytes(&q->columns[i]);
	return bytes;
}

static void put_batch(struct format *f, const struct batch *b)
{
	struct parquet *q = (struct parquet *)f;

	for (int32_t from = 0, to; from < b->rows && !q->shop.err.code; from = to) {
		int64_t left = q->options.row_group_rows - q->rows;

		to = left < b->rows - from ? from + (int32_t)left : b->rows;
		for (size_t i = 0; i < b->columns_n; i++)
			column_writer_append(&q->columns[i], &b->columns[i], from, to);
		q->rows += to - from;
		if (q->rows >= q->options.row_group_rows || held_bytes(q) >= q->held_most)
			write_group(q);
	}
	fail_sink(q);
}

static void end(struct format *f)
{
	struct parquet *q = (struct parquet *)f;
	struct leaf *leaves = mem_alloc(q->schema->n, sizeof *leaves);
	char text[FINGERPRINT_TEXT];

	if (q->rows)
		write_group(q);
	struct footer_file file = { leaves, q->schema->n, NULL, q->at, text };

	for (size_t i = 0; i < q->schema->n; i++) {
		leaves[i] = q->columns[i].leaf;
		/* Text has another order in the database, and NaN has none here. */
		if (leaves[i].field->is_ordered && leaves[i].order == LEAF_SIGNED && !file.ordered)
			file.ordered = &leaves[i];
	}

	if (!q->shop.err.code && fingerprint(q->schema, text, &q->shop.err) == 0)
		(void)!footer_write(&q->footer, &file, f->out, &q->shop.err);
	fail_sink(q);
	free(leaves);
}

static void free_parquet(struct format *f)
{
	struct parquet *q = (struct parquet *)f;

	for (size_t i = 0; q->columns && i < q->schema->n; i++)
		column_writer_free(&q->columns[i]);
	free(q->columns);
	page_press_free(&q->shop.press);
	stage_free(&q->shop.used);
	buf_free(&q->shop.marks);
	held_pool_free(&q->shop.pool);
	footer_free(&q->footer);
	free(q);
}

struct format *parquet_new(struct sink *out, const struct format_options *options)
{
	static const struct format_ops ops = { begin, put_batch, end, free_parquet };
	struct parquet *q = mem_zero(1, sizeof *q);

	q->base = (struct format){ &ops, out };
	if (options)
		q->options = *options;
	else
		format_options_init(&q->options, DIALECT_RFC4180);
	return &q->base;
}

struct format_written parquet_written(
	const struct field *field, const struct format_options *options)
{
	return leaf_written(field, options && options->lists == LISTS_LIST);
}
