#include "lib/format/parquet/column_writer.h"

#include "lib/format/parquet/plain.h"
#include "lib/format/parquet/rle.h"

static void begin_chunk(struct column_writer *c)
{
	c->chunk = (struct chunk){ .leaf = &c->leaf, .codec = c->shop->press.codec.kind };
	page_index_reset(&c->index);
}

void column_writer_open(struct column_writer *c, struct column_shop *shop, const struct field *f)
{
	*c = (struct column_writer){ .shop = shop };
	leaf_init(&c->leaf, f);
	begin_chunk(c);
}

/* ---- pages */

static void put_levels(const struct column_writer *c)
{
	const struct stage *s = &c->stage;
	struct buf *to = &c->shop->press.levels;

	if (!c->leaf.is_optional)
		return;
	if (s->nulls_n)
		rle_put_bitmap(to, (const uint8_t *)s->validity.data, (size_t)s->rows);
	else
		rle_put_same(to, 1, (size_t)s->rows, 1);
}

static enum encoding put_values(struct column_writer *c, struct bounds *b)
{
	const struct stage *s = &c->stage;
	const struct leaf *l = &c->leaf;
	struct buf *to = &c->shop->press.values;
	size_t n = (size_t)s->values_n;

	if (!l->is_bytes) {
		bounds_of_numbers(b, l, stage_numbers(s), n);
		plain_put_numbers(to, l->type, stage_numbers(s), n);
	} else {
		const uint8_t *bytes = (const uint8_t *)s->values.data;

		bounds_of_bytes(b, l, bytes, stage_lengths(s), n);
		if (l->type == LEAF_FIXED)
			buf_put(to, bytes, s->values.len);
		else
			plain_put_bytes(to, bytes, stage_lengths(s), n);
	}
	return ENCODING_PLAIN;
}

static void note_page(
	struct column_writer *c, const struct page *p, struct page_size *size, struct bounds *b)
{
	struct chunk *k = &c->chunk;

	k->packed += (int64_t)size->packed;
	k->unpacked += (int64_t)size->unpacked;
	k->values_n += p->values_n;
	k->nulls_n += p->nulls_n;
	k->pages_n[p->encoding]++;
	if (b->has)
		bounds_merge(&k->bounds, &c->leaf, b);
	page_index_add(&c->index, &c->leaf, size->packed, p->values_n, p->nulls_n, b);
}

static void end_page(struct column_writer *c)
{
	struct column_shop *shop = c->shop;
	struct bounds bounds = { 0 };
	struct page_size size;

	if (!c->stage.rows || shop->err.code)
		return;
	put_levels(c);
	struct page page = { false, put_values(c, &bounds), c->stage.rows, c->stage.nulls_n };

	if (page_put(&shop->press, &page, &c->pages, &shop->pool, &size, &shop->err) == 0)
		note_page(c, &page, &size, &bounds);
	stage_reset(&c->stage);
}

void column_writer_append(
	struct column_writer *c, const struct column *from_batch, int32_t from, int32_t to)
{
	struct column_shop *shop = c->shop;

	if (shop->err.code)
		return;
	if (!stage_append(&c->stage, &c->leaf, from_batch, from, to)) {
		err_set(&shop->err, ERR_DATABASE, "a column that holds no NULL has one");
		return;
	}
	if (c->stage.rows >= shop->page_rows || c->stage.values.len >= shop->page_bytes)
		end_page(c);
}

/* ---- the chunk */

size_t column_writer_bytes(const struct column_writer *c)
{
	return c->pages.len + c->stage.values.len;
}

void column_writer_finish(struct column_writer *c)
{
	end_page(c);
	if (c->index.is_unbounded || !c->shop->has_statistics)
		c->chunk.bounds.has = false;
	c->chunk.pages = &c->index;
}

void column_writer_write(struct column_writer *c, struct sink *to)
{
	held_write(&c->dictionary_page, &c->shop->pool, to);
	held_write(&c->pages, &c->shop->pool, to);
	begin_chunk(c);
}

void column_writer_free(struct column_writer *c)
{
	stage_free(&c->stage);
	held_free(&c->pages);
	held_free(&c->dictionary_page);
	page_index_free(&c->index);
}
