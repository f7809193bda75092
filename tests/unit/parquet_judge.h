/*
 * A reader of Parquet for tests: a whole file becomes its metadata as a tree and its values, each in plain encoding, and these
 * are compared with the batch that was written.
 */
#ifndef SLUICE_TESTS_PARQUET_JUDGE_H
#define SLUICE_TESTS_PARQUET_JUDGE_H

#include "config.h"

#include <zlib.h>
#ifdef HAVE_LIBSNAPPY
#include <snappy-c.h>
#endif
#ifdef HAVE_LIBZSTD
#include <zstd.h>
#endif

#include "lib/format/text.h"
#include "lib/rows/batch.h"
#include "tests/unit/parquet_bytes.h"

/* ---- values */

struct judge_cell {
	bool is_null;
	const uint8_t *bytes; /* in plain encoding, without a length; booleans a byte */
	size_t len;
};

enum {
	JUDGE_BOOLEAN,
	JUDGE_INT32,
	JUDGE_INT64,
	JUDGE_FLOAT = 4,
	JUDGE_DOUBLE,
	JUDGE_BYTES,
	JUDGE_FIXED
};

struct judge_column {
	const struct judge_node *schema;
	int type;
	size_t fixed; /* bytes of a value; 0: of its own length */
	bool is_optional;
	struct judge_cell *cells;
	size_t n;
};

struct judge {
	struct arena arena;
	const uint8_t *data;
	size_t len;
	struct judge_node footer;
	struct judge_column *columns;
	size_t columns_n;
	int encodings; /* bits of those that data pages have */
	int pages_n;
};

static inline void judge_plain(struct judge *j, const struct judge_column *c, struct judge_span *s,
	struct judge_cell *to, size_t n)
{
	uint8_t *bits = c->type == JUDGE_BOOLEAN ? arena_alloc(&j->arena, n + 1) : NULL;
	const uint8_t *p = bits ? judge_take(s, (n + 7) / 8) : NULL;

	for (size_t i = 0; i < n; i++) {
		if (bits) {
			bits[i] = (uint8_t)judge_bits(p, i, 1);
			to[i] = (struct judge_cell){ false, bits + i, 1 };
		} else {
			size_t len = c->fixed ? c->fixed : judge_little(s, 4);

			to[i] = (struct judge_cell){ false, judge_take(s, len), len };
		}
	}
}

static inline void judge_integers(struct judge *j, const struct judge_column *c,
	struct judge_span *s, struct judge_cell *to, size_t n)
{
	int64_t *v = arena_alloc(&j->arena, (n + 1) * sizeof *v);

	JUDGE(c->type == JUDGE_INT32 || c->type == JUDGE_INT64);
	judge_delta(s, (int)c->fixed * 8, n, v);
	for (size_t i = 0; i < n; i++)
		to[i] = (struct judge_cell){ false, (const uint8_t *)&v[i], c->fixed };
}

static inline void judge_lengths(
	struct judge *j, struct judge_span *s, struct judge_cell *to, size_t n)
{
	int64_t *v = arena_alloc(&j->arena, (n + 1) * sizeof *v);

	judge_delta(s, 32, n, v);
	for (size_t i = 0; i < n; i++) {
		JUDGE(v[i] >= 0);
		to[i] = (struct judge_cell){ false, judge_take(s, (size_t)v[i]), (size_t)v[i] };
	}
}

static inline void judge_indices(struct judge *j, struct judge_span *s,
	const struct judge_cell *words, size_t words_n, struct judge_cell *to, size_t n)
{
	uint32_t *v = arena_alloc(&j->arena, (n + 1) * sizeof *v);
	unsigned width = *judge_take(s, 1);

	JUDGE(width > 0 && width <= 32);
	judge_hybrid(*s, width, n, v);
	s->p = s->end;
	for (size_t i = 0; i < n; i++) {
		JUDGE(v[i] < words_n);
		to[i] = words[v[i]];
	}
}

/* ---- pages */

static inline struct judge_span judge_unpack(
	struct judge *j, int codec, struct judge_span from, size_t len)
{
	uint8_t *to = arena_alloc(&j->arena, len + 1);
	size_t got = len;

