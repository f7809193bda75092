/*
 * A reader of Arrow IPC that shares nothing with the writer but the batches: it walks a stream or a file byte by byte, and
 * every MUST that the specification and the writer's own promises have must hold. Whoever includes it defines MUST first.
 */
#ifndef SLUICE_TESTS_ARROW_JUDGE_H
#define SLUICE_TESTS_ARROW_JUDGE_H

#include <string.h>

#include "lib/rows/batch.h"

static const uint8_t judge_end[8] = { 0xff, 0xff, 0xff, 0xff };

struct judge {
	const uint8_t *data; /* all that was written */
	size_t len, at;
	const struct schema *schema;
};

/* ---- FlatBuffers: places within one, 0 for what is not there */

struct flat {
	const uint8_t *data;
	size_t len;
};

static inline uint64_t judge_number(const uint8_t *p, size_t size)
{
	uint64_t v = 0;

	for (size_t i = size; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

static inline uint64_t flat_number(const struct flat *f, size_t place, size_t size)
{
	MUST(place % size == 0 && place + size <= f->len);
	return judge_number(f->data + place, size);
}

static inline size_t flat_follow(const struct flat *f, size_t place)
{
	uint64_t by = flat_number(f, place, 4);

	MUST(by >= 4 && place + by < f->len);
	return place + (size_t)by;
}

/* Where the i-th field of the table stands. */
static inline size_t flat_field(const struct flat *f, size_t table, size_t i)
{
	size_t vtable = table - (size_t)flat_number(f, table, 4);
	size_t size = (size_t)flat_number(f, vtable, 2);

	MUST(vtable < table && vtable + size <= f->len);
	if (4 + 2 * i >= size)
		return 0;
	size_t offset = (size_t)flat_number(f, vtable + 4 + 2 * i, 2);

	MUST(offset < flat_number(f, vtable + 2, 2));
	return offset ? table + offset : 0;
}

static inline int64_t flat_get(const struct flat *f, size_t table, size_t i, size_t size)
{
	size_t place = flat_field(f, table, i);

	return place ? (int64_t)flat_number(f, place, size) : 0;
}

static inline size_t flat_table(const struct flat *f, size_t table, size_t i)
{
	size_t place = flat_field(f, table, i);

	MUST(place);
	return flat_follow(f, place);
}

/* The first element of a vector of n, each of so many bytes. */
static inline size_t flat_vector(
	const struct flat *f, size_t table, size_t i, size_t size, uint64_t *n)
{
	size_t place = flat_table(f, table, i);

	*n = flat_number(f, place, 4);
	MUST(*n <= (f->len - place - 4) / size);
	return place + 4;
}

static inline void flat_is_text(const struct flat *f, size_t table, size_t i, const char *text)
{
	uint64_t len;
	size_t place = flat_vector(f, table, i, 1, &len);

	MUST(len == strlen(text) && memcmp(f->data + place, text, len + 1) == 0);
}

/* The value of a key in a vector of KeyValue is this one; NULL: there is none. */
static inline void flat_is_pair(
	const struct flat *f, size_t table, size_t i, const char *key, const char *value)
{
	uint64_t n = 0, len;
	size_t at = flat_field(f, table, i) ? flat_vector(f, table, i, 4, &n) : 0;
	bool is_there = false;

	for (uint64_t k = 0; k < n; k++) {
		size_t pair = flat_follow(f, at + 4 * k);
		size_t text = flat_vector(f, pair, 0, 1, &len);

		if (len != strlen(key) || memcmp(f->data + text, key, len) != 0)
			continue;
		MUST(value && !is_there);
		is_there = true;
		flat_is_text(f, pair, 1, value);
	}
	MUST(is_there == (value != NULL));
}

/* ---- the schema */

/* A digit a field: the number of the type in the union, then the fields of its table and their sizes. */
static inline void judge_type(
	const struct flat *f, const struct field *field, uint64_t number, size_t t)
{
	static const struct {
		uint8_t number, size[2];
		int16_t value[2];
	} types[TYPES_N] = {
		[TYPE_BOOL] = { 6, { 0, 0 }, { 0, 0 } },
		[TYPE_INT16] = { 2, { 4, 1 }, { 16, 1 } },
		[TYPE_INT32] = { 2, { 4, 1 }, { 32, 1 } },
		[TYPE_INT64] = { 2, { 4, 1 }, { 64, 1 } },
		[TYPE_FLOAT32] = { 3, { 2, 0 }, { 1, 0 } },
		[TYPE_FLOAT64] = { 3, { 2, 0 }, { 2, 0 } },
		[TYPE_DECIMAL128] = { 7, { 0, 0 }, { 0, 0 } },
		[TYPE_DECIMAL_TEXT] = { 5, { 0, 0 }, { 0, 0 } },
		[TYPE_DATE32] = { 8, { 2, 0 }, { 0, 0 } },
		[TYPE_TIME64] = { 9, { 2, 4 }, { 2, 64 } },
		[TYPE_TIMESTAMP] = { 10, { 2, 0 }, { 2, 0 } },
		[TYPE_TIMESTAMPTZ] = { 10, { 2, 0 }, { 2, 0 } },
		[TYPE_INTERVAL] = { 11, { 2, 0 }, { 3, 0 } },
		[TYPE_UTF8] = { 5, { 0, 0 }, { 0, 0 } },
		[TYPE_JSON] = { 5, { 0, 0 }, { 0, 0 } },
		[TYPE_UUID] = { 15, { 4, 0 }, { 16, 0 } },
		[TYPE_BINARY] = { 4, { 0, 0 }, { 0, 0 } },
	};

	MUST(number == types[field->type].number);
	for (size_t i = 0; i < 2; i++)
		if (types[field->type].size[i]) /* date's unit is not 0 where it is left out */
			MUST(flat_field(f, t, i) && flat_get(f, t, i, types[field->type].size[i]) ==
							    types[field->type].value[i]);
	if (field->type == TYPE_TIMESTAMPTZ)
		flat_is_text(f, t, 1, "UTC");
	if (field->type == TYPE_TIMESTAMP)
		MUST(flat_field(f, t, 1) == 0);
	if (field->type == TYPE_DECIMAL128) {
		int32_t precision = (int32_t)flat_get(f, t, 0, 4);

		MUST((int32_t)flat_get(f, t, 1, 4) == field->scale);
		MUST(field->scale > 38 ? precision == field->precision
				       : precision == (field->scale > field->precision
								      ? field->scale
								      : field->precision));
		MUST(flat_get(f, t, 2, 4) == 128);
	}
}

static inline void judge_field(const struct flat *f, size_t t, const struct field *field)
{
	uint64_t n;

	flat_is_text(f, t, 0, field->name);
	MUST(flat_get(f, t, 1, 1) == (field->nullable || field->type == TYPE_DECIMAL128));
	judge_type(f, field, (uint64_t)flat_get(f, t, 2, 1), flat_table(f, t, 3));
	MUST(flat_field(f, t, 4) == 0);
	flat_vector(f, t, 5, 4, &n);
	MUST(n == 0);
	flat_is_pair(f, t, 6, "ARROW:extension:name",
		field->type == TYPE_JSON   ? "arrow.json"
		: field->type == TYPE_UUID ? "arrow.uuid"
					   : NULL);
	flat_is_pair(f, t, 6, "sluice:source_type", field->source_type);
}

static inline void judge_schema(
	const struct flat *f, size_t table, const struct schema *schema, bool is_file)
{
	uint64_t n;
	size_t at = flat_vector(f, table, 1, 4, &n);

	MUST(flat_get(f, table, 0, 2) == 0 && n == schema->n);
	for (size_t i = 0; i < schema->n; i++)
		judge_field(f, flat_follow(f, at + 4 * i), &schema->fields[i]);
	flat_is_pair(f, table, 2, "sluice:end", is_file ? NULL : "FFFFFFFF00000000");
}

/* ---- messages */

struct message {
	struct flat flat;
	size_t header; /* the table */
	const uint8_t *body;
	size_t body_len;
	size_t begin, body_begin;
};

static inline bool is_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

static inline struct message judge_message(struct judge *j, int64_t kind)
{
	struct message m = { .begin = j->at };

	MUST(j->len - j->at >= 16 && memcmp(j->data + j->at, judge_end, 4) == 0);
	m.flat.len = (size_t)judge_number(j->data + j->at + 4, 4);
	m.flat.data = j->data + j->at + 8;
	MUST(m.flat.len > 8 && m.flat.len <= j->len - j->at - 8);
	j->at += 8 + m.flat.len;
	size_t root = flat_follow(&m.flat, 0);

	MUST(flat_get(&m.flat, root, 0, 2) == 4 && flat_get(&m.flat, root, 1, 1) == kind);
	m.header = flat_table(&m.flat, root, 2);
	m.body_len = (size_t)flat_get(&m.flat, root, 3, 8);
	m.body_begin = j->at;
	MUST(is_zero(j->data + j->at - 8, 8));
	m.body = j->data + j->at;
	MUST(m.body_len <= j->len - j->at && j->at % 64 == 0 && m.body_len % 64 == 0);
	j->at += m.body_len;
	MUST(is_zero(j->data + j->at - 8, 8)); /* and so not the end */
	return m;
}

/* ---- batches */

struct judge_column {
	const uint8_t *buffer[3]; /* validity, or NULL; values, or offsets and bytes */
	uint64_t len[3];
};

/* The next buffers; *end is where the one before ended: only zeros may lie between. */
static inline void judge_buffers(
	const struct message *m, size_t at, size_t n, struct judge_column *r, uint64_t *end)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t place = flat_number(&m->flat, at + 16 * i, 8);

		r->len[i] = flat_number(&m->flat, at + 16 * i + 8, 8);
		MUST(place % 64 == 0 && place >= *end && place - *end < 64 &&
			place <= m->body_len && r->len[i] <= m->body_len - place);
		MUST(is_zero(m->body + *end, place - *end));
		*end = place + r->len[i];
		r->buffer[i] = r->len[i] ? m->body + place : NULL;
	}
}

