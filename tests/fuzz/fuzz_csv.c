/*
 * Fuzz: random rows as CSV, read back by the grammar of their options, are the same rows. Each input is run with RFC
 * 4180's options, whose quotes must also be no more than needed, and with options that its last bytes choose.
 */
#include "tests/fuzz/rows.h"

struct reader {
	const char *p, *end;
	const struct format_options *o;
};

struct text {
	struct buf value; /* quotes and escapes undone */
	struct buf raw;   /* as it stands, when not quoted */
	bool is_quoted;
};

static void read_escaped(struct reader *r, struct buf *out)
{
	char c = *++r->p;

	MUST(r->p < r->end);
	if (r->o->quote)
		MUST(c == r->o->quote || c == '\\');
	else
		MUST(c == r->o->delimiter || memchr("\\tnrN", c, 5));
	buf_putc(out, r->o->quote ? c : c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c);
}

static void read_quoted(struct reader *r, struct buf *out)
{
	bool is_backslash = r->o->escape == ESCAPE_BACKSLASH;

	for (r->p++;; r->p++) {
		MUST(r->p < r->end);
		if (is_backslash && *r->p == '\\') {
			read_escaped(r, out);
			continue;
		}
		if (*r->p == r->o->quote && (is_backslash || r->p[1] != r->o->quote))
			break;
		r->p += *r->p == r->o->quote;
		buf_putc(out, *r->p);
	}
	r->p++;
}

static void read_bare(struct reader *r, struct text *t)
{
	const char *from = r->p;

	while (r->p < r->end && *r->p != r->o->delimiter && *r->p != '\r' && *r->p != '\n') {
		MUST(!r->o->quote || *r->p != r->o->quote);
		if (!r->o->quote && *r->p == '\\')
			read_escaped(r, &t->value);
		else
			buf_putc(&t->value, *r->p);
		r->p++;
	}
	buf_put(&t->raw, from, (size_t)(r->p - from));
}

