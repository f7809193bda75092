#include "lib/format/parquet/footer.h"

#include "config.h"

#include <endian.h>

enum { FORMAT_VERSION = 2, PAGE_TYPE_DATA = 0, PAGE_TYPE_DICTIONARY = 2 };

#define CREATED_BY      "sluice version " PACKAGE_VERSION
#define KEY_FINGERPRINT "sluice.schema.fingerprint"

/* ---- a chunk */

static void put_encodings(const struct chunk *c, struct thrift *t)
{
	bool has[ENCODINGS_N] = {
		[ENCODING_RLE] = leaf_definition(c->leaf) > 0, [ENCODING_PLAIN] = c->dictionary > 0
	};
	size_t n = 0;

	for (int i = 0; i < ENCODINGS_N; i++) {
		has[i] |= c->pages_n[i] > 0;
		n += has[i];
	}
	thrift_list(t, 2, THRIFT_I32, n);
	for (int i = 0; i < ENCODINGS_N; i++)
		if (has[i])
			thrift_item_int(t, i);
}

static void put_encoding_stat(int type, int encoding, int32_t n, struct thrift *t)
{
	thrift_begin(t);
	thrift_i32(t, 1, type);
	thrift_i32(t, 2, encoding);
	thrift_i32(t, 3, n);
	thrift_end(t);
}

static void put_encoding_stats(const struct chunk *c, struct thrift *t)
{
	size_t n = c->dictionary > 0;

	for (int i = 0; i < ENCODINGS_N; i++)
		n += c->pages_n[i] > 0;
	thrift_list(t, 13, THRIFT_STRUCT, n);
	if (c->dictionary)
		put_encoding_stat(PAGE_TYPE_DICTIONARY, ENCODING_PLAIN, 1, t);
	for (int i = 0; i < ENCODINGS_N; i++)
		if (c->pages_n[i])
			put_encoding_stat(PAGE_TYPE_DATA, i, c->pages_n[i], t);
}

/* A ColumnMetaData. */
static void put_meta(const struct chunk *c, struct buf *out)
{
	struct thrift t = { .out = out };
	const char *name = c->leaf->field->name;

	thrift_begin(&t);
	thrift_i32(&t, 1, c->leaf->type);
	put_encodings(c, &t);
	thrift_list(&t, 3, THRIFT_BINARY, leaf_elements(c->leaf));
	thrift_item_binary(&t, name, strlen(name));
	if (c->leaf->is_list) {
		thrift_item_binary(&t, LEAF_LIST, strlen(LEAF_LIST));
		thrift_item_binary(&t, LEAF_ELEMENT, strlen(LEAF_ELEMENT));
	}
	thrift_i32(&t, 4, codec_thrift(c->codec));
	thrift_i64(&t, 5, c->values_n);
	thrift_i64(&t, 6, c->unpacked);
	thrift_i64(&t, 7, c->packed);
	thrift_i64(&t, 9, c->offset + c->dictionary);
	if (c->dictionary)
		thrift_i64(&t, 11, c->offset);
	bounds_put(&c->bounds, c->nulls_n, &t, 12);
	put_encoding_stats(c, &t);
	if (c->bloom_len) {
		thrift_i64(&t, 14, c->bloom_offset);
		thrift_i32(&t, 15, c->bloom_len);
	}
	thrift_end(&t);
}

void footer_add_chunk(struct footer *f, const struct chunk *c)
{
	size_t meta = f->metas.len, column = f->column_indexes.len, offset = f->offset_indexes.len;

	put_meta(c, &f->metas);
	page_index_put_column(c->pages, &f->column_indexes);
	page_index_put_offset(c->pages, c->offset + c->dictionary, &f->offset_indexes);
	struct footer_part part = { f->metas.len - meta, f->column_indexes.len - column,
		f->offset_indexes.len - offset };

	buf_put(&f->parts, &part, sizeof part);
}

void footer_add_group(struct footer *f, const struct footer_group *group)
{
	buf_put(&f->groups, group, sizeof *group);
}

/* ---- the file */

/* Where the next chunk's parts stand. */
struct cursor {
	const struct footer_part *part;
	const char *meta;
	int64_t column_index, offset_index; /* in the file */
};

static void put_chunk(struct cursor *at, struct thrift *t)
{
	const struct footer_part *part = at->part++;

	thrift_begin(t);
	thrift_i64(t, 2, 0); /* file_offset: nothing of the chunk stands behind its pages */
	thrift_raw(t, 3, at->meta, part->meta);
	thrift_i64(t, 4, at->offset_index);
	thrift_i32(t, 5, (int32_t)part->offset_index);
	if (part->column_index) {
		thrift_i64(t, 6, at->column_index);
		thrift_i32(t, 7, (int32_t)part->column_index);
	}
	thrift_end(t);
	at->meta += part->meta;
	at->offset_index += (int64_t)part->offset_index;
	at->column_index += (int64_t)part->column_index;
}