static inline bool judge_bit(const uint8_t *bits, int32_t row)
{
	return bits[row / 8] >> row % 8 & 1;
}

static inline void judge_bits(const uint8_t *bits, uint64_t len, int32_t rows)
{
	MUST(len == ((uint64_t)rows + 7) / 8);
	for (uint64_t row = (uint64_t)rows; row < len * 8; row++)
		MUST(!judge_bit(bits, (int32_t)row));
}

/* What 1970's count of it is, by a number that holds all. */
static inline int64_t judge_moment(int64_t v)
{
	__int128 us = (__int128)v + (__int128)946684800 * 1000000;

	if (v == INT64_MAX || v == INT64_MIN)
		return v;
	return us >= INT64_MAX ? INT64_MAX - 1 : (int64_t)us;
}

static inline void judge_interval(const uint8_t *got, const struct interval *v)
{
	__int128 ns = (__int128)v->microseconds * 1000;

	ns = ns > INT64_MAX ? INT64_MAX : ns < INT64_MIN ? INT64_MIN : ns;
	MUST((int32_t)judge_number(got, 4) == v->months &&
		(int32_t)judge_number(got + 4, 4) == v->days);
	MUST((int64_t)judge_number(got + 8, 8) == (int64_t)ns);
}

static inline void judge_fixed(const uint8_t *got, const struct column *c, int32_t row)
{
	size_t at = (size_t)row * c->width;

	switch (c->type) {
	case TYPE_TIMESTAMP:
	case TYPE_TIMESTAMPTZ:
		MUST((int64_t)judge_number(got + at, 8) ==
			judge_moment(COLUMN_VALUE(c, int64_t, row)));
		break;
	case TYPE_INTERVAL: judge_interval(got + at, &COLUMN_VALUE(c, struct interval, row)); break;
	default: MUST(memcmp(got + at, c->data + at, c->width) == 0);
	}
}

