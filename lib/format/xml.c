#include "lib/format/xml.h"

#include "lib/format/block.h"
#include "lib/format/formats.h"
#include "lib/format/row_out.h"
#include "lib/format/text.h"
#include "lib/format/xml_json.h"
#include "lib/format/xml_name.h"
#include "lib/format/xml_text.h"

struct xml {
	struct format base;
	const struct schema *schema;  /* borrowed */
	const char *root;             /* its name */
	const char *row;              /* its opening tag */
	const char *attributes;       /* of the root, but for its namespace */
	struct zone *zone;            /* borrowed; NULL: UTC */
	struct xml_element *elements; /* one a column; the first opens the row too */
	struct xml_tag row_open;      /* of a row without columns */
	struct xml_tag row_close;
	struct arena arena; /* owns names and tags */
	struct xml_json json;
	struct row_out out;
};

#define PUT(p, literal) (memcpy(p, literal, sizeof literal - 1), (p) + sizeof literal - 1)

/* ---- values */

/* NaN as it is; Infinity and -Infinity, which alone end so, as INF and -INF. */
static char *put_float(char *p, const struct column *c, int32_t row)
{
	char *end = text_value(p, c, row, 0);

	return end[-1] == 'y' ? PUT(p + (*p == '-'), "INF") : end;
}

static inline char *put_bytes(struct row_out *o, char *p, const struct column *c, int32_t row)
{
	size_t len;
	const uint8_t *in = column_bytes(c, row, &len);

	if (__builtin_expect(!row_out_is_short(c, row, len), 0))
		return xml_text_escape_long(o, p, in, len);
	return xml_text_escape(row_out_room(o, p, len * XML_TEXT_WORST), in, len);
}

static char *put_decimal_text(struct row_out *o, char *p, const struct column *c, int32_t row)
{
	size_t len;
	const uint8_t *in = column_bytes(c, row, &len);

	if (len == 0 || in[len - 1] != 'y')
		return put_bytes(o, p, c, row);
	*p = '-';
	return PUT(p + (*in == '-'), "INF");
}

static char *put_binary(struct row_out *o, char *p, const struct column *c, int32_t row)
{
	size_t len;
	const uint8_t *in = column_bytes(c, row, &len);

	for (size_t at = 0; at < len; at += ROW_OUT_SPAN) {
		size_t n = len - at < ROW_OUT_SPAN ? len - at : ROW_OUT_SPAN;

		p = text_base64(row_out_room(o, p, text_base64_room(n)), in + at, n);
	}
	return p;
}

static char *put_json(
	struct xml *x, char *p, const struct xml_element *e, const struct column *c, int32_t row)
{
	size_t len;
	const uint8_t *in = column_bytes(c, row, &len);

	return xml_json_put(
		&x->json, &x->out, p, e, in, len, c->data_cap - (size_t)c->offsets[row]);
}

static inline char *put_content(
	struct xml *x, char *p, const struct column *c, int32_t row, int scale)
{
	switch (c->type) {
	case TYPE_FLOAT32:
	case TYPE_FLOAT64: return put_float(p, c, row);
	case TYPE_DECIMAL_TEXT: return put_decimal_text(&x->out, p, c, row);
	case TYPE_UTF8: return put_bytes(&x->out, p, c, row);
	case TYPE_BINARY: return put_binary(&x->out, p, c, row);
	case TYPE_TIMESTAMPTZ:
		return text_timestamptz_in(p, COLUMN_VALUE(c, int64_t, row), x->zone);
	default: return text_value(p, c, row, scale);
	}
}

static inline char *put_cell(struct xml *x, char *p, const struct xml_element *e,
	const struct column *c, int32_t row, int scale)
{
	if (column_is_null(c, row))
		return xml_tag_put(p, &e->nil);
	if (c->type == TYPE_JSON)
		return put_json(x, p, e, c, row);
	p = xml_tag_put(p, &e->open);
	p = put_content(x, p, c, row, scale);
	return xml_tag_put(p, &e->close);
}

/* ---- the format */

static void put_batch(struct format *f, const struct batch *b)
{
	struct xml *x = (struct xml *)f;
	const struct field *fields = x->schema->fields;
	char *p = x->out.data;

	for (int32_t row = 0; row < b->rows; row++) {
		p = row_out_row(&x->out, p);
		if (b->columns_n == 0)
			p = xml_tag_put(p, &x->row_open);
		for (size_t i = 0; i < b->columns_n; i++)
			p = put_cell(x, p, &x->elements[i], &b->columns[i], row, fields[i].scale);
		p = xml_tag_put(p, &x->row_close);
	}
	row_out_flush(&x->out, p);
}

