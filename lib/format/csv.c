/*
 * CSV and TSV: lines of fields, after RFC 4180 unless options say otherwise (options.h). Text is quoted or escaped as
 * csv_field.h has it, other values are spelled as csv_value.h has it. NULL is the null text, bare; no value is
 * written so. Binary is \x and hexadecimal digits.
 */
#include "lib/format/csv_field.h"
#include "lib/format/csv_value.h"
#include "lib/format/formats.h"
#include "lib/format/row_out.h"
#include "lib/format/text.h"

struct csv {
	struct format base;
	const struct schema *schema;   /* borrowed */
	struct format_options options; /* its strings are borrowed */
	struct row_out out;
};

static struct csv_rules rules_of(const struct format_options *o)
{
	return (struct csv_rules){ .delimiter = o->delimiter,
		.quote = o->quote,
		.is_backslash = o->escape == ESCAPE_BACKSLASH,
		.has_formulas = o->escape_formulas,
		.null_text = o->null_text,
		.null_len = strlen(o->null_text) };
}

/* RFC 4180's rules with a delimiter: what nearly every file is written by. */
CSV_INLINE struct csv_rules plain_rules(char delimiter)
{
	return (struct csv_rules){ .delimiter = delimiter, .quote = '"', .null_text = "" };
}

static bool is_plain(const struct format_options *o, char delimiter)
{
	return o->delimiter == delimiter && o->quote == '"' && o->escape == ESCAPE_QUOTE &&
	       !o->escape_formulas && !o->null_text[0] && csv_value_is_text(o);
}

/* Digits ask for no quotes, but the backslash does where it escapes, and where NULL may look the same. */
CSV_INLINE char *put_binary(
	struct csv *csv, char *p, const struct column *c, int32_t row, struct csv_rules r)
{
	size_t len;
	const uint8_t *in = column_bytes(c, row, &len);
	bool is_quoted = r.quote && (r.is_backslash || (r.null_len && r.null_text[0] == '\\'));

	if (is_quoted)
		*p++ = r.quote;
	if (r.is_backslash)
		*p++ = '\\';
	*p++ = '\\';
	*p++ = 'x';
	for (size_t at = 0; at < len; at += ROW_OUT_SPAN) {
		size_t n = len - at < ROW_OUT_SPAN ? len - at : ROW_OUT_SPAN;

		p = text_hex(row_out_room(&csv->out, p, 2 * n), in + at, n);
	}
	if (is_quoted)
		*p++ = r.quote;
	return p;
}

static char *put_number(
	struct csv *csv, char *p, const struct column *c, int32_t row, struct csv_rules r)
{
	size_t len;
	const uint8_t *in = column_bytes(c, row, &len);

	return csv_field_long(&csv->out, p, in, len, csv->options.decimal, r);
}

static inline char *put_null(char *p, struct csv_rules r)
{
	memcpy(p, r.null_text, r.null_len);
	return p + r.null_len;
}

/* is_text: the fixed-width types are spelled as text.h has them, and none like NULL. */
CSV_INLINE char *put_cell(struct csv *csv, char *p, const struct column *c, int32_t row, int scale,
	struct csv_rules r, bool is_text)
{
	if (column_is_null(c, row))
		return put_null(p, r);
	switch (c->type) {
	case TYPE_DECIMAL_TEXT:
		r.has_formulas = false;
		if (!is_text && csv->options.decimal != '.')
			return put_number(csv, p, c, row, r);
		return csv_field_put(&csv->out, p, c, row, r);
	case TYPE_UTF8:
	case TYPE_JSON: return csv_field_put(&csv->out, p, c, row, r);
	case TYPE_BINARY: return put_binary(csv, p, c, row, r);
	default:
		return is_text ? text_value(p, c, row, scale)
			       : csv_value_put(p, &csv->options, c, row, scale, r);
	}
}

/* In the place of the last delimiter; a row of no columns has none. */
static inline char *end_row(char *p, size_t columns_n, uint8_t eol)
{
	p -= columns_n > 0;
	*p = '\r';
	p += eol == EOL_CRLF;
	*p++ = '\n';
	return p;
}