static inline void judge_bytes(const struct judge_column *r, const struct column *c, int32_t row)
{
	size_t len, from = (size_t)judge_number(r->buffer[1] + 4 * (size_t)row, 4);
	size_t to = (size_t)judge_number(r->buffer[1] + 4 * (size_t)row + 4, 4);
	const uint8_t *bytes = column_bytes(c, row, &len);

	MUST(from <= to && to <= r->len[2] && to - from == len);
	MUST(!len || memcmp(r->buffer[2] + from, bytes, len) == 0);
}

static inline bool judge_is_null(const struct column *c, int32_t row)
{
	return column_is_null(c, row) ||
	       (c->type == TYPE_DECIMAL128 && COLUMN_VALUE(c, __int128, row) == DECIMAL_NAN);
}

static inline void judge_column(
	const struct judge_column *r, const struct column *c, int32_t rows, uint64_t nulls)
{
	uint64_t n = 0;

	for (int32_t row = 0; row < rows; row++) {
		bool is_null = judge_is_null(c, row);

		n += is_null;
		MUST(r->buffer[0] ? judge_bit(r->buffer[0], row) == !is_null : !is_null);
		if (c->offsets)
			judge_bytes(r, c, row);
		else if (!c->width)
			MUST(is_null || judge_bit(r->buffer[1], row) == column_bool(c, row));
		else if (!is_null)
			judge_fixed(r->buffer[1], c, row);
	}
	MUST(n == nulls);
	if (r->buffer[0])
		judge_bits(r->buffer[0], r->len[0], rows);
	if (c->offsets)
		MUST(r->len[1] == 4 * ((uint64_t)rows + 1) && judge_number(r->buffer[1], 4) == 0 &&
			judge_number(r->buffer[1] + 4 * (size_t)rows, 4) == r->len[2]);
	else if (!c->width)
		judge_bits(r->buffer[1], r->len[1], rows);
	else
		MUST(r->len[1] == (uint64_t)rows * c->width);
}

