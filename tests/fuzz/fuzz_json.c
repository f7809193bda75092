/*
 * Fuzz: random rows as NDJSON. Every line is an object for json-c, with each key once; and the
 * line's own text, token by token, reads back as the same values with all their digits.
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

static void read_value(
	struct reader *r, const struct rows *rows, size_t i, int32_t row, struct buf *text)
{
	const struct column *c = &rows->batch.columns[i];

	if (column_is_null(c, row) || is_no_number(c, row)) {
		eat(r, "null");
		return;
	}
	if (c->type == TYPE_JSON) {
		read_json(r, c, row);
		return;
	}
	if (*r->p == '"') {
		MUST(c->type >= TYPE_DATE32);
		read_string(r, text);
	} else {
		MUST(c->type < TYPE_DATE32);
		read_number_token(r, text);
	}
	size_t len = text->len;

	if (c->type == TYPE_BINARY)
		same_base64(buf_str(text), len, c, row);
	else
		same_value(c, row, rows->fields[i].scale, buf_str(text), len);
}

static void read_row(struct reader *r, const struct rows *rows, int32_t row, struct buf *text)
{
	eat(r, "{");
	for (size_t i = 0; i < rows->schema.n; i++) {
		eat(r, i ? "," : "");
		read_string(r, text);
		MUST(strcmp(buf_str(text), rows->fields[i].name) == 0);
		eat(r, ":");
		read_value(r, rows, i, row, text);
	}
	eat(r, "}\n");
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();
	struct buf text = { 0 };
	struct rows rows;

	MUST(tokener);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	rows_from(&rows, data, len);
	struct memory_sink *m = rows_format(&rows, ndjson_new);
	const char *start = buf_str(&m->bytes);
	struct reader r = { start, start + m->bytes.len };

	for (int32_t row = 0; row < rows.batch.rows; row++) {
		judge_line(tokener, &r, rows.schema.n);
		read_row(&r, &rows, row, &text);
	}
	MUST(r.p == r.end);
	json_tokener_free(tokener);
	buf_free(&text);
	sink_free(&m->base);
	batch_free(&rows.batch);
	return 0;
}
