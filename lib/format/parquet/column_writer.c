#include "lib/format/parquet/column_writer.h"

#include "lib/format/parquet/bits.h"
#include "lib/format/parquet/delta.h"
#include "lib/format/parquet/list.h"
#include "lib/format/parquet/plain.h"
#include "lib/format/parquet/rle.h"

enum {
	DICTIONARY_MOST = 64 * 1024, /* values; then indices take 16 bits */
	LONG_VALUE = 256,            /* bytes on average: seldom comes twice */
	FIRST_VALUES = 1024,         /* how many tell that nearly all differ */
	RESTS = 7                    /* every eighth row group tries again */
};

static void begin_chunk(struct column_writer *c)
{
	c->chunk = (struct chunk){ .leaf = &c->leaf, .codec = c->shop->press.codec.kind };
	page_index_reset(&c->index);
	dictionary_reset(&c->dictionary);
	c->uses_dictionary = c->shop->has_dictionaries && !c->rests && c->leaf.type != LEAF_BOOLEAN;
	if (c->rests)
		c->rests--;
}

void column_writer_open(struct column_writer *c, struct column_shop *shop, const struct field *f,
	int64_t bloom_values)
{
	*c = (struct column_writer){ .shop = shop };
	leaf_init(&c->leaf, f, shop->has_lists);
	if (bloom_values && c->leaf.type != LEAF_BOOLEAN)
		bloom_open(&c->bloom, bloom_values);
	begin_chunk(c);
}

static size_t indices_n(const struct column_writer *c)
{
	return c->indices.len / sizeof(uint32_t);
}

static const uint32_t *indices(const struct column_writer *c)
{
	return (const uint32_t *)(const void *)c->indices.data;
}

/* A reader is not to meet indices of no bits. */
static unsigned index_width(const struct column_writer *c)
{
	return c->dictionary.n > 1 ? bits_width(c->dictionary.n - 1) : 1;
}

/* ---- a page's values, from the press's view */

static void bounds_of(struct bounds *b, const struct column_writer *c, const struct stage *s)
{
	size_t n = (size_t)s->values_n;

	if (!c->shop->has_statistics)
		*b = (struct bounds){ 0 };
	else if (c->leaf.is_bytes)
		bounds_of_bytes(b, &c->leaf, stage_bytes(s), stage_lengths(s), n);
	else
		bounds_of_numbers(b, &c->leaf, stage_numbers(s), n);
}

/* The values of the dictionary that the staged rows use, each once. */
static const struct stage *used_values(struct column_writer *c)
{
	struct column_shop *shop = c->shop;
	uint32_t n = c->dictionary.n;

	shop->marks.len = 0;
	char *marks = buf_reserve(&shop->marks, n * (1 + sizeof(uint32_t)) + sizeof(uint32_t));
	uint32_t *used = (uint32_t *)(void *)marks, used_n = 0;

	marks += n * sizeof *used;
	memset(marks, 0, n);
	for (size_t i = 0; i < indices_n(c); i++)
		marks[indices(c)[i]] = 1;
	for (uint32_t i = 0; i < n; i++) {
		used[used_n] = i;
		used_n += (uint32_t)marks[i];
	}
	stage_reset(&shop->used);
	dictionary_restore(&c->dictionary, &c->leaf, used, used_n, &shop->used);
	return &shop->used;
}

static enum encoding put_indices(struct column_writer *c, struct bounds *b)
{
	struct buf *to = &c->shop->press.values;

	if (c->shop->has_statistics)
		bounds_of(b, c, used_values(c));
	buf_putc(to, (char)index_width(c));
	rle_put(to, indices(c), indices_n(c), index_width(c));
	c->indices.len = 0;
	c->staged_bytes = 0;
	return ENCODING_RLE_DICTIONARY;
}

static enum encoding put_numbers(struct column_writer *c)
{
	const struct stage *s = &c->stage;
	struct buf *to = &c->shop->press.values;
	size_t n = (size_t)s->values_n, plain = n * leaf_width(&c->leaf);

	if (c->leaf.type == LEAF_INT32)
		delta_put_32(to, stage_numbers(s), n);
	else if (c->leaf.type == LEAF_INT64)
		delta_put_64(to, stage_numbers(s), n);
	if (to->len && to->len < plain)
		return ENCODING_DELTA_BINARY_PACKED;
	to->len = 0;
	plain_put_numbers(to, c->leaf.type, stage_numbers(s), n);
	return ENCODING_PLAIN;
}

static enum encoding put_bytes(struct column_writer *c)
{
	const struct stage *s = &c->stage;
	struct buf *to = &c->shop->press.values;
	size_t n = (size_t)s->values_n;

