/*
 * Arrow IPC (https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc).
 *
 * The stream is messages: the schema, then each batch as one record batch, then the end:
 *
 *	message   FF FF FF FF, int32 length of the metadata, metadata (a FlatBuffer), body
 *	body      of each column: validity (none where no row is NULL), offsets (of variable length), values
 *	end       FF FF FF FF 00 00 00 00
 *
 * The file is "ARROW1" and two zeros, the stream, and a footer: a FlatBuffer with the schema and where each batch is, its
 * length as int32, and "ARROW1".
 *
 * Bodies and each of their buffers begin at multiples of ALIGN from the beginning, so that a file can be mapped. All that
 * lies between is zeros, and every message ends with at least eight of them: none ends as the stream does.
 *
 * A batch has Arrow's layout, and its buffers are put as they are, but for
 *	timestamps   count from 1970; what then does not fit is the last value but one, infinities are the extremes
 *	intervals    months, days, nanoseconds; what of these does not fit is their extreme
 *	NaN          of decimals is NULL
 */
#include <endian.h>
#include <stdlib.h>

#include "lib/format/arrow_schema.h"
#include "lib/format/formats.h"
#include "lib/rows/fingerprint.h"

enum { ALIGN = 64, PREFIX = 8, ZEROS = 8 /* that a message ends with, at least */ };
enum { VERSION_5 = 4 };
enum { HEADER_SCHEMA = 1, HEADER_RECORD_BATCH = 3 }; /* of the union MessageHeader */
enum { BLOCK_BYTES = 24, BLOCKS_AT_ONCE = 64 };      /* of the footer */

static const char magic[8] = "ARROW1";
static const uint8_t zeros[ALIGN + ZEROS];

struct month_day_nano {
	int32_t months, days;
	int64_t nanoseconds;
};

struct arrow {
	struct format base;
	bool is_file;
	const struct schema *schema; /* borrowed */
	struct arrow_notes notes;
	char fingerprint[FINGERPRINT_TEXT];
	int32_t *nulls; /* of each column in this batch, NaN of decimals among them */
	struct flatbuffer meta;
	struct buf scratch;     /* a column's converted values */
	uint64_t at;            /* bytes put */
	uint64_t batches_begin; /* where the first is; they follow each other */
	uint32_t batch_meta;    /* bytes of prefix and metadata: the same for each */
	struct buf bodies;      /* uint64 a batch: bytes of its body; of a file */
};

/* ---- bytes */