/* The next field, and what ended it eaten. */
static void read_field(struct reader *r, struct text *t, bool is_last)
{
	const char *end = !is_last                ? (char[]){ r->o->delimiter, 0 }
			  : r->o->eol == EOL_CRLF ? "\r\n"
						  : "\n";
	size_t len = strlen(end);

	t->value.len = t->raw.len = 0;
	t->is_quoted = r->o->quote && r->p < r->end && *r->p == r->o->quote;
	if (t->is_quoted)
		read_quoted(r, &t->value);
	else
		read_bare(r, t);
	MUST((size_t)(r->end - r->p) >= len && memcmp(r->p, end, len) == 0);
	r->p += len;
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

static bool begins_like_formula(const uint8_t *bytes, size_t len)
{
	static const char *const begins[] = { "=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋",
		"－", "＠" };

	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (len >= strlen(begins[i]) && !memcmp(bytes, begins[i], strlen(begins[i])))
			return true;
	return false;
}

/* Back to what same_value reads: the options' spellings undone in place. */
static void undo_spelling(struct buf *text, enum type type, const struct format_options *o)
{
	char *point = NULL, *space;

	if (type == TYPE_FLOAT32 || type == TYPE_FLOAT64 || type == TYPE_DECIMAL128 ||
		type == TYPE_DECIMAL_TEXT)
		point = strchr(buf_str(text), o->decimal);
	if (point)
		*point = '.';
	if (type == TYPE_BOOL && o->boolean == BOOLEAN_DIGITS) {
		bool is_true = strcmp(buf_str(text), "1") == 0;

		MUST(is_true || strcmp(buf_str(text), "0") == 0);
		text->len = 0;
		buf_puts(text, is_true ? "true" : "false");
	}
	if (o->timestamp != TIMESTAMP_SQL || (type != TYPE_TIMESTAMP && type != TYPE_TIMESTAMPTZ))
		return;
	space = strchr(buf_str(text), ' ');
	if (!space)
		return; /* infinity */
	*space = 'T';
	bool is_bc = strstr(space, " BC") != NULL;

	text->len -= is_bc ? 3 : 0;
	buf_puts(text, type == TYPE_TIMESTAMPTZ ? "Z" : "");
	buf_puts(text, is_bc ? " BC" : "");
}

/* The text of a column whose values may have got a ' before them; eats it. */
static const char *undo_formula(const char *s, size_t *len, const struct column *c, int32_t row)
{
	size_t n;
	const uint8_t *bytes = column_bytes(c, row, &n);

	if (!begins_like_formula(bytes, n))
		return s;
	MUST(*len > 0 && *s == '\'');
	--*len;
	return s + 1;
}

static void read_value(const struct column *c, int32_t row, int scale, struct text *t,
	const struct format_options *o)
{
	undo_spelling(&t->value, c->type, o);
	const char *s = buf_str(&t->value);
	size_t len = t->value.len;

	if (o->escape_formulas && (c->type == TYPE_UTF8 || c->type == TYPE_JSON))
		s = undo_formula(s, &len, c, row);
	if (is_decimal_nan(c, row))
		MUST(strcmp(s, "NaN") == 0);
	else if (c->type == TYPE_BINARY)
		same_binary(s, len, c, row);
	else
		same_value(c, row, scale, s, len);
}

static void read_cell(const struct rows *r, size_t i, int32_t row, struct text *t,
	const struct format_options *o, bool is_default)
{
	const struct column *c = &r->batch.columns[i];
	const char *s = buf_str(&t->value);
	bool is_null = !t->is_quoted && strcmp(buf_str(&t->raw), o->null_text) == 0 &&
		       t->raw.len == strlen(o->null_text);
	bool needs_quotes = t->value.len == 0 || strpbrk(s, ",\"\r\n") || strcmp(s, "\\.") == 0;

	MUST(is_null == column_is_null(c, row));
	if (is_null)
		return;
	MUST(!is_default || memchr(s, 0, t->value.len) || t->is_quoted == needs_quotes);
	read_value(c, row, r->fields[i].scale, t, o);
}

static void read_name(const char *name, struct text *t, const struct format_options *o)
{
	const char *s = buf_str(&t->value);

	if (o->escape_formulas && begins_like_formula((const uint8_t *)name, strlen(name)))
		MUST(*s++ == '\'');
	MUST(strcmp(s, name) == 0);
}

static void read_all(const struct rows *r, struct reader in, bool is_default)
{
	struct text t = { 0 };

	if (in.o->bom) {
		MUST(in.end - in.p >= 3 && memcmp(in.p, "\xef\xbb\xbf", 3) == 0);
		in.p += 3;
	}
	for (int32_t row = in.o->header ? -1 : 0; row < r->batch.rows; row++) {
		if (r->schema.n == 0)
			read_field(&in, &t, true);
		for (size_t i = 0; i < r->schema.n; i++) {
			read_field(&in, &t, i + 1 == r->schema.n);
			if (row < 0)
				read_name(r->fields[i].name, &t, in.o);
			else
				read_cell(r, i, row, &t, in.o, is_default);
		}
	}
	MUST(in.p == in.end);
	buf_free(&t.value);
	buf_free(&t.raw);
}

/* Those that format_options_read would take. */
static void options_from(struct format_options *o, uint32_t bits)
{
	static const char *const nulls[] = { "", "\\N", "NULL", "NaN", "true", "0", "\\x", "-" };

	format_options_init(o, false);
	o->delimiter = ",;\t|"[bits % 4];
	o->quote = "\"'~\0"[bits / 4 % 4];
	o->escape = o->quote ? bits / 16 % 2 : ESCAPE_BACKSLASH;
	o->null_text = o->quote ? nulls[bits / 32 % 8] : "\\N";
	o->eol = bits / 256 % 2;
	o->header = bits / 512 % 2;
	o->bom = bits / 1024 % 2;
	o->escape_formulas = bits / 2048 % 2;
	o->timestamp = bits / 4096 % 2;
	o->boolean = bits / 8192 % 2;
	o->decimal = o->delimiter != ',' && bits / 16384 % 2 ? ',' : '.';
}

static void run(const struct rows *r, const struct format_options *o, bool is_default)
{
	struct memory_sink *m = memory_sink_new();
	struct format *f = csv_new(&m->base, is_default ? NULL : o);

	format_begin(f, &r->schema);
	format_batch(f, &r->batch);
	format_end(f);
	format_free(f);
	const char *text = buf_str(&m->bytes);

	read_all(r, (struct reader){ text, text + m->bytes.len, o }, is_default);
	sink_free(&m->base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct format_options o;
	struct rows r;

	rows_from(&r, data, len);
	format_options_init(&o, false);
	run(&r, &o, true);
	options_from(&o, len < 2 ? 0 : data[len - 1] | (uint32_t)data[len - 2] << 8);
	run(&r, &o, false);
	batch_free(&r.batch);
	return 0;
}