static struct xml_tag make_tag(
	struct arena *a, const char *row, const char *before, const char *name, const char *after)
{
	char *text = arena_printf(a, "%s%s%s%s%*s", row, before, name, after, XML_TAG_COPY, "");

	return (struct xml_tag){ text, strlen(text) - XML_TAG_COPY };
}

/* Returns the bytes that all of it may take, values apart. */
static size_t make_element(struct xml *x, size_t i)
{
	struct xml_element *e = &x->elements[i];
	const char *row = i ? "" : x->row;
	struct buf name = { 0 };

	xml_name_map(&name, x->schema->fields[i].name);
	e->open = make_tag(&x->arena, row, "<", buf_str(&name), ">");
	e->close = make_tag(&x->arena, "", "</", buf_str(&name), ">");
	e->nil = make_tag(&x->arena, row, "<", buf_str(&name), " xsi:nil=\"true\"/>");
	buf_free(&name);
	return e->open.len + e->close.len + e->nil.len + 2 * XML_TAG_COPY;
}

static void put_head(struct xml *x)
{
	struct buf head = { 0 };

	buf_printf(&head,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<%s%s xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n",
		x->root, x->attributes);
	sink_put(x->base.out, head.data, head.len);
	buf_free(&head);
}

static void begin(struct format *f, const struct schema *schema)
{
	enum { INFINITE = 4 }; /* -INF, where it is not among the type's own room */
	struct xml *x = (struct xml *)f;
	size_t fixed = x->row_open.len + x->row_close.len + 2 * XML_TAG_COPY;

	x->schema = schema;
	x->elements = arena_zero(&x->arena, schema->n, sizeof *x->elements);
	for (size_t i = 0; i < schema->n; i++)
		fixed += make_element(x, i) + INFINITE + text_room(&schema->fields[i]);
	row_out_init(&x->out, f->out, fixed);
	put_head(x);
}

static void end(struct format *f)
{
	struct xml *x = (struct xml *)f;
	struct buf tail = { 0 };

	buf_printf(&tail, "</%s>\n", x->root);
	sink_put(f->out, tail.data, tail.len);
	buf_free(&tail);
}

static void free_xml(struct format *f)
{
	struct xml *x = (struct xml *)f;

	xml_json_free(&x->json);
	arena_free(&x->arena);
	row_out_free(&x->out);
	free(x);
}

static const char *map_name(struct arena *a, const char *name)
{
	struct buf mapped = { 0 };
	const char *copy;

	xml_name_map(&mapped, name);
	copy = arena_strndup(a, mapped.data, mapped.len);
	buf_free(&mapped);
	return copy;
}

/* Between quotes a parser turns TAB and LF into spaces, too (XML 1.0, section 3.3.3). */
static void put_attribute(struct buf *out, const char *value)
{
	const uint8_t *in = (const uint8_t *)value, *end = in + strlen(value);

	while (in < end) {
		uint32_t c = xml_text_next(&in, end);

		if (c == '"' || c == '\t' || c == '\n')
			buf_printf(out, "&#%u;", c);
		else
			out->len = (size_t)(xml_text_put(buf_reserve(out, XML_TEXT_CHAR), c) -
					    out->data);
	}
}

static const char *make_attributes(struct arena *a, const char *table)
{
	struct buf text = { 0 };
	const char *attributes;

	if (!table)
		return "";
	put_attribute(&text, table);
	attributes = arena_printf(a, " name=\"%s\"", buf_str(&text));
	buf_free(&text);
	return attributes;
}

struct format *xml_new(struct sink *out, const struct format_options *options)
{
	static const struct format_ops ops = { begin, put_batch, end, free_xml };
	struct xml *x = mem_zero(1, sizeof *x);

	x->base = (struct format){ &ops, out };
	x->attributes = make_attributes(&x->arena, options ? options->table : NULL);
	x->zone = options ? options->zone : NULL;
	x->root = map_name(&x->arena, options && options->root ? options->root : XML_ROOT);
	const char *row = map_name(&x->arena, options && options->row ? options->row : XML_ROW);

	x->row = arena_printf(&x->arena, "<%s>", row);
	x->row_open = make_tag(&x->arena, x->row, "", "", "");
	x->row_close = make_tag(&x->arena, "", "</", row, ">\n");
	return &x->base;
}
