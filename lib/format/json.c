/*
 * NDJSON and JSON: one object (RFC 8259) a row, without spaces, on a line of its own; NDJSON ends
 * each line with its line feed, JSON makes an array of them:
 *
 *	{"id":1}	[{"id":1},
 *	{"id":2}	{"id":2}]
 *
 * Numbers keep all their digits; what JSON has no number for (NaN, Infinity) is null. JSON values
 * are nested as they came, on one line; binary is base64; every other type is a string. Options
 * change that column by column: how one is written, its shape, is known at begin.
 *
 * What stands before a value never changes: ,"name": for each column, made at begin.
 */
#include "lib/format/block.h"
#include "lib/format/formats.h"
#include "lib/format/json_text.h"
#include "lib/format/row_out.h"
#include "lib/format/text.h"

enum { KEY_COPY = 32 }; /* bytes of a key copied in one go */

enum shape {
	SHAPE_TEXT, /* as text_value has it: true, 1 */
	SHAPE_NUMBER,
	SHAPE_QUOTED_NUMBER,
	SHAPE_QUOTED,
	SHAPE_AUTO,  /* a number where every reader keeps its digits, otherwise a string */
	SHAPE_LOCAL, /* a timestamp in the zone */
	SHAPE_DIGITS,
	SHAPE_QUOTED_DIGITS,
	SHAPE_STRING,
	SHAPE_JSON,
	SHAPE_TYPED_JSON, /* as somebody has spelled it: its escapes may be none of a character */
	SHAPE_BASE64,
	SHAPE_HEX
};

struct member {
	const char *key; /* ,"name": and readable up to KEY_COPY; no comma when always first */
	size_t key_len;
	enum shape shape;
	int scale;
};

/* What opens a row: { and before it what parts it from the row before. */
struct opening {
	char text[4];
	size_t len;
};

static const struct opening opening_first = { "{", 1 }, opening_next = { ",\n{", 3 };

struct json {
	struct format base;
	struct member *members; /* one a column */
	const struct opening *now, *later;
	bool is_array;
	bool are_nans_strings;
	bool are_nulls_omitted;
	const struct format_options *options; /* borrowed */
	struct arena arena;                   /* owns the members */
	struct row_out out;
};

#define PUT(p, literal) (memcpy(p, literal, sizeof literal - 1), (p) + sizeof literal - 1)

