/*
 * CSV after RFC 4180: a header line with the names, comma, CRLF. A value is quoted when it holds
 * a comma, a quote, CR or LF, or when it is empty; NULL is nothing at all, so that the two
 * differ. Binary is \x and hexadecimal digits.
 */
#include "lib/format/formats.h"
#include "lib/format/block.h"
#include "lib/format/row_out.h"
#include "lib/format/text.h"

struct csv {
	struct format base;
	const struct schema *schema;   /* borrowed */
	struct format_options options; /* its strings are borrowed */
	struct row_out out;
};

static inline unsigned special_bits(struct block b)
{
	return block_bits(block_or(block_or(block_equal(b, ','), block_equal(b, '"')),
		block_or(block_equal(b, '\r'), block_equal(b, '\n'))));
}

/* Copy `len` bytes; false when one of them asks for quotes. Reads and writes to the end of the
 * last block. */
static bool copy_plain(char *out, const uint8_t *in, size_t len)
{
	size_t i = 0;

	for (; i + BLOCK <= len; i += BLOCK) {
		struct block b = block_load(in + i);

		block_store(out + i, b);
		if (special_bits(b))
			return false;
	}
	struct block b = block_load(in + i);

	block_store(out + i, b);
	return !(special_bits(b) & block_first(len - i));
}

/* From the lowest quote on, what follows is stored again, one byte further than before, which
 * leaves the quote standing twice. Returns the quotes left; with none, what is stored lies behind
 * the end. */
static inline unsigned shift_rest(char *to, const uint8_t *in, unsigned quotes, size_t len)
{
	int at = __builtin_ctz(quotes | 1u << len);

	block_store(to + at, block_load(in + at));
	return quotes & (quotes - 1);
}

/* One block with its quotes doubled. Four are done without asking how many there are: a branch on
 * that number would be guessed wrong most of the time. Reads two blocks. */
static inline char *put_doubled(char *out, const uint8_t *in, unsigned quotes, size_t len)
{
	unsigned left = quotes;
	char *to = out;

	block_store(out, block_load(in));
	do {
		left = shift_rest(to + 1, in, left, len);
		left = shift_rest(to + 2, in, left, len);
		left = shift_rest(to + 3, in, left, len);
		left = shift_rest(to += 4, in, left, len);
	} while (left);
	return out + len + __builtin_popcount(quotes);
}

/* Copy `len` bytes with quotes doubled: room for 2 * len. Reads and writes up to BLOCK_SLACK
 * bytes more. */
static char *copy_doubled(char *out, const uint8_t *in, size_t len)
{
	for (; len >= BLOCK; in += BLOCK, len -= BLOCK) {
		unsigned quotes = block_bits(block_equal(block_load(in), '"'));

		out = put_doubled(out, in, quotes, BLOCK);
	}
	unsigned quotes = block_bits(block_equal(block_load(in), '"')) & block_first(len);

	return put_doubled(out, in, quotes, len);
}

static char *put_field(char *p, const uint8_t *in, size_t len)
{
	if (len && copy_plain(p, in, len))
		return p + len;
	*p++ = '"';
	p = copy_doubled(p, in, len);
	*p++ = '"';
	return p;
}

/* A value span by span: first to see whether it needs quotes, then to write it. */
static char *put_long_field(struct row_out *o, char *p, const uint8_t *in, size_t len)
{
	bool is_plain = len > 0;

	p = row_out_room(o, p, ROW_OUT_SPAN);
	for (size_t at = 0, n = len; at < len && is_plain; at += n, n = len - at) {
		const uint8_t *span = row_out_span(o, in + at, &n);

		is_plain = copy_plain(p, span, n);
	}
	if (!is_plain)
		*p++ = '"';
	for (size_t at = 0, n = len; at < len; at += n, n = len - at) {
		const uint8_t *span = row_out_span(o, in + at, &n);

		p = row_out_room(o, p, 2 * n);
		p = copy_doubled(p, span, n);
	}
	if (!is_plain)
		*p++ = '"';
	return p;
}

