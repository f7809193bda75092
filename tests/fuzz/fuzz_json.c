/*
 * Fuzz: random rows as NDJSON and as a JSON array, under random options (the last two bytes).
 * Every line is an object for json-c, with each key once; and the line's own text, token by token,
 * reads back as the same values with all their digits. The array is for json-c as long as there
 * are rows, and the same text line by line.
 */
#include <json-c/json.h>
#include <math.h>
#include <openssl/evp.h>

#include "tests/fuzz/rows.h"

struct reader {
	const char *p, *end;
};

static void eat(struct reader *r, const char *text)
{
	size_t len = strlen(text);

	MUST((size_t)(r->end - r->p) >= len && memcmp(r->p, text, len) == 0);
	r->p += len;
}

static char read_escape(struct reader *r)
{
	static const char letters[] = "\"\\bfnrt", values[] = "\"\\\b\f\n\r\t";
	const char *letter;

	MUST(r->p < r->end);
	if (*r->p == 'u') {
		char digits[5] = { 0 };
		char *end;

		MUST(r->end - r->p >= 5);
		memcpy(digits, r->p + 1, 4);
		r->p += 5;
		unsigned long c = strtoul(digits, &end, 16);

		MUST(c < 0x20 && *end == '\0');
		return (char)c;
	}
	letter = strchr(letters, *r->p++);
	MUST(letter && *letter);
	return values[letter - letters];
}

static void read_string(struct reader *r, struct buf *out)
{
	out->len = 0;
	eat(r, "\"");
	for (;;) {
		MUST(r->p < r->end && (unsigned char)*r->p >= 0x20);
		if (*r->p == '"')
			break;
		if (*r->p != '\\') {
			buf_putc(out, *r->p++);
			continue;
		}
		r->p++;
		buf_putc(out, read_escape(r));
	}
	r->p++;
}

static void same_base64(const char *text, size_t len, const struct column *c, int32_t row)
{
	size_t n;
	const uint8_t *bytes = column_bytes(c, row, &n);
	uint8_t *back = mem_alloc(len + 3, 1);

	MUST(len == (n + 2) / 3 * 4);
	MUST(EVP_DecodeBlock(back, (const uint8_t *)text, (int)len) == (int)(len / 4 * 3));
	MUST(memcmp(back, bytes, n) == 0);
	free(back);
}

/* JSON has no number for these. */
static bool is_no_number(const struct column *c, int32_t row)
{
	size_t len;
	const uint8_t *text;

	switch (c->type) {
	case TYPE_FLOAT32: return !isfinite(COLUMN_VALUE(c, float, row));
	case TYPE_FLOAT64: return !isfinite(COLUMN_VALUE(c, double, row));
	case TYPE_DECIMAL128: return is_decimal_nan(c, row);
	case TYPE_DECIMAL_TEXT: text = column_bytes(c, row, &len); return text[len - 1] > '9';
	default: return false;
	}
}

static void read_json(struct reader *r, const struct column *c, int32_t row)
{
	size_t len;
	const uint8_t *text = column_bytes(c, row, &len);

	MUST((size_t)(r->end - r->p) >= len);
	for (size_t i = 0; i < len; i++, r->p++)
		MUST((uint8_t)*r->p == (text[i] == '\n' || text[i] == '\r' ? ' ' : text[i]));
}

static void read_number_token(struct reader *r, struct buf *out)
{
	out->len = 0;
	while (r->p < r->end && !memchr(",}", *r->p, 2))
		buf_putc(out, *r->p++);
}

/* "\\x" and two digits a byte. */
static void same_hex(const char *text, size_t len, const struct column *c, int32_t row)
{
	size_t n;
	const uint8_t *bytes = column_bytes(c, row, &n);

	MUST(len == 2 + 2 * n && text[0] == '\\' && text[1] == 'x');
	for (size_t i = 0; i < n; i++) {
		char pair[3] = { text[2 + 2 * i], text[3 + 2 * i] }, *end;

		MUST(strtoul(pair, &end, 16) == bytes[i] && !*end);
	}
}

static bool is_string(const struct column *c, int32_t row, const struct format_options *o)
{
	const int64_t most = 9007199254740991;

	switch (c->type) {
	case TYPE_INT64:
		return o->bigint == BIGINT_STRING ||
		       (o->bigint == BIGINT_AUTO && (COLUMN_VALUE(c, int64_t, row) > most ||
							    COLUMN_VALUE(c, int64_t, row) < -most));
	case TYPE_FLOAT32:
	case TYPE_FLOAT64: return is_no_number(c, row);
	case TYPE_DECIMAL128:
	case TYPE_DECIMAL_TEXT: return o->numeric == DECIMAL_STRING || is_no_number(c, row);
	default: return c->type >= TYPE_DATE32;
	}
}

/* The local clock and its offset, put together again; the zone is a fixed one. */
static void same_local(const char *text, int64_t v, const struct format_options *o)
{
	int minutes = zone_minutes(o->zone, 0);
	char zone[16];
	int64_t local;

	snprintf(zone, sizeof zone, "%c%02d:%02d", minutes < 0 ? '-' : '+', abs(minutes) / 60,
		abs(minutes) % 60);
	if (v == TIMESTAMP_INFINITY || v == TIMESTAMP_NEGATIVE_INFINITY ||
		__builtin_add_overflow(v, minutes * INT64_C(60000000), &local) ||
		local == TIMESTAMP_INFINITY || local == TIMESTAMP_NEGATIVE_INFINITY)
		return;
	same_timestamp(text, local, zone);
}