	if (codec == 0)
		return from;
	if (codec == 2) {
		z_stream z = { .next_in = (Bytef *)from.p,
			.avail_in = (uInt)(from.end - from.p),
			.next_out = to,
			.avail_out = (uInt)len + 1 };

		JUDGE(inflateInit2(&z, 15 + 16) == Z_OK && inflate(&z, Z_FINISH) == Z_STREAM_END);
		got = z.total_out;
		inflateEnd(&z);
#ifdef HAVE_LIBSNAPPY
	} else if (codec == 1) {
		JUDGE(snappy_uncompress((const char *)from.p, (size_t)(from.end - from.p),
			      (char *)to, &got) == SNAPPY_OK);
#endif
#ifdef HAVE_LIBZSTD
	} else if (codec == 6) {
		got = ZSTD_decompress(to, len, from.p, (size_t)(from.end - from.p));
#endif
	} else {
		JUDGE(!"a codec");
	}
	JUDGE(got == len);
	return (struct judge_span){ to, to + len };
}

struct judge_page {
	struct judge_node header;
	int type;        /* 0 data, 2 dictionary, 3 data of version 2 */
	size_t values_n; /* with NULLs */
	int encoding;
	struct judge_span levels, values;
};

static inline void judge_levels_v1(struct judge_page *p, bool is_optional)
{
	if (!is_optional || p->type != 0)
		return;
	size_t len = judge_little(&p->values, 4);

	p->levels.p = judge_take(&p->values, len);
	p->levels.end = p->levels.p + len;
}

/* The page at s, which moves behind it. */
static inline struct judge_page judge_read_page(
	struct judge *j, const struct judge_column *c, int codec, struct judge_span *s)
{
	static const int details[] = { 5, 0, 7, 8 };
	struct judge_page page = { .header = { .type = 12 } };
	size_t levels = 0;

	judge_struct(&page.header, s, &j->arena);
	size_t unpacked = (size_t)judge_number(&page.header, 2),
	       packed = (size_t)judge_number(&page.header, 3);
	struct judge_span body = { judge_take(s, packed), s->p };

	body.end = body.p + packed;
	JUDGE((uint32_t)judge_number(&page.header, 4) == crc32(0, body.p, (uInt)packed));
	page.type = (int)judge_number(&page.header, 1);
	const struct judge_node *detail = judge_get(&page.header, details[page.type]);

	page.values_n = (size_t)judge_number(detail, 1);
	page.encoding = (int)judge_number(detail, page.type == 3 ? 4 : 2);
	if (page.type == 3) {
		levels = (size_t)judge_number(detail, 5);
		JUDGE(judge_number(detail, 3) == (int64_t)page.values_n &&
			judge_number(detail, 6) == 0);
		page.levels = (struct judge_span){ judge_take(&body, levels), body.p };
		page.levels.end = page.levels.p + levels;
		if (!judge_number(detail, 7))
			codec = 0;
	}
	page.values = judge_unpack(j, codec, body, unpacked - levels);
	JUDGE((size_t)(page.values.end - page.values.p) == unpacked - levels);
	judge_levels_v1(&page, c->is_optional);
	return page;
}

/* The cells of a data page, behind those that the column has. */
static inline void judge_page_cells(struct judge *j, struct judge_column *c, struct judge_page *p,
	const struct judge_cell *words, size_t words_n)
{
	uint32_t *levels = arena_zero(&j->arena, p->values_n + 1, sizeof *levels);
	struct judge_cell *found = arena_alloc(&j->arena, (p->values_n + 1) * sizeof *found);
	size_t n = p->values_n, at = 0;

	if (c->is_optional) {
		judge_hybrid(p->levels, 1, p->values_n, levels);
		n = 0;
		for (size_t i = 0; i < p->values_n; i++)
			n += levels[i];
	}
	switch (p->encoding) {
	case 0: judge_plain(j, c, &p->values, found, n); break;
	case 5: judge_integers(j, c, &p->values, found, n); break;
	case 6: judge_lengths(j, &p->values, found, n); break;
	case 8: judge_indices(j, &p->values, words, words_n, found, n); break;
	default: JUDGE(!"an encoding");
	}
	JUDGE(p->values.p == p->values.end);
	if (p->type == 3)
		JUDGE(judge_number(judge_get(&p->header, 8), 2) == (int64_t)(p->values_n - n));
	for (size_t i = 0; i < p->values_n; i++) {
		bool is_null = c->is_optional && !levels[i];

		c->cells[c->n++] = is_null ? (struct judge_cell){ .is_null = true } : found[at++];
	}
	j->encodings |= 1 << p->encoding;
	j->pages_n++;
}