	if (c->leaf.type == LEAF_FIXED) {
		buf_put(to, s->values.data, s->values.len);
		return ENCODING_PLAIN;
	}
	delta_put_lengths(to, stage_lengths(s), n);
	if (to->len < n * sizeof(uint32_t)) {
		buf_put(to, s->values.data, s->values.len);
		return ENCODING_DELTA_LENGTH_BYTE_ARRAY;
	}
	to->len = 0;
	plain_put_bytes(to, stage_bytes(s), stage_lengths(s), n);
	return ENCODING_PLAIN;
}

static void put_bloom(struct column_writer *c, const struct stage *s)
{
	size_t n = (size_t)s->values_n;

	if (!c->bloom.blocks)
		return;
	if (c->leaf.is_bytes)
		bloom_add_bytes(&c->bloom, stage_bytes(s), stage_lengths(s), n);
	else
		bloom_add_numbers(&c->bloom, &c->leaf, stage_numbers(s), n);
}

static enum encoding put_values(struct column_writer *c, struct bounds *b)
{
	if (c->indices.len)
		return put_indices(c, b);
	bounds_of(b, c, &c->stage);
	put_bloom(c, &c->stage);
	return c->leaf.is_bytes ? put_bytes(c) : put_numbers(c);
}

/* ---- pages */

/* Returns the bytes of those that are repetition levels. */
static size_t put_levels(const struct column_writer *c)
{
	const struct stage *s = &c->stage;
	struct buf *to = &c->shop->press.levels;

	if (c->leaf.is_list) {
		enum { BITS = 2 };
		size_t n = (size_t)stage_items(s, &c->leaf);

		rle_put(to, (const uint32_t *)(const void *)s->repetitions.data, n, 1);
		size_t repetition = to->len;

		rle_put(to, (const uint32_t *)(const void *)s->definitions.data, n, BITS);
		return repetition;
	}
	if (c->leaf.is_optional && s->nulls_n)
		rle_put_bitmap(to, (const uint8_t *)s->validity.data, (size_t)s->rows);
	else if (c->leaf.is_optional)
		rle_put_same(to, 1, (size_t)s->rows, 1);
	return 0;
}

static void note_page(struct column_writer *c, const struct page *p, const struct page_size *size,
	const struct bounds *b)
{
	struct chunk *k = &c->chunk;

	k->packed += (int64_t)size->packed;
	k->unpacked += (int64_t)size->unpacked;
	k->values_n += p->values_n;
	k->nulls_n += p->nulls_n;
	k->pages_n[p->encoding]++;
	if (b->has)
		bounds_merge(&k->bounds, &c->leaf, b);
	page_index_add(&c->index, &c->leaf, size->packed, p->rows_n, p->values_n, p->nulls_n, b);
}

static void end_page(struct column_writer *c)
{
	struct column_shop *shop = c->shop;
	struct bounds bounds = { 0 };
	struct page_size size;

	if (!c->stage.rows || shop->err.code)
		return;
	size_t repetition = put_levels(c);
	struct page page = { false, put_values(c, &bounds), stage_items(&c->stage, &c->leaf),
		c->stage.nulls_n, c->stage.rows, repetition };

	if (page_put(&shop->press, &page, &c->pages, &shop->pool, &size, &shop->err) == 0)
		note_page(c, &page, &size, &bounds);
	stage_reset(&c->stage);
}

/* ---- whether the dictionary pays */

/* Bytes of the staged values without it, cheaply told. */
static size_t bytes_without(const struct column_writer *c)
{
	size_t n = indices_n(c);
	int64_t least = INT64_MAX, greatest = INT64_MIN;

	if (c->leaf.is_bytes || c->leaf.order == LEAF_FLOATING)
		return c->staged_bytes;
	for (uint32_t i = 0; i < c->dictionary.n; i++) {
		int64_t v = dictionary_numbers(&c->dictionary)[i];

		least = v < least ? v : least;
		greatest = v > greatest ? v : greatest;
	}
	/* A difference takes a bit more than the values do. */
	return n * (bits_width((uint64_t)greatest - (uint64_t)least) + 1) / 8;
}

static size_t bytes_with(const struct column_writer *c)
{
	return dictionary_size(&c->dictionary, &c->leaf) + indices_n(c) * index_width(c) / 8;
}

static bool is_full(const struct column_writer *c)
{
	return c->dictionary.n > DICTIONARY_MOST ||
	       dictionary_size(&c->dictionary, &c->leaf) > c->shop->dictionary_bytes;
}