static uint64_t align_up(uint64_t n)
{
	return (n + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

static void put(struct arrow *a, const void *data, size_t len)
{
	if (len)
		sink_put(a->base.out, data, len);
	a->at += len;
}

static void put_uint32(struct arrow *a, uint32_t v)
{
	v = htole32(v);
	put(a, &v, sizeof v);
}

static void pad_to(struct arrow *a, uint64_t place)
{
	put(a, zeros, (size_t)(place - a->at));
}

/* ---- messages */

/* Returns the table Message, of which its header is to be written. */
static struct flatbuffer_table begin_message(struct arrow *a, int header)
{
	enum { VERSION, HEADER_TYPE };
	struct flatbuffer_table t;

	flatbuffer_begin(&a->meta);
	t = flatbuffer_table(&a->meta, FLATBUFFER_ROOT, "2148");
	flatbuffer_set(&a->meta, &t, VERSION, VERSION_5);
	flatbuffer_set(&a->meta, &t, HEADER_TYPE, header);
	return t;
}

enum { MESSAGE_HEADER = 2, MESSAGE_BODY_LENGTH = 3 };

/* All of it but the body. */
static void put_message(struct arrow *a)
{
	uint64_t end = align_up(a->at + PREFIX + a->meta.bytes.len + ZEROS);

	put_uint32(a, UINT32_MAX);
	put_uint32(a, (uint32_t)(end - a->at - sizeof(uint32_t)));
	put(a, a->meta.bytes.data, a->meta.bytes.len);
	pad_to(a, end);
}

static void put_schema(struct arrow *a)
{
	struct flatbuffer_table message = begin_message(a, HEADER_SCHEMA);

	arrow_schema_put(&a->meta, message.field[MESSAGE_HEADER], a->schema, &a->notes);
	put_message(a);
}

/* ---- the metadata of a batch */

static size_t bits_len(int32_t rows)
{
	return ((size_t)rows + 7) / 8;
}

static int32_t count_nans(const struct column *c, int32_t rows)
{
	int32_t n = 0;

	for (int32_t row = 0; row < rows; row++)
		n += COLUMN_VALUE(c, __int128, row) == DECIMAL_NAN;
	return n;
}

/* The bytes of each of its buffers. */
static size_t buffer_lens(const struct column *c, int32_t rows, int32_t nulls, size_t lens[3])
{
	size_t n = 0;

	lens[n++] = nulls ? bits_len(rows) : 0;
	if (c->offsets) {
		lens[n++] = ((size_t)rows + 1) * sizeof *c->offsets;
		lens[n++] = (size_t)c->offsets[rows];
	} else {
		lens[n++] = c->width ? (size_t)rows * c->width : bits_len(rows);
	}
	return n;
}

/* The FieldNodes: rows, NULLs. */
static void put_nodes(struct arrow *a, size_t ref, const struct batch *b)
{
	size_t at = flatbuffer_vector(&a->meta, ref, b->columns_n, 16, 8);

	for (size_t i = 0; i < b->columns_n; i++, at += 16) {
		const struct column *c = &b->columns[i];

		a->nulls[i] = c->nulls_n;
		if (c->type == TYPE_DECIMAL128)
			a->nulls[i] += count_nans(c, b->rows);
		flatbuffer_put(&a->meta, at, b->rows, 8);
		flatbuffer_put(&a->meta, at + 8, a->nulls[i], 8);
	}
}

/* The Buffers: where in the body, bytes. Returns the length of the body. */
static uint64_t put_buffers(struct arrow *a, size_t ref, const struct batch *b)
{
	size_t n = 0, lens[3];
	uint64_t place = 0, end = 0;

	for (size_t i = 0; i < b->columns_n; i++)
		n += b->columns[i].offsets ? 3 : 2;
	size_t at = flatbuffer_vector(&a->meta, ref, n, 16, 8);

	for (size_t i = 0; i < b->columns_n; i++) {
		n = buffer_lens(&b->columns[i], b->rows, a->nulls[i], lens);
		for (size_t k = 0; k < n; k++, at += 16) {
			flatbuffer_put(&a->meta, at, (int64_t)place, 8);
			flatbuffer_put(&a->meta, at + 8, (int64_t)lens[k], 8);
			end = place + lens[k];
			place = align_up(end);
		}
	}
	return end ? align_up(end + ZEROS) : 0;
}

/* Returns the length of the body. */
static uint64_t make_batch(struct arrow *a, const struct batch *b)
{
	enum { LENGTH, NODES, BUFFERS };
	struct flatbuffer_table message = begin_message(a, HEADER_RECORD_BATCH);
	struct flatbuffer_table t =
		flatbuffer_table(&a->meta, message.field[MESSAGE_HEADER], "844");

	flatbuffer_set(&a->meta, &t, LENGTH, b->rows);
	put_nodes(a, t.field[NODES], b);
	uint64_t body = put_buffers(a, t.field[BUFFERS], b);

	flatbuffer_set(&a->meta, &message, MESSAGE_BODY_LENGTH, (int64_t)body);
	return body;
}

/* ---- the body of a batch */

/* Those behind the last row are 0. */
static void put_bits(struct arrow *a, const uint8_t *bits, int32_t rows)
{
	size_t whole = (size_t)rows / 8;

	put(a, bits, whole);
	if (rows % 8) {
		uint8_t last = bits[whole] & (uint8_t)((1u << rows % 8) - 1);

		put(a, &last, 1);
	}
}

/* Without the rows that are NaN. */
static const uint8_t *make_validity(struct arrow *a, const struct column *c, int32_t rows)
{
	uint8_t *bits = (uint8_t *)buf_reserve(&a->scratch, bits_len(rows));

	memcpy(bits, c->validity, bits_len(rows));
	for (int32_t row = 0; row < rows; row++)
		if (COLUMN_VALUE(c, __int128, row) == DECIMAL_NAN)
			bits[row >> 3] &= (uint8_t) ~(1u << (row & 7));
	return bits;
}

static void put_validity(struct arrow *a, const struct column *c, int32_t rows, int32_t nulls)
{
	if (nulls == c->nulls_n)
		put_bits(a, c->validity, rows);
	else
		put_bits(a, make_validity(a, c, rows), rows);
}

static int64_t since_1970(int64_t v)
{
	if (v >= INT64_MAX - TIMESTAMP_UNIX_SHIFT)
		return v == TIMESTAMP_INFINITY ? INT64_MAX : INT64_MAX - 1;
	return v == TIMESTAMP_NEGATIVE_INFINITY ? INT64_MIN : v + TIMESTAMP_UNIX_SHIFT;
}

static void put_timestamps(struct arrow *a, const struct column *c, int32_t rows)
{
	size_t len = (size_t)rows * sizeof(int64_t);
	int64_t *to = (int64_t *)(void *)buf_reserve(&a->scratch, len);

	for (int32_t row = 0; row < rows; row++)
		to[row] = since_1970(COLUMN_VALUE(c, int64_t, row));
	put(a, to, len);
}

static void put_intervals(struct arrow *a, const struct column *c, int32_t rows)
{
	size_t len = (size_t)rows * sizeof(struct month_day_nano);
	struct month_day_nano *to = (void *)buf_reserve(&a->scratch, len);

	for (int32_t row = 0; row < rows; row++) {
		const struct interval *v = &COLUMN_VALUE(c, struct interval, row);

		to[row].months = v->months;
		to[row].days = v->days;
		if (__builtin_mul_overflow(v->microseconds, 1000, &to[row].nanoseconds))
			to[row].nanoseconds = v->microseconds < 0 ? INT64_MIN : INT64_MAX;
	}
	put(a, to, len);
}

static void put_values(struct arrow *a, const struct column *c, int32_t rows)
{
	if (rows == 0)
		return;
	switch (c->type) {
	case TYPE_BOOL: put_bits(a, c->data, rows); break;
	case TYPE_TIMESTAMP:
	case TYPE_TIMESTAMPTZ: put_timestamps(a, c, rows); break;
	case TYPE_INTERVAL: put_intervals(a, c, rows); break;
	default: put(a, c->data, c->offsets ? (size_t)c->offsets[rows] : (size_t)rows * c->width);
	}
}

static void put_column(struct arrow *a, const struct column *c, int32_t rows, int32_t nulls)
{
	if (nulls)
		put_validity(a, c, rows, nulls);
	pad_to(a, align_up(a->at));
	if (c->offsets)
		put(a, c->offsets, ((size_t)rows + 1) * sizeof *c->offsets);
	pad_to(a, align_up(a->at));
	put_values(a, c, rows);
	pad_to(a, align_up(a->at));
}

/* ---- the footer of a file */

/* What the vector recordBatches is of: where a batch is, bytes of its metadata, of its body. */
static void put_blocks(struct arrow *a, size_t n)
{
	const uint64_t *bodies = (const uint64_t *)(const void *)a->bodies.data;
	uint64_t place = a->batches_begin;
	uint8_t blocks[BLOCKS_AT_ONCE][BLOCK_BYTES] = { 0 };

	for (size_t i = 0; i < n; i++) {
		const uint64_t in_file = htole64(place), body = htole64(bodies[i]);
		const uint32_t meta = htole32(a->batch_meta);
		uint8_t *block = blocks[i % BLOCKS_AT_ONCE];

		memcpy(block, &in_file, 8);
		memcpy(block + 8, &meta, 4);
		memcpy(block + 16, &body, 8);
		place += a->batch_meta + bodies[i];
		if (block == blocks[BLOCKS_AT_ONCE - 1] || i == n - 1)
			put(a, blocks, (i % BLOCKS_AT_ONCE + 1) * BLOCK_BYTES);
	}
}

static void put_footer(struct arrow *a)
{
	enum { VERSION, SCHEMA, DICTIONARIES, RECORD_BATCHES };
	size_t n = a->bodies.len / sizeof(uint64_t);
	struct flatbuffer_table t;
	struct err e;

	flatbuffer_begin(&a->meta);
	t = flatbuffer_table(&a->meta, FLATBUFFER_ROOT, "2444");
	flatbuffer_set(&a->meta, &t, VERSION, VERSION_5);
	arrow_schema_put(&a->meta, t.field[SCHEMA], a->schema, &a->notes);
	flatbuffer_vector(&a->meta, t.field[DICTIONARIES], 0, BLOCK_BYTES, 8);
	flatbuffer_vector_last(&a->meta, t.field[RECORD_BATCHES], n, 8);
	uint64_t len = a->meta.bytes.len + (uint64_t)n * BLOCK_BYTES;

	if (len > INT32_MAX) {
		err_set(&e, ERR_UNPROCESSABLE,
			"an Arrow file holds no more record batches; ask for arrows");
		sink_fail(a->base.out, &e);
		return;
	}
	put(a, a->meta.bytes.data, a->meta.bytes.len);
	put_blocks(a, n);
	put_uint32(a, (uint32_t)len);
	put(a, magic, 6);
}

/* ---- the format */

static void begin(struct format *f, const struct schema *schema)
{
	struct arrow *a = (struct arrow *)f;
	struct err e;

	a->schema = schema;
	a->nulls = mem_zero(schema->n, sizeof *a->nulls);
	if (fingerprint(schema, a->fingerprint, &e) < 0)
		sink_fail(f->out, &e);
	if (a->is_file)
		put(a, magic, 8);
	put_schema(a);
	a->batches_begin = a->at;
}

static void put_batch(struct format *f, const struct batch *b)
{
	struct arrow *a = (struct arrow *)f;
	uint64_t from = a->at, body = make_batch(a, b);

	put_message(a);
	a->batch_meta = (uint32_t)(a->at - from);
	from = a->at;
	for (size_t i = 0; i < b->columns_n; i++)
		put_column(a, &b->columns[i], b->rows, a->nulls[i]);
	pad_to(a, from + body);
	if (a->is_file)
		buf_put(&a->bodies, &body, sizeof body);
}

static void end(struct format *f)
{
	struct arrow *a = (struct arrow *)f;

	put_uint32(a, UINT32_MAX);
	put_uint32(a, 0);
	if (a->is_file)
		put_footer(a);
}

static void free_arrow(struct format *f)
{
	struct arrow *a = (struct arrow *)f;

	free(a->nulls);
	flatbuffer_free(&a->meta);
	buf_free(&a->scratch);
	buf_free(&a->bodies);
	free(a);
}

static struct format *make(struct sink *out, const struct format_options *options, bool is_file)
{
	static const struct format_ops ops = { begin, put_batch, end, free_arrow };
	struct arrow *a = mem_zero(1, sizeof *a);

	a->base = (struct format){ &ops, out };
	a->is_file = is_file;
	a->notes.fingerprint = a->fingerprint;
	a->notes.end = is_file ? NULL : "FFFFFFFF00000000";
	a->notes.zone = options && options->zone ? zone_name(options->zone) : "UTC";
	return &a->base;
}

struct format *arrow_new(struct sink *out, const struct format_options *options)
{
	return make(out, options, true);
}

struct format *arrows_new(struct sink *out, const struct format_options *options)
{
	return make(out, options, false);
}