static void same_text(const struct rows *rows, size_t i, int32_t row, struct buf *text,
	const struct format_options *o)
{
	const struct column *c = &rows->batch.columns[i];
	size_t len = text->len;

	if (c->type == TYPE_BINARY)
		(o->binary == BINARY_HEX ? same_hex : same_base64)(buf_str(text), len, c, row);
	else if (c->type == TYPE_TIMESTAMPTZ && o->zone)
		same_local(buf_str(text), COLUMN_VALUE(c, int64_t, row), o);
	else if (is_decimal_nan(c, row))
		MUST(strcmp(buf_str(text), "NaN") == 0);
	else
		same_value(c, row, rows->fields[i].scale, buf_str(text), len);
}

static void read_value(struct reader *r, const struct rows *rows, size_t i, int32_t row,
	struct buf *text, const struct format_options *o)
{
	const struct column *c = &rows->batch.columns[i];

	if (column_is_null(c, row) || (o->nan == NAN_NULL && is_no_number(c, row))) {
		eat(r, "null");
		return;
	}
	if (c->type == TYPE_JSON) {
		read_json(r, c, row);
		return;
	}
	MUST((*r->p == '"') == is_string(c, row, o));
	if (*r->p == '"')
		read_string(r, text);
	else
		read_number_token(r, text);
	same_text(rows, i, row, text, o);
}

/* The object alone. */
static void read_row(struct reader *r, const struct rows *rows, int32_t row, struct buf *text,
	const struct format_options *o)
{
	const char *comma = "";

	eat(r, "{");
	for (size_t i = 0; i < rows->schema.n; i++) {
		if (o->nulls == NULLS_OMIT && column_is_null(&rows->batch.columns[i], row))
			continue;
		eat(r, comma);
		comma = ",";
		read_string(r, text);
		MUST(strcmp(buf_str(text), rows->fields[i].name) == 0);
		eat(r, ":");
		read_value(r, rows, i, row, text, o);
	}
	eat(r, "}");
}

static size_t members_n(const struct rows *rows, int32_t row, const struct format_options *o)
{
	size_t n = 0;

	for (size_t i = 0; i < rows->schema.n; i++)
		n += o->nulls == NULLS_KEEP || !column_is_null(&rows->batch.columns[i], row);
	return n;
}

static void judge_line(struct json_tokener *tokener, struct reader *r, size_t columns_n)
{
	const char *lf = memchr(r->p, '\n', (size_t)(r->end - r->p));

	MUST(lf);
	json_tokener_reset(tokener);
	struct json_object *o = json_tokener_parse_ex(tokener, r->p, (int)(lf + 1 - r->p));

	MUST(json_tokener_get_error(tokener) == json_tokener_success);
	MUST(json_object_is_type(o, json_type_object));
	MUST((size_t)json_object_object_length(o) == columns_n);
	json_object_put(o);
}

static struct json_tokener *strict_tokener(void)
{
	struct json_tokener *tokener = json_tokener_new();

	MUST(tokener);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	return tokener;
}

static struct memory_sink *write_rows(const struct rows *rows, const struct format_options *o,
	struct format *(*make)(struct sink *, const struct format_options *))
{
	struct memory_sink *m = memory_sink_new();
	struct format *f = make(&m->base, o);

	format_begin(f, &rows->schema);
	format_batch(f, &rows->batch);
	format_end(f);
	format_free(f);
	return m;
}

static void judge_lines(const struct rows *rows, const struct format_options *o)
{
	struct json_tokener *tokener = strict_tokener();
	struct memory_sink *m = write_rows(rows, o, ndjson_new);
	const char *start = buf_str(&m->bytes);
	struct reader r = { start, start + m->bytes.len };
	struct buf text = { 0 };

	for (int32_t row = 0; row < rows->batch.rows; row++) {
		judge_line(tokener, &r, members_n(rows, row, o));
		read_row(&r, rows, row, &text, o);
		eat(&r, "\n");
	}
	MUST(r.p == r.end);
	buf_free(&text);
	sink_free(&m->base);
	json_tokener_free(tokener);
}

static void judge_array(const struct rows *rows, const struct format_options *o)
{
	struct json_tokener *tokener = strict_tokener();
	struct memory_sink *m = write_rows(rows, o, json_new);
	const char *start = buf_str(&m->bytes);
	struct reader r = { start, start + m->bytes.len };
	struct json_object *array = json_tokener_parse_ex(tokener, start, (int)m->bytes.len - 1);
	struct buf text = { 0 };

	MUST(json_tokener_get_error(tokener) == json_tokener_success);
	MUST(json_object_is_type(array, json_type_array));
	MUST(json_object_array_length(array) == (size_t)rows->batch.rows);
	json_object_put(array);
	eat(&r, "[");
	for (int32_t row = 0; row < rows->batch.rows; row++) {
		eat(&r, row ? ",\n" : "");
		read_row(&r, rows, row, &text, o);
	}
	eat(&r, "]\n");
	MUST(r.p == r.end);
	buf_free(&text);
	sink_free(&m->base);
	json_tokener_free(tokener);
}

static void options_from(struct format_options *o, const uint8_t *data, size_t len)
{
	static const char *const zones[] = { NULL, "+05:45", "-03:30", "+23:59" };
	unsigned bits = len < 2 ? 0 : data[len - 1] | (unsigned)data[len - 2] << 8;

	*o = (struct format_options){ .bigint = (uint8_t)(bits % 3),
		.numeric = bits >> 2 & 1,
		.nan = bits >> 3 & 1,
		.nulls = bits >> 4 & 1,
		.binary = bits >> 5 & 1 };
	if (zones[bits >> 6 & 3])
		o->zone = zone_open(zones[bits >> 6 & 3], NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct format_options options;
	struct rows rows;

	rows_from(&rows, data, len);
	options_from(&options, data, len);
	judge_lines(&rows, &options);
	judge_array(&rows, &options);
	format_options_free(&options);
	batch_free(&rows.batch);
	return 0;
}