/* Before the first page: back to the values. */
static void give_up_dictionary(struct column_writer *c)
{
	stage_drop_values(&c->stage);
	dictionary_restore(&c->dictionary, &c->leaf, indices(c), indices_n(c), &c->stage);
	c->indices.len = 0;
	c->staged_bytes = 0;
	c->uses_dictionary = false;
	c->rests = RESTS;
	dictionary_reset(&c->dictionary);
}

static bool is_page_full(const struct column_writer *c)
{
	size_t bytes = c->uses_dictionary ? c->indices.len : c->stage.values.len;

	return c->stage.rows >= c->shop->page_rows || bytes >= c->shop->page_bytes;
}

static bool has_pages(const struct column_writer *c)
{
	return c->chunk.pages_n[ENCODING_RLE_DICTIONARY] > 0;
}

static void weigh_dictionary(struct column_writer *c)
{
	size_t n = indices_n(c);
	bool differ = n >= FIRST_VALUES && c->dictionary.n > n - n / 16;

	if (!has_pages(c)) {
		if (differ || is_full(c) || (is_page_full(c) && bytes_with(c) > bytes_without(c)))
			give_up_dictionary(c);
	} else if (is_full(c)) {
		end_page(c);
		c->uses_dictionary = false;
	}
}

static void take_to_dictionary(struct column_writer *c)
{
	struct stage *s = &c->stage;
	bool is_long = s->values.len > (size_t)s->values_n * LONG_VALUE;

	if (c->leaf.is_bytes && is_long && !c->dictionary.n) {
		c->uses_dictionary = false;
		c->rests = RESTS;
		return;
	}
	c->staged_bytes += s->values.len;
	dictionary_add(&c->dictionary, &c->leaf, s, &c->indices);
	stage_drop_values(s);
	weigh_dictionary(c);
}

void column_writer_append(
	struct column_writer *c, const struct column *from_batch, int32_t from, int32_t to)
{
	struct column_shop *shop = c->shop;

	if (shop->err.code)
		return;
	if (c->leaf.is_list) {
		if (list_append(&c->stage, &c->leaf, from_batch, from, to, &shop->err) < 0)
			return;
	} else if (!stage_append(&c->stage, &c->leaf, from_batch, from, to)) {
		err_set(&shop->err, ERR_DATABASE, "column %.63s is NOT NULL, and has one",
			c->leaf.field->name);
		return;
	}
	if (c->uses_dictionary)
		take_to_dictionary(c);
	if (is_page_full(c))
		end_page(c);
}

/* ---- the chunk */

size_t column_writer_bytes(const struct column_writer *c)
{
	return c->pages.len + c->stage.values.len + c->dictionary.values.len;
}

static void finish_dictionary(struct column_writer *c)
{
	struct column_shop *shop = c->shop;
	struct page page = { .is_dictionary = true, .values_n = (int32_t)c->dictionary.n };
	struct page_size size;

	dictionary_put(&c->dictionary, &c->leaf, &shop->press.values);
	if (page_put(&shop->press, &page, &c->dictionary_page, &shop->pool, &size, &shop->err) < 0)
		return;
	c->chunk.dictionary = (int64_t)size.packed;
	c->chunk.packed += (int64_t)size.packed;
	c->chunk.unpacked += (int64_t)size.unpacked;
	if (c->bloom.blocks) {
		uint32_t n = c->dictionary.n;

		stage_reset(&shop->used);
		for (uint32_t i = 0; i < n; i++)
			dictionary_restore(&c->dictionary, &c->leaf, &i, 1, &shop->used);
		put_bloom(c, &shop->used);
	}
}

void column_writer_finish(struct column_writer *c)
{
	if (c->uses_dictionary && !has_pages(c) && indices_n(c) && bytes_with(c) > bytes_without(c))
		give_up_dictionary(c);
	end_page(c);
	if (c->shop->err.code)
		return;
	if (has_pages(c))
		finish_dictionary(c);
	if (c->index.is_unbounded || !c->shop->has_statistics)
		c->chunk.bounds.has = false;
	c->bloom_bytes.len = 0;
	if (c->bloom.blocks)
		bloom_put(&c->bloom, &c->bloom_bytes);
	c->chunk.pages = &c->index;
}

void column_writer_write(struct column_writer *c, struct sink *to)
{
	held_write(&c->dictionary_page, &c->shop->pool, to);
	held_write(&c->pages, &c->shop->pool, to);
}

void column_writer_next(struct column_writer *c)
{
	begin_chunk(c);
}

void column_writer_free(struct column_writer *c)
{
	stage_free(&c->stage);
	dictionary_free(&c->dictionary);
	bloom_close(&c->bloom);
	buf_free(&c->indices);
	buf_free(&c->bloom_bytes);
	held_free(&c->pages);
	held_free(&c->dictionary_page);
	page_index_free(&c->index);
}