/* A chunk's pages, where its metadata says that they are; the offset index has the data pages as they were met. */
static inline void judge_chunk(
	struct judge *j, struct judge_column *c, const struct judge_node *chunk)
{
	const struct judge_node *meta = judge_get(chunk, 3), *first = judge_find(meta, 11);
	int codec = (int)judge_number(meta, 4);
	int64_t start = first ? first->number : judge_number(meta, 9), row = 0;
	struct judge_span s = { j->data + start, j->data + start + judge_number(meta, 7) };
	struct judge_span index = { j->data + judge_number(chunk, 4), j->data + j->len };
	struct judge_cell *words = NULL;
	struct judge_node offsets = { .type = 12 };
	size_t words_n = 0, page_n = 0, cells = c->n;

	judge_struct(&offsets, &index, &j->arena);
	while (s.p < s.end) {
		const uint8_t *at = s.p;
		struct judge_page page = judge_read_page(j, c, codec, &s);

		if (page.type == 2) {
			JUDGE(first && at == j->data + start && page.encoding == 0);
			words_n = page.values_n;
			words = arena_alloc(&j->arena, (words_n + 1) * sizeof *words);
			judge_plain(j, c, &page.values, words, words_n);
			continue;
		}
		JUDGE(page_n || at == j->data + judge_number(meta, 9));
		const struct judge_node *place = &judge_get(&offsets, 1)->items[page_n++];

		JUDGE(judge_number(place, 1) == at - j->data && judge_number(place, 2) == s.p - at);
		JUDGE(judge_number(place, 3) == row);
		row += (int64_t)page.values_n;
		judge_page_cells(j, c, &page, words, words_n);
	}
	JUDGE(page_n == judge_get(&offsets, 1)->n && row == judge_number(meta, 5));
	int64_t nulls = 0;

	for (size_t i = cells; i < c->n; i++)
		nulls += c->cells[i].is_null;
	JUDGE(judge_number(judge_get(meta, 12), 3) == nulls);
}

/* ---- the file */

static inline void judge_schema(struct judge *j)
{
	static const size_t widths[] = { 0, 4, 8, 12, 4, 8, 0 };
	const struct judge_node *schema = judge_get(&j->footer, 2);
	size_t rows = (size_t)judge_number(&j->footer, 3);

	j->columns_n = (size_t)judge_number(&schema->items[0], 5);
	JUDGE(schema->n == j->columns_n + 1);
	j->columns = arena_zero(&j->arena, j->columns_n + 1, sizeof *j->columns);
	for (size_t i = 0; i < j->columns_n; i++) {
		struct judge_column *c = &j->columns[i];

		c->schema = &schema->items[i + 1];
		c->type = (int)judge_number(c->schema, 1);
		c->fixed = c->type == JUDGE_FIXED ? (size_t)judge_number(c->schema, 2)
						  : widths[c->type];
		c->is_optional = judge_number(c->schema, 3) == 1;
		c->cells = arena_alloc(&j->arena, (rows + 1) * sizeof *c->cells);
	}
}

/* The chunks stand one behind the other, and the group's sums are theirs. */
static inline void judge_group(struct judge *j, const struct judge_node *group)
{
	const struct judge_node *chunks = judge_get(group, 1);
	int64_t at = judge_number(group, 5), unpacked = 0;

	JUDGE(chunks->n == j->columns_n && judge_number(group, 3) > 0);
	for (size_t i = 0; i < chunks->n; i++) {
		const struct judge_node *meta = judge_get(&chunks->items[i], 3);
		const struct judge_node *first = judge_find(meta, 11);

		JUDGE(at == (first ? first->number : judge_number(meta, 9)));
		JUDGE(judge_number(meta, 5) == judge_number(group, 3));
		at += judge_number(meta, 7);
		unpacked += judge_number(meta, 6);
		judge_chunk(j, &j->columns[i], &chunks->items[i]);
	}
	JUDGE(judge_number(group, 6) == at - judge_number(group, 5));
	JUDGE(judge_number(group, 2) == unpacked);
}