CSV_INLINE void put_rows(struct csv *csv, const struct batch *b, struct csv_rules r, bool is_text)
{
	const struct field *fields = csv->schema->fields;
	uint8_t eol = csv->options.eol;
	char *p = csv->out.data;

	for (int32_t row = 0; row < b->rows; row++) {
		p = row_out_row(&csv->out, p);
		for (size_t i = 0; i < b->columns_n; i++) {
			p = put_cell(csv, p, &b->columns[i], row, fields[i].scale, r, is_text);
			*p++ = r.delimiter;
		}
		p = end_row(p, b->columns_n, eol);
	}
	row_out_flush(&csv->out, p);
}

static void put_commas(struct format *f, const struct batch *b)
{
	put_rows((struct csv *)f, b, plain_rules(','), true);
}

static void put_tabs(struct format *f, const struct batch *b)
{
	put_rows((struct csv *)f, b, plain_rules('\t'), true);
}

static void put_any(struct format *f, const struct batch *b)
{
	struct csv *csv = (struct csv *)f;

	put_rows(csv, b, rules_of(&csv->options), false);
}

static void put_head(struct csv *csv)
{
	struct csv_rules r = rules_of(&csv->options);
	char *p = csv->out.data;

	if (csv->options.bom) {
		memcpy(p, "\xef\xbb\xbf", 3);
		p += 3;
	}
	if (csv->options.header) {
		for (size_t i = 0; i < csv->schema->n; i++) {
			const char *name = csv->schema->fields[i].name;

			p = csv_field_long(
				&csv->out, p, (const uint8_t *)name, strlen(name), '.', r);
			*p++ = r.delimiter;
		}
		p = end_row(p, csv->schema->n, csv->options.eol);
	}
	row_out_flush(&csv->out, p);
}

static void begin(struct format *f, const struct schema *schema)
{
	enum { ROW = 2 }; /* CRLF */
	struct csv *csv = (struct csv *)f;
	size_t fixed = ROW;

	for (size_t i = 0; i < schema->n; i++)
		fixed += CSV_FIELD_EXTRA + strlen(csv->options.null_text) +
			 text_room(&schema->fields[i]);
	csv->schema = schema;
	row_out_init(&csv->out, f->out, fixed);
	put_head(csv);
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

static struct format *make(struct sink *out, const struct format_options *options, uint8_t dialect)
{
	static const struct format_ops commas = { begin, put_commas, end, free_csv };
	static const struct format_ops tabs = { begin, put_tabs, end, free_csv };
	static const struct format_ops any = { begin, put_any, end, free_csv };
	struct csv *csv = mem_zero(1, sizeof *csv);

	if (options)
		csv->options = *options;
	else
		format_options_init(&csv->options, dialect);
	csv->base = (struct format){ is_plain(&csv->options, ',')    ? &commas
				     : is_plain(&csv->options, '\t') ? &tabs
								     : &any,
		out };
	return &csv->base;
}

struct format *csv_new(struct sink *out, const struct format_options *options)
{
	return make(out, options, DIALECT_RFC4180);
}

struct format *tsv_new(struct sink *out, const struct format_options *options)
{
	return make(out, options, DIALECT_TSV);
}

/* Whether the text of some value begins like a formula. */
static bool has_formulas(const struct field *field, const struct format_options *o)
{
	switch (field->type) {
	case TYPE_UTF8: return !field->is_inert;
	case TYPE_JSON:
		return field->json <= JSON_BINARY ||
		       (field->json == JSON_VECTOR && o->nested == NESTED_SERVER);
	default: return false;
	}
}

/* What is not text in the file's own grammar arrives as the text that it is; what the options cut or add does not. */
struct format_written csv_written(const struct field *field, const struct format_options *options)
{
	static const struct format_options plain;
	const struct format_options *o = options ? options : &plain;
	const char *lossy = NULL;

	if (o->timestamp == TIMESTAMP_SQL && field->type == TYPE_TIMESTAMPTZ)
		lossy = "the offset from UTC, which timestamp=sql leaves out";
	if (o->nested == NESTED_JSON && field->type == TYPE_JSON && field->json == JSON_LIST)
		lossy = "lower bounds of arrays; of JSON within them, what tells its arrays and "
			"nulls from those of SQL";
	if (o->escape_formulas && has_formulas(field, o))
		lossy = "text as it was where it begins like a formula: escape_formulas puts a ' "
			"before it";
	return (struct format_written){ "text", lossy };
}