static inline char *put_key(char *p, const char *key, size_t len)
{
	memcpy(p, key, KEY_COPY);
	if (__builtin_expect(len > KEY_COPY, 0))
		memcpy(p, key, len);
	return p + len;
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

static inline char *put_string(struct row_out *o, char *p, const struct column *c, int32_t row)
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

static char *put_flat(struct row_out *o, char *p, const uint8_t *in, size_t len)
{
	for (size_t n = len; len; in += n, len -= n, n = len) {
		const uint8_t *span = row_out_span(o, in, &n);

		p = json_text_flatten(row_out_room(o, p, n), span, n);
	}
	return p;
}

/* Half a surrogate pair becomes U+FFFD: the server takes it, readers refuse the whole document for it. */
static __attribute__((noinline)) char *put_typed_json(
	struct row_out *o, char *p, const struct column *c, int32_t row)
{
	size_t len;
	const uint8_t *in = column_bytes(c, row, &len), *end = in + len;
	const uint8_t *lone = json_text_lone_surrogate(in, end);

	if (lone == end)
		return put_json(o, p, c, row);
	for (; lone < end; lone = json_text_lone_surrogate(in, end)) {
		p = put_flat(o, p, in, (size_t)(lone - in));
		p = row_out_room(o, p, 6);
		p = PUT(p, "\\ufffd");
		in = lone + 6;
	}
	return put_flat(o, p, in, (size_t)(end - in));
}

static char *put_base64(struct row_out *o, char *p, const struct column *c, int32_t row)
{
	static const struct span_writer base64 = { text_base64, 2 };

	*p++ = '"';
	p = put_spans(o, p, c, row, &base64);
	*p++ = '"';
	return p;
}

/* The server's \x, escaped. */
static char *put_hex(struct row_out *o, char *p, const struct column *c, int32_t row)
{
	static const struct span_writer hex = { text_hex, 2 };

	p = PUT(p, "\"\\\\x");
	p = put_spans(o, p, c, row, &hex);
	*p++ = '"';
	return p;
}

/* Not inlined into the loop over rows, where put_string is. */
static __attribute__((noinline)) char *put_quoted_digits(
	struct json *j, char *p, const struct column *c, int32_t row)
{
	return put_string(&j->out, p, c, row);
}

/* NaN, Infinity and -Infinity are the only texts that do not end with a digit. */
static inline char *put_digits(
	struct json *j, char *p, const struct column *c, int32_t row, bool is_quoted)
{
	size_t len;
	const uint8_t *in = column_bytes(c, row, &len);

	if (__builtin_expect(len == 0 || in[len - 1] > '9', 0))
		return j->are_nans_strings ? put_quoted_digits(j, p, c, row) : PUT(p, "null");
	return is_quoted ? put_quoted_digits(j, p, c, row) : put_json(&j->out, p, c, row);
}

/* ---- fixed-width values */

/* The text from p to end is no number: null, or a string. */
static __attribute__((noinline)) char *put_no_number(const struct json *j, char *p, char *end)
{
	size_t len = (size_t)(end - p);

	if (!j->are_nans_strings)
		return PUT(p, "null");
	memmove(p + 1, p, len);
	p[0] = p[1 + len] = '"';
	return p + len + 2;
}

/* NaN, Infinity and -Infinity alone do not end with a digit. */
static inline char *put_number(
	const struct json *j, char *p, const struct column *c, int32_t row, int scale)
{
	char *end = text_value(p, c, row, scale);

	return end[-1] > '9' ? put_no_number(j, p, end) : end;
}

static char *put_quoted_number(
	const struct json *j, char *p, const struct column *c, int32_t row, int scale)
{
	char *end = text_value(p + 1, c, row, scale);

	if (end[-1] > '9' && !j->are_nans_strings)
		return PUT(p, "null");
	*p = *end = '"';
	return end + 1;
}

static char *put_quoted(char *p, const struct column *c, int32_t row)
{
	*p++ = '"';
	p = text_value(p, c, row, 0);
	*p++ = '"';
	return p;
}

/* Within +-(2^53 - 1) a double holds every integer, and none stands for two: what JavaScript calls
 * safe, and RFC 7493 (section 2.2) interoperable. */
static char *put_auto(char *p, const struct column *c, int32_t row)
{
	const int64_t safe = (INT64_C(1) << 53) - 1;
	int64_t v = COLUMN_VALUE(c, int64_t, row);

	return v < -safe || v > safe ? put_quoted(p, c, row) : text_int64(p, v);
}

static char *put_local(char *p, const struct column *c, int32_t row, struct zone *zone)
{
	*p++ = '"';
	p = text_timestamptz_in(p, COLUMN_VALUE(c, int64_t, row), zone);
	*p++ = '"';
	return p;
}

/* One that is not NULL. Two loops call it, and a call a cell would cost each of them. */
static inline __attribute__((always_inline)) char *put_value(
	struct json *j, char *p, const struct column *c, int32_t row, const struct member *m)
{
	switch (m->shape) {
	case SHAPE_TEXT: return text_value(p, c, row, m->scale);
	case SHAPE_NUMBER: return put_number(j, p, c, row, m->scale);
	case SHAPE_QUOTED_NUMBER: return put_quoted_number(j, p, c, row, m->scale);
	case SHAPE_QUOTED: return put_quoted(p, c, row);
	case SHAPE_AUTO: return put_auto(p, c, row);
	case SHAPE_LOCAL: return put_local(p, c, row, j->options->zone);
	case SHAPE_DIGITS: return put_digits(j, p, c, row, false);
	case SHAPE_QUOTED_DIGITS: return put_digits(j, p, c, row, true);
	case SHAPE_STRING: return put_string(&j->out, p, c, row);
	case SHAPE_JSON: return put_json(&j->out, p, c, row);
	case SHAPE_TYPED_JSON: return put_typed_json(&j->out, p, c, row);
	case SHAPE_BASE64: return put_base64(&j->out, p, c, row);
	case SHAPE_HEX: return put_hex(&j->out, p, c, row);
	}
	return p;
}

/* ---- rows */

static inline char *put_members(struct json *j, char *p, const struct batch *b, int32_t row)
{
	for (size_t i = 0; i < b->columns_n; i++) {
		const struct member *m = &j->members[i];
		const struct column *c = &b->columns[i];

		p = put_key(p, m->key, m->key_len);
		p = column_is_null(c, row) ? PUT(p, "null") : put_value(j, p, c, row, m);
	}
	return p;
}

/* Whichever comes first goes without its comma. */
static __attribute__((noinline)) char *put_members_present(
	struct json *j, char *p, const struct batch *b, int32_t row)
{
	for (size_t i = 0, comma = 0; i < b->columns_n; i++) {
		const struct member *m = &j->members[i];
		const struct column *c = &b->columns[i];

		if (column_is_null(c, row))
			continue;
		p = put_key(p, m->key + !comma, m->key_len - !comma);
		p = put_value(j, p, c, row, m);
		comma = 1;
	}
	return p;
}

static void put_batch(struct format *f, const struct batch *b)
{
	struct json *j = (struct json *)f;
	char *p = j->out.data;

	for (int32_t row = 0; row < b->rows; row++) {
		p = row_out_row(&j->out, p);
		memcpy(p, j->now->text, sizeof j->now->text);
		p += j->now->len;
		j->now = j->later;
		p = j->are_nulls_omitted ? put_members_present(j, p, b, row)
					 : put_members(j, p, b, row);
		memcpy(p, "}\n", 2);
		p += j->is_array ? 1 : 2;
	}
	row_out_flush(&j->out, p);
}

/* ---- the format */

static enum shape shape_of(const struct field *field, const struct format_options *o)
{
	switch (field->type) {
	case TYPE_BOOL:
	case TYPE_INT16:
	case TYPE_INT32: return SHAPE_TEXT;
	case TYPE_INT64:
		return o->bigint == BIGINT_AUTO     ? SHAPE_AUTO
		       : o->bigint == BIGINT_STRING ? SHAPE_QUOTED
						    : SHAPE_TEXT;
	case TYPE_FLOAT32:
	case TYPE_FLOAT64: return SHAPE_NUMBER;
	case TYPE_DECIMAL128:
		return o->numeric == DECIMAL_STRING ? SHAPE_QUOTED_NUMBER : SHAPE_NUMBER;
	case TYPE_DECIMAL_TEXT:
		return o->numeric == DECIMAL_STRING ? SHAPE_QUOTED_DIGITS : SHAPE_DIGITS;
	case TYPE_TIMESTAMPTZ: return o->zone ? SHAPE_LOCAL : SHAPE_QUOTED;
	case TYPE_UTF8: return SHAPE_STRING;
	case TYPE_JSON:
		return field->json == JSON_TEXT || field->json == JSON_LIST ? SHAPE_TYPED_JSON
									    : SHAPE_JSON;
	case TYPE_BINARY: return o->binary == BINARY_HEX ? SHAPE_HEX : SHAPE_BASE64;
	default: return SHAPE_QUOTED;
	}
}

static void make_key(struct json *j, struct member *m, const char *name, bool has_comma)
{
	enum { COMMA = 1 };
	size_t len = strlen(name);
	uint8_t *in = arena_zero(&j->arena, len + BLOCK_SLACK, 1);
	char *out = arena_zero(&j->arena, 6 * len + BLOCK_SLACK + KEY_COPY + COMMA, 1);

	memcpy(in, name, len);
	m->key = out;
	out = has_comma ? PUT(out, ",\"") : PUT(out, "\"");
	out = json_text_escape(out, in, len);
	out = PUT(out, "\":");
	m->key_len = (size_t)(out - m->key);
}

static void begin(struct format *f, const struct schema *schema)
{
	enum { QUOTES = 5, NULL_LEN = 4, ROW = sizeof opening_next.text + 2 }; /* "\\x"; }LF */
	struct json *j = (struct json *)f;
	size_t fixed = ROW;

	j->members = arena_zero(&j->arena, schema->n, sizeof *j->members);
	for (size_t i = 0; i < schema->n; i++) {
		const struct field *field = &schema->fields[i];
		struct member *m = &j->members[i];

		m->shape = shape_of(field, j->options);
		m->scale = field->scale;
		make_key(j, m, field->name, i || j->are_nulls_omitted);
		fixed += m->key_len + KEY_COPY + QUOTES + NULL_LEN + text_room(field);
	}
	row_out_init(&j->out, f->out, fixed);
	if (j->is_array)
		sink_put(f->out, "[", 1);
}

/* Every batch was put whole; behind the last row of NDJSON stands nothing. */
static void end(struct format *f)
{
	if (((struct json *)f)->is_array)
		sink_put(f->out, "]\n", 2);
}

static void free_json(struct format *f)
{
	struct json *j = (struct json *)f;

	arena_free(&j->arena);
	row_out_free(&j->out);
	free(j);
}

static struct format *make(struct sink *out, const struct format_options *options, bool is_array)
{
	static const struct format_ops ops = { begin, put_batch, end, free_json };
	static const struct format_options plain; /* the first word of each */
	struct json *j = mem_zero(1, sizeof *j);

	j->base = (struct format){ &ops, out };
	j->options = options ? options : &plain;
	j->is_array = is_array;
	j->are_nans_strings = j->options->nan == NAN_STRING;
	j->are_nulls_omitted = j->options->nulls == NULLS_OMIT;
	j->now = &opening_first;
	j->later = is_array ? &opening_next : &opening_first;
	return &j->base;
}

struct format *ndjson_new(struct sink *out, const struct format_options *options)
{
	return make(out, options, false);
}

struct format *json_new(struct sink *out, const struct format_options *options)
{
	return make(out, options, true);
}

/* A number's digits are all there, however few of them a reader may keep. */
static struct format_written number_written(
	bool is_string, const struct format_options *o, const char *nulls)
{
	bool is_mixed = !is_string && o->nan == NAN_STRING;

	return (struct format_written){ is_string  ? "string"
					: is_mixed ? "number or string"
						   : "number",
		o->nan == NAN_STRING ? NULL : nulls };
}

static const char *json_lossy(const struct field *field, const struct format_options *o)
{
	bool is_null_lost = o->nulls != NULLS_OMIT;

	switch ((enum json_kind)field->json) {
	case JSON_TEXT:
		return is_null_lost ? "line breaks within, white space around it, halves of "
				      "surrogate pairs, and whether a null was JSON's or SQL's"
				    : "line breaks within, white space around it, and halves of "
				      "surrogate pairs";
	case JSON_BINARY: return is_null_lost ? "whether a null was JSON's or SQL's" : NULL;
	case JSON_LIST:
		return "lower bounds of arrays; of JSON within them, line breaks, halves of "
		       "surrogate pairs and what tells its arrays and nulls from those of SQL";
	case JSON_RECORD:
	case JSON_VECTOR: return NULL;
	}
	return NULL;
}

struct format_written json_written(const struct field *field, const struct format_options *options)
{
	static const struct format_options plain;
	static const char all[] = "NaN, Infinity and -Infinity, which are written as null";
	const struct format_options *o = options ? options : &plain;

	switch (field->type) {
	case TYPE_BOOL: return (struct format_written){ "boolean", NULL };
	case TYPE_INT16:
	case TYPE_INT32: return (struct format_written){ "number", NULL };
	case TYPE_INT64:
		return (struct format_written){ o->bigint == BIGINT_AUTO     ? "number or string"
						: o->bigint == BIGINT_STRING ? "string"
									     : "number",
			NULL };
	case TYPE_FLOAT32:
	case TYPE_FLOAT64: return number_written(false, o, all);
	case TYPE_DECIMAL128:
		return number_written(
			o->numeric == DECIMAL_STRING, o, "NaN, which is written as null");
	case TYPE_DECIMAL_TEXT: return number_written(o->numeric == DECIMAL_STRING, o, all);
	case TYPE_JSON: return (struct format_written){ "any", json_lossy(field, o) };
	default: return (struct format_written){ "string", NULL };
	}
}