static char *put_text(struct row_out *o, char *p, const struct column *c, int32_t row)
{
	size_t len;
	const uint8_t *in = column_bytes(c, row, &len);

	if (!row_out_is_short(c, row, len))
		return put_long_field(o, p, in, len);
	return put_field(row_out_room(o, p, 2 * len), in, len);
}

static char *put_binary(struct row_out *o, char *p, const struct column *c, int32_t row)
{
	size_t len;
	const uint8_t *in = column_bytes(c, row, &len);

	*p++ = '\\';
	*p++ = 'x';
	for (size_t at = 0; at < len; at += ROW_OUT_SPAN) {
		size_t n = len - at < ROW_OUT_SPAN ? len - at : ROW_OUT_SPAN;

		p = text_hex(row_out_room(o, p, 2 * n), in + at, n);
	}
	return p;
}

static inline char *put_cell(
	struct csv *csv, char *p, const struct column *c, int32_t row, int scale)
{
	if (column_is_null(c, row))
		return p;
	switch (c->type) {
	case TYPE_DECIMAL_TEXT:
	case TYPE_UTF8:
	case TYPE_JSON: return put_text(&csv->out, p, c, row);
	case TYPE_BINARY: return put_binary(&csv->out, p, c, row);
	default: return text_value(p, c, row, scale);
	}
}

/* In the place of the last comma; a row of no columns has none. */
static inline char *end_row(char *p, size_t columns_n)
{
	p -= columns_n > 0;
	*p++ = '\r';
	*p++ = '\n';
	return p;
}

static void put_batch(struct format *f, const struct batch *b)
{
	struct csv *csv = (struct csv *)f;
	const struct field *fields = csv->schema->fields;
	char *p = csv->out.data;

	for (int32_t row = 0; row < b->rows; row++) {
		p = row_out_row(&csv->out, p);
		for (size_t i = 0; i < b->columns_n; i++) {
			p = put_cell(csv, p, &b->columns[i], row, fields[i].scale);
			*p++ = ',';
		}
		p = end_row(p, b->columns_n);
	}
	row_out_flush(&csv->out, p);
}

static void put_header(struct csv *csv)
{
	char *p = csv->out.data;

	for (size_t i = 0; i < csv->schema->n; i++) {
		const char *name = csv->schema->fields[i].name;

		p = put_long_field(&csv->out, p, (const uint8_t *)name, strlen(name));
		*p++ = ',';
	}
	row_out_flush(&csv->out, end_row(p, csv->schema->n));
}

static void begin(struct format *f, const struct schema *schema)
{
	enum { EACH = 3, ROW = 2 }; /* quotes or \x, comma; CRLF */
	struct csv *csv = (struct csv *)f;
	size_t fixed = ROW;

	for (size_t i = 0; i < schema->n; i++)
		fixed += EACH + text_room(&schema->fields[i]);
	csv->schema = schema;
	row_out_init(&csv->out, f->out, fixed);
	put_header(csv);
}

static void end(struct format *f)
{
	(void)f; /* every batch was put whole, and nothing stands behind the last row */
}

static void free_csv(struct format *f)
{
	row_out_free(&((struct csv *)f)->out);
	free(f);
}

static struct format *new (struct sink *out, const struct format_options *options, bool is_tsv)
{
	static const struct format_ops ops = { begin, put_batch, end, free_csv };
	struct csv *csv = mem_zero(1, sizeof *csv);

	csv->base = (struct format){ &ops, out };
	if (options)
		csv->options = *options;
	else
		format_options_init(&csv->options, is_tsv);
	return &csv->base;
}

struct format *csv_new(struct sink *out, const struct format_options *options)
{
	return new (out, options, false);
}

struct format *tsv_new(struct sink *out, const struct format_options *options)
{
	return new (out, options, true);
}

struct format_written csv_written(const struct field *field, const struct format_options *options)
{
	(void)options;
	(void)field;
	return (struct format_written){ "text", NULL };
}