/* Reads all of it; free with judge_free. */
static inline void judge_file(struct judge *j, const void *data, size_t len)
{
	*j = (struct judge){ .data = data, .len = len, .footer.type = 12 };
	struct judge_span tail = { j->data + len - 8, j->data + len };

	JUDGE(len > 12 && !memcmp(data, "PAR1", 4) && !memcmp(j->data + len - 4, "PAR1", 4));
	size_t footer = judge_little(&tail, 4);

	JUDGE(footer <= len - 12);
	struct judge_span s = { j->data + len - 8 - footer, j->data + len - 8 };

	judge_struct(&j->footer, &s, &j->arena);
	JUDGE(s.p == s.end);
	judge_schema(j);
	const struct judge_node *groups = judge_get(&j->footer, 4);

	for (size_t g = 0; g < groups->n; g++) {
		judge_group(j, &groups->items[g]);
	}
	for (size_t i = 0; i < j->columns_n; i++)
		JUDGE(j->columns[i].n == (size_t)judge_number(&j->footer, 3));
}

static inline void judge_free(struct judge *j)
{
	arena_free(&j->arena);
}

/* ---- against a batch */

/* The row's value as the file should have it: bytes at `to` (room for 128), or elsewhere. */
static inline struct judge_cell judge_expect(
	const struct field *f, const struct column *c, int32_t row, uint8_t *to)
{
	struct judge_cell cell = { column_is_null(c, row), to, c->width };
	__int128 v = 0;
	int64_t us = 0;

	if (c->offsets) {
		cell.bytes = column_bytes(c, row, &cell.len);
		return cell;
	}
	if (c->type == TYPE_BOOL) {
		*to = column_bool(c, row);
		cell.len = 1;
		return cell;
	}
	memcpy(to, c->data + c->width * (size_t)row, c->width);
	memcpy(&v, to, c->type == TYPE_DECIMAL128 ? 16 : 0);
	memcpy(&us, to, c->width < 8 ? c->width : 8);
	if (c->type == TYPE_INTERVAL) {
		cell.len =
			(size_t)(text_interval((char *)to, &COLUMN_VALUE(c, struct interval, row)) -
				 (char *)to);
	} else if (c->type == TYPE_INT16) {
		int32_t wide = COLUMN_VALUE(c, int16_t, row);

		memcpy(to, &wide, cell.len = 4);
	} else if (c->type == TYPE_DATE32 && (int32_t)us == INT32_MIN) {
		memcpy(to, &(int32_t){ -INT32_MAX }, 4);
	} else if (c->type == TYPE_TIMESTAMP || c->type == TYPE_TIMESTAMPTZ) {
		__int128 unix_us = (__int128)us + INT64_C(946684800000000);

		us = us == INT64_MIN        ? -INT64_MAX
		     : us == INT64_MAX      ? INT64_MAX
		     : unix_us >= INT64_MAX ? INT64_MAX - 1
					    : (int64_t)unix_us;
		memcpy(to, &us, 8);
	} else if (c->type == TYPE_DECIMAL128) {
		cell.is_null |= v == DECIMAL_NAN;
		cell.len = f->precision <= 9 ? 4 : f->precision <= 18 ? 8 : 16;
		for (int i = 0; cell.len == 16 && i < 16; i++)
			to[i] = (uint8_t)(v >> (120 - 8 * i));
	}
	return cell;
}

/* The file is that batch, `times` times. */
static inline void judge_same(
	const struct judge *j, const struct schema *schema, const struct batch *b, size_t times)
{
	uint8_t room[128];

	JUDGE(j->columns_n == schema->n);
	for (size_t i = 0; i < schema->n; i++) {
		const struct judge_column *c = &j->columns[i];
		const struct judge_node *name = judge_get(c->schema, 4);

		JUDGE(c->n == times * (size_t)b->rows);
		JUDGE((size_t)(name->bytes.end - name->bytes.p) == strlen(schema->fields[i].name));
		for (size_t row = 0; row < c->n; row++) {
			const struct judge_cell *got = &c->cells[row];
			struct judge_cell want = judge_expect(&schema->fields[i], &b->columns[i],
				(int32_t)(row % (size_t)b->rows), room);

			JUDGE(got->is_null == want.is_null);
			if (!got->is_null)
				JUDGE(got->len == want.len &&
					!memcmp(got->bytes, want.bytes, got->len));
		}
	}
}

#endif