static inline void judge_batch(const struct message *m, const struct batch *b)
{
	uint64_t nodes_n, buffers_n, end = 0, used = 0;
	size_t nodes = flat_vector(&m->flat, m->header, 1, 16, &nodes_n);
	size_t buffers = flat_vector(&m->flat, m->header, 2, 16, &buffers_n);

	MUST(flat_get(&m->flat, m->header, 0, 8) == b->rows && nodes_n == b->columns_n);
	for (size_t i = 0; i < b->columns_n; i++) {
		const struct column *c = &b->columns[i];
		struct judge_column r = { 0 };
		size_t n = c->offsets ? 3 : 2;

		MUST(used + n <= buffers_n);
		judge_buffers(m, buffers + 16 * used, n, &r, &end);
		used += n;
		MUST(flat_number(&m->flat, nodes + 16 * i, 8) == (uint64_t)b->rows);
		judge_column(&r, c, b->rows, flat_number(&m->flat, nodes + 16 * i + 8, 8));
	}
	MUST(used == buffers_n && is_zero(m->body + end, m->body_len - end));
}

/* ---- all of it */

static inline void judge_footer(const struct judge *j, const size_t (*blocks)[3], size_t batches_n)
{
	uint64_t n, none;

	MUST(j->len - j->at > 10 && memcmp(j->data + j->len - 6, "ARROW1", 6) == 0);
	struct flat f = { j->data + j->at, j->len - j->at - 10 };

	MUST(judge_number(j->data + j->len - 10, 4) == f.len);
	size_t root = flat_follow(&f, 0), at = flat_vector(&f, root, 3, 24, &n);

	MUST(flat_get(&f, root, 0, 2) == 4 && n == batches_n && at % 8 == 0);
	judge_schema(&f, flat_table(&f, root, 1), j->schema, true);
	flat_vector(&f, root, 2, 24, &none);
	MUST(none == 0);
	for (size_t i = 0; i < n; i++, at += 24) {
		MUST(flat_number(&f, at, 8) == blocks[i][0] &&
			flat_number(&f, at + 8, 4) == blocks[i][1]);
		MUST(flat_number(&f, at + 12, 4) == 0 &&
			flat_number(&f, at + 16, 8) == blocks[i][2]);
	}
	MUST(at == f.len);
}

/* The schema, and n times the batch. */
static inline void judge_arrow(const void *data, size_t len, bool is_file,
	const struct schema *schema, const struct batch *b, size_t n)
{
	enum { MOST = 256 };
	struct judge j = { data, len, is_file ? 8 : 0, schema };
	size_t blocks[MOST][3];

	MUST(n <= MOST && (!is_file || (len > 8 && memcmp(data, "ARROW1\0", 8) == 0)));
	struct message m = judge_message(&j, 1);

	MUST(m.body_len == 0);
	judge_schema(&m.flat, m.header, schema, is_file);
	for (size_t i = 0; i < n; i++) {
		m = judge_message(&j, 3);
		judge_batch(&m, b);
		blocks[i][0] = m.begin;
		blocks[i][1] = m.body_begin - m.begin;
		blocks[i][2] = m.body_len;
	}
	MUST(j.len - j.at >= 8 && memcmp(j.data + j.at, judge_end, 8) == 0);
	j.at += 8;
	if (is_file)
		judge_footer(&j, (const size_t(*)[3])blocks, n);
	else
		MUST(j.at == len);
}

#endif