static void put_sorting(const struct footer_file *file, struct thrift *t)
{
	if (!file->ordered)
		return;
	thrift_list(t, 4, THRIFT_STRUCT, 1);
	thrift_begin(t);
	thrift_i32(t, 1, (int32_t)(file->ordered - file->leaves));
	thrift_bool(t, 2, false); /* descending */
	thrift_bool(t, 3, false); /* NULL first */
	thrift_end(t);
}

static void put_groups(const struct footer *f, const struct footer_file *file, struct thrift *t)
{
	size_t n = f->groups.len / sizeof(struct footer_group);
	const struct footer_group *group = (const void *)f->groups.data;
	int64_t indexes = file->offset;
	struct cursor at = { (const void *)f->parts.data, f->metas.data, indexes,
		indexes + (int64_t)f->column_indexes.len };

	thrift_list(t, 4, THRIFT_STRUCT, n);
	for (size_t i = 0; i < n; i++, group++) {
		thrift_begin(t);
		thrift_list(t, 1, THRIFT_STRUCT, file->leaves_n);
		for (size_t c = 0; c < file->leaves_n; c++)
			put_chunk(&at, t);
		thrift_i64(t, 2, group->unpacked);
		thrift_i64(t, 3, group->rows_n);
		put_sorting(file, t);
		thrift_i64(t, 5, group->offset);
		thrift_i64(t, 6, group->packed);
		if (i <= INT16_MAX)
			thrift_i16(t, 7, (int16_t)i);
		thrift_end(t);
	}
}

static void put_schema(const struct footer_file *file, struct thrift *t)
{
	size_t n = 1;

	for (size_t i = 0; i < file->leaves_n; i++)
		n += leaf_elements(&file->leaves[i]);
	thrift_list(t, 2, THRIFT_STRUCT, n);
	thrift_begin(t);
	thrift_string(t, 4, "schema");
	thrift_i32(t, 5, (int32_t)file->leaves_n);
	thrift_end(t);
	for (size_t i = 0; i < file->leaves_n; i++)
		leaf_put_schema(&file->leaves[i], t);
}

static void put_metadata(const struct footer_file *file, struct thrift *t)
{
	thrift_list(t, 5, THRIFT_STRUCT, file->fingerprint ? 1 : 0);
	if (file->fingerprint) {
		thrift_begin(t);
		thrift_string(t, 1, KEY_FINGERPRINT);
		thrift_string(t, 2, file->fingerprint);
		thrift_end(t);
	}
	thrift_string(t, 6, CREATED_BY);
	thrift_list(t, 7, THRIFT_STRUCT, file->leaves_n);
	for (size_t i = 0; i < file->leaves_n; i++) {
		thrift_begin(t);
		thrift_empty(t, 1); /* TYPE_ORDER */
		thrift_end(t);
	}
}

static int64_t rows_of(const struct footer *f)
{
	const struct footer_group *group = (const void *)f->groups.data;
	int64_t rows = 0;

	for (size_t i = 0; i < f->groups.len / sizeof *group; i++)
		rows += group[i].rows_n;
	return rows;
}

int footer_write(struct footer *f, const struct footer_file *file, struct sink *to, struct err *e)
{
	struct buf b = { 0 };
	struct thrift t = { .out = &b };
	uint32_t len;

	thrift_begin(&t);
	thrift_i32(&t, 1, FORMAT_VERSION);
	put_schema(file, &t);
	thrift_i64(&t, 3, rows_of(f));
	put_groups(f, file, &t);
	put_metadata(file, &t);
	thrift_end(&t);
	if (b.len > INT32_MAX) {
		buf_free(&b);
		return err_set(e, ERR_UNPROCESSABLE, "there are too many row groups for Parquet");
	}
	sink_put(to, f->column_indexes.data, f->column_indexes.len);
	sink_put(to, f->offset_indexes.data, f->offset_indexes.len);
	sink_put(to, b.data, b.len);
	len = htole32((uint32_t)b.len);
	sink_put(to, &len, sizeof len);
	sink_put(to, PARQUET_MAGIC, PARQUET_MAGIC_LEN);
	buf_free(&b);
	return 0;
}

void footer_free(struct footer *f)
{
	buf_free(&f->metas);
	buf_free(&f->column_indexes);
	buf_free(&f->offset_indexes);
	buf_free(&f->parts);
	buf_free(&f->groups);
}
