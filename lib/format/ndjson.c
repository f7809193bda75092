/*
 * NDJSON: one JSON object (RFC 8259) a row, without spaces, each behind its line feed. Numbers
 * keep all their digits; what JSON has no number for (NaN, Infinity) is null. JSON values are
 * nested as they came, on one line; binary is base64; every other type is a string.
 *
 * What stands before a value never changes: {"name": or ,"name": for each column, made at begin.
 */
#include "lib/format/block.h"
#include "lib/format/formats.h"
#include "lib/format/json_text.h"
#include "lib/format/row_out.h"
#include "lib/format/text.h"

enum { KEY_COPY = 32 }; /* bytes of a key copied in one go */

struct key {
	char *text; /* readable up to KEY_COPY */
	size_t len;
};

struct ndjson {
	struct format base;
	const struct schema *schema; /* borrowed */
	struct key *keys;            /* one a column */
	struct arena arena;          /* owns the keys */
	struct row_out out;
};

#define PUT(p, literal) (memcpy(p, literal, sizeof literal - 1), (p) + sizeof literal - 1)

static inline char *put_key(char *p, const struct key *k)
{
	memcpy(p, k->text, KEY_COPY);
	if (__builtin_expect(k->len > KEY_COPY, 0))
		memcpy(p, k->text, k->len);
	return p + k->len;
}

/* ---- variable values: through a writer of spans that may make `worst` bytes out of one */

struct span_writer {
	char *(*put)(char *, const uint8_t *, size_t);
	size_t worst;
};

static char *put_spans(struct row_out *o, char *p, const struct column *c, int32_t row,
	const struct span_writer *w)
{
	size_t len;
	const uint8_t *in = column_bytes(c, row, &len);

	if (row_out_is_short(c, row, len))
		return w->put(row_out_room(o, p, len * w->worst), in, len);
	for (size_t n = len; len; in += n, len -= n, n = len) {
		const uint8_t *span = row_out_span(o, in, &n);

		p = w->put(row_out_room(o, p, n * w->worst), span, n);
	}
	return p;
}

static char *put_string(struct row_out *o, char *p, const struct column *c, int32_t row)
{
	static const struct span_writer escape = { json_text_escape, 6 };

	*p++ = '"';
	p = put_spans(o, p, c, row, &escape);
	*p++ = '"';
	return p;
}

static char *put_json(struct row_out *o, char *p, const struct column *c, int32_t row)
{
	static const struct span_writer flatten = { json_text_flatten, 1 };

	return put_spans(o, p, c, row, &flatten);
}

static char *put_binary(struct row_out *o, char *p, const struct column *c, int32_t row)
{
	static const struct span_writer base64 = { text_base64, 2 };

	*p++ = '"';
	p = put_spans(o, p, c, row, &base64);
	*p++ = '"';
	return p;
}

/* NaN, Infinity and -Infinity are the only texts that do not end with a digit. */
static char *put_decimal_text(struct row_out *o, char *p, const struct column *c, int32_t row)
{
	size_t len;
	const uint8_t *in = column_bytes(c, row, &len);

	if (len == 0 || in[len - 1] > '9')
		return PUT(p, "null");
	return put_json(o, p, c, row);
}

/* ---- fixed-width values */

/* A number, or null when the text is none: NaN, Infinity and -Infinity alone do not end with a
 * digit. */
static char *put_number(char *p, const struct column *c, int32_t row, int scale)
{
	char *end = text_value(p, c, row, scale);

	return end[-1] > '9' ? PUT(p, "null") : end;
}

static char *put_quoted(char *p, const struct column *c, int32_t row)
{
	*p++ = '"';
	p = text_value(p, c, row, 0);
	*p++ = '"';
	return p;
}

static inline char *put_value(
	struct ndjson *nd, char *p, const struct column *c, int32_t row, int scale)
{
	if (column_is_null(c, row))
		return PUT(p, "null");
	switch (c->type) {
	case TYPE_BOOL:
	case TYPE_INT16:
	case TYPE_INT32:
	case TYPE_INT64: return text_value(p, c, row, scale);
	case TYPE_FLOAT32:
	case TYPE_FLOAT64:
	case TYPE_DECIMAL128: return put_number(p, c, row, scale);
	case TYPE_DECIMAL_TEXT: return put_decimal_text(&nd->out, p, c, row);
	case TYPE_UTF8: return put_string(&nd->out, p, c, row);
	case TYPE_JSON: return put_json(&nd->out, p, c, row);
	case TYPE_BINARY: return put_binary(&nd->out, p, c, row);
	default: return put_quoted(p, c, row);
	}
}

/* ---- the format */

static void put_batch(struct format *f, const struct batch *b)
{
	struct ndjson *nd = (struct ndjson *)f;
	const struct field *fields = nd->schema->fields;
	char *p = nd->out.data;

	for (int32_t row = 0; row < b->rows; row++) {
		p = row_out_row(&nd->out, p);
		if (b->columns_n == 0)
			*p++ = '{';
		for (size_t i = 0; i < b->columns_n; i++) {
			p = put_key(p, &nd->keys[i]);
			p = put_value(nd, p, &b->columns[i], row, fields[i].scale);
		}
		p = PUT(p, "}\n");
	}
	row_out_flush(&nd->out, p);
}

static void make_key(struct ndjson *nd, size_t i)
{
	struct key *k = &nd->keys[i];
	const char *name = nd->schema->fields[i].name;
	size_t len = strlen(name);
	uint8_t *in = arena_zero(&nd->arena, len + BLOCK_SLACK, 1);
	char *out = arena_zero(&nd->arena, 6 * len + BLOCK_SLACK + KEY_COPY, 1);

	memcpy(in, name, len);
	k->text = out;
	*out++ = i ? ',' : '{';
	*out++ = '"';
	out = json_text_escape(out, in, len);
	out = PUT(out, "\":");
	k->len = (size_t)(out - k->text);
}

static void begin(struct format *f, const struct schema *schema)
{
	enum { QUOTES = 2, NULL_LEN = 4, ROW = 3 }; /* {} and LF */
	struct ndjson *nd = (struct ndjson *)f;
	size_t fixed = ROW;

	nd->schema = schema;
	nd->keys = arena_zero(&nd->arena, schema->n, sizeof *nd->keys);
	for (size_t i = 0; i < schema->n; i++) {
		make_key(nd, i);
		fixed += nd->keys[i].len + KEY_COPY + QUOTES + NULL_LEN +
			 text_room(&schema->fields[i]);
	}
	row_out_init(&nd->out, f->out, fixed);
}

static void end(struct format *f)
{
	(void)f; /* every batch was put whole, and nothing stands behind the last row */
}

static void free_ndjson(struct format *f)
{
	struct ndjson *nd = (struct ndjson *)f;

	arena_free(&nd->arena);
	row_out_free(&nd->out);
	free(nd);
}

struct format *ndjson_new(struct sink *out, const struct format_options *options)
{
	static const struct format_ops ops = { begin, put_batch, end, free_ndjson };
	struct ndjson *nd = mem_zero(1, sizeof *nd);

	(void)options;
	nd->base = (struct format){ &ops, out };
	return &nd->base;
}

struct format_written json_written(const struct field *field, const struct format_options *options)
{
	(void)options;
	switch (field->type) {
	case TYPE_BOOL: return (struct format_written){ "boolean", NULL };
	case TYPE_INT16:
	case TYPE_INT32:
	case TYPE_INT64: return (struct format_written){ "number", NULL };
	case TYPE_JSON: return (struct format_written){ "any", NULL };
	default: return (struct format_written){ "string", NULL };
	}
}
