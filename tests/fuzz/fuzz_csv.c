/*
 * Fuzz: random rows as CSV, read back by RFC 4180's grammar, are the same rows.
 */
#include "tests/fuzz/rows.h"

struct reader {
	const char *p, *end;
};

/* The next field, its quotes undone, and what ended it eaten; false when it was not quoted. */
static bool read_field(struct reader *r, struct buf *out, bool is_last)
{
	bool is_quoted = r->p < r->end && *r->p == '"';

	out->len = 0;
	if (is_quoted) {
		for (r->p++;; r->p++) {
			MUST(r->p < r->end);
			if (*r->p == '"' && *++r->p != '"')
				break;
			buf_putc(out, *r->p);
		}
	} else {
		while (r->p < r->end && !memchr(",\"\r\n", *r->p, 4))
			buf_putc(out, *r->p++);
	}
	MUST(r->end - r->p >= 2 - !is_last);
	MUST(is_last ? memcmp(r->p, "\r\n", 2) == 0 : *r->p == ',');
	r->p += is_last ? 2 : 1;
	return is_quoted;
}

static void same_binary(const char *text, size_t len, const struct column *c, int32_t row)
{
	size_t n;
	const uint8_t *bytes = column_bytes(c, row, &n);

	MUST(len == 2 + 2 * n && memcmp(text, "\\x", 2) == 0);
	for (size_t i = 0; i < n; i++) {
		char pair[3] = { text[2 + 2 * i], text[3 + 2 * i], 0 };

		MUST(strtoul(pair, NULL, 16) == bytes[i]);
	}
}

static void read_cell(const struct rows *r, size_t i, int32_t row, struct buf *text, bool is_quoted)
{
	const struct column *c = &r->batch.columns[i];
	size_t len = text->len;
	const char *s = buf_str(text);
	bool needs_quotes = len == 0 || strpbrk(s, ",\"\r\n") || strcmp(s, "\\.") == 0;

	if (column_is_null(c, row)) {
		MUST(len == 0 && !is_quoted);
		return;
	}
	MUST(memchr(s, 0, len) || is_quoted == needs_quotes);
	if (is_decimal_nan(c, row))
		MUST(strcmp(s, "NaN") == 0);
	else if (c->type == TYPE_BINARY)
		same_binary(s, len, c, row);
	else
		same_value(c, row, r->fields[i].scale, s, len);
}

static void read_all(const struct rows *r, struct reader in)
{
	struct buf text = { 0 };

	for (int32_t row = -1; row < r->batch.rows; row++) {
		if (r->schema.n == 0)
			read_field(&in, &text, true);
		for (size_t i = 0; i < r->schema.n; i++) {
			bool is_quoted = read_field(&in, &text, i + 1 == r->schema.n);

			if (row < 0)
				MUST(strcmp(buf_str(&text), r->fields[i].name) == 0);
			else
				read_cell(r, i, row, &text, is_quoted);
		}
	}
	MUST(in.p == in.end);
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rows r;

	rows_from(&r, data, len);
	struct memory_sink *m = rows_format(&r, csv_new);

	read_all(&r, (struct reader){ m->bytes.data, m->bytes.data + m->bytes.len });
	sink_free(&m->base);
	batch_free(&r.batch);
	return 0;
}
