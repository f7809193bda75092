/*
 * What the fuzz targets of the row formats share: bytes become a schema and a batch, and text
 * that a format wrote is read back into values by means of the C library alone.
 *
 * The bytes: number of columns, their types and scales; then cell after cell, a byte that says
 * NULL or not and what the type needs. Running out of bytes ends the rows.
 */
#ifndef SLUICE_TESTS_FUZZ_ROWS_H
#define SLUICE_TESTS_FUZZ_ROWS_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/mem.h"
#include "lib/format/formats.h"
#include "lib/sink/memory.h"

#define MUST(x) ((x) ? (void)0 : must_failed(#x, __FILE__, __LINE__))

static inline _Noreturn void must_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

/* ---- bytes to rows */

enum { FUZZ_COLUMNS = 6, FUZZ_NAME = 8 };

struct feed {
	const uint8_t *data;
	size_t len, at;
};

struct rows {
	struct field fields[FUZZ_COLUMNS];
	char names[FUZZ_COLUMNS][FUZZ_NAME];
	struct schema schema;
	struct batch batch;
};

static inline uint8_t feed_byte(struct feed *f)
{
	return f->at < f->len ? f->data[f->at++] : 0;
}

/* Up to n bytes, the first the lowest; small numbers are as likely as large ones. */
static inline unsigned __int128 feed_number(struct feed *f, size_t n)
{
	unsigned __int128 v = 0;

	n = feed_byte(f) % (n + 1);
	for (size_t i = 0; i < n; i++)
		v |= (unsigned __int128)feed_byte(f) << 8 * i;
	return v;
}

/* A run of bytes from the feed, repeated where it asks for a long value. */
static inline void feed_bytes(struct feed *f, struct buf *out)
{
	size_t n = feed_byte(f), times = feed_byte(f);

	n = n < f->len - f->at ? n : f->len - f->at;
	times = times > 250 ? times - 150 : 1;
	for (size_t i = 0; i < times; i++)
		buf_put(out, f->data + f->at, n);
	f->at += n;
}

static inline void feed_json(struct feed *f, struct buf *out)
{
	static const char *const values[] = { "null", "-1.50e+3", "\"\"", "\"a\\\"b\\n\"",
		"{\"k\": [1, 2]}", "[\n\t1\r\n]", "true", "12345678901234567890" };

	buf_puts(out, "[");
	for (int n = feed_byte(f) % 32; n > 0; n--) {
		buf_puts(out, values[feed_byte(f) % 8]);
		buf_puts(out, n > 1 ? ",\n" : "");
	}
	buf_puts(out, "]");
}

static inline void feed_decimal_text(struct feed *f, struct buf *out)
{
	uint8_t kind = feed_byte(f);

	if (kind < 3) {
		buf_puts(out, kind == 0 ? "NaN" : kind == 1 ? "Infinity" : "-Infinity");
		return;
	}
	buf_puts(out, kind % 2 ? "-1" : "0.");
	for (int n = 1 + feed_byte(f) % 64; n > 0; n--)
		buf_putc(out, (char)('0' + feed_byte(f) % 10));
}

static inline void feed_variable(struct feed *f, struct batch *b, struct column *c)
{
	struct buf text = { 0 };

	if (c->type == TYPE_JSON)
		feed_json(f, &text);
	else if (c->type == TYPE_DECIMAL_TEXT)
		feed_decimal_text(f, &text);
	else
		feed_bytes(f, &text);
	MUST(column_put_bytes(c, b->rows, buf_str(&text), text.len));
	b->bytes += text.len;
	buf_free(&text);
}

static inline void feed_cell(struct feed *f, struct batch *b, struct column *c)
{
	unsigned __int128 most = 1, v;
	int32_t row = b->rows;

	if (feed_byte(f) % 8 == 0) {
		column_put_null(c, row);
	} else if (c->offsets) {
		feed_variable(f, b, c);
	} else if (c->type == TYPE_BOOL) {
		column_put_bool(c, row, feed_byte(f) % 2);
	} else {
		v = feed_number(f, c->width);
		if (c->type == TYPE_DECIMAL128 && (__int128)v != DECIMAL_NAN) {
			for (int i = 0; i < 38; i++)
				most *= 10;
			v = (unsigned __int128)((__int128)v % (__int128)most);
		}
		memcpy(c->data + c->width * (size_t)row, &v, c->width);
	}
}

/* What a column has not used is given back, so that reading past a value shows. */
static inline void rows_from(struct rows *r, const uint8_t *data, size_t len)
{
	struct feed f = { data, len, 0 };

	*r = (struct rows){ 0 };
	r->schema = (struct schema){ r->fields, feed_byte(&f) % (FUZZ_COLUMNS + 1) };
	for (size_t i = 0; i < r->schema.n; i++) {
		r->fields[i] = (struct field){ .name = r->names[i],
			.type = feed_byte(&f) % TYPES_N,
			.scale = (int16_t)(feed_byte(&f) % 64 - 12) };
		r->names[i][0] = (char)('a' + i);
		r->names[i][1] = (char)feed_byte(&f);
	}
	batch_init(&r->batch, &r->schema);
	for (; f.at < f.len && !batch_is_full(&r->batch); r->batch.rows++) {
		if (r->schema.n == 0)
			f.at++;
		for (size_t i = 0; i < r->schema.n; i++)
			feed_cell(&f, &r->batch, &r->batch.columns[i]);
	}
	for (size_t i = 0; i < r->schema.n; i++) {
		struct column *c = &r->batch.columns[i];

		if (c->offsets) {
			c->data_cap = (size_t)c->offsets[r->batch.rows];
			c->data = mem_grow(c->data, c->data_cap, 1);
		}
	}
}

static inline struct memory_sink *rows_format(
	const struct rows *r, struct format *(*make)(struct sink *, const struct format_options *))
{
	struct memory_sink *m = memory_sink_new();
	struct format *f = make(&m->base, NULL);

	format_begin(f, &r->schema);
	format_batch(f, &r->batch);
	format_end(f);
	format_free(f);
	return m;
}

/* ---- text back to values. Texts are NUL-terminated; each reader moves *p behind what it has
 * read. */

static inline long long read_number(const char **p, char behind)
{
	char *end;
	long long v = strtoll(*p, &end, 10);

	MUST(end > *p && (behind == '\0' || *end == behind));
	*p = end + (behind != '\0');
	return v;
}

static inline int64_t read_fraction(const char **p)
{
	int64_t us = 0;

	if (**p != '.')
		return 0;
	++*p;
	for (int i = 0; i < 6; i++)
		us = us * 10 + (**p >= '0' && **p <= '9' ? *(*p)++ - '0' : 0);
	return us;
}

/* Seconds since 1970 of what "2024-01-01" or "2024-01-01T00:00:00" begins with. */
static inline int64_t read_calendar(const char **p, const char *text, bool has_clock)
{
	struct tm t = { 0 };
	bool is_bc = strstr(text, " BC") != NULL;
	long long year = read_number(p, '-');

	t.tm_year = (int)((is_bc ? 1 - year : year) - 1900);
	t.tm_mon = (int)read_number(p, '-') - 1;
	t.tm_mday = (int)read_number(p, has_clock ? 'T' : '\0');
	if (has_clock) {
		t.tm_hour = (int)read_number(p, ':');
		t.tm_min = (int)read_number(p, ':');
		t.tm_sec = (int)read_number(p, '\0');
	}
	return timegm(&t);
}

static inline void read_end(const char *p, const char *text, const char *zone)
{
	MUST(strncmp(p, zone, strlen(zone)) == 0);
	p += strlen(zone);
	MUST(strcmp(p, strstr(text, " BC") ? " BC" : "") == 0);
}

static inline void same_date(const char *text, int32_t days)
{
	const char *p = text;

	if (days == DATE_INFINITY || days == DATE_NEGATIVE_INFINITY) {
		MUST(strcmp(text, days < 0 ? "-infinity" : "infinity") == 0);
		return;
	}
	MUST(read_calendar(&p, text, false) == (int64_t)days * 86400);
	read_end(p, text, "");
}

static inline void same_timestamp(const char *text, int64_t v, const char *zone)
{
	const char *p = text;

	if (v == TIMESTAMP_INFINITY || v == TIMESTAMP_NEGATIVE_INFINITY) {
		MUST(strcmp(text, v < 0 ? "-infinity" : "infinity") == 0);
		return;
	}
	__int128 us = (__int128)read_calendar(&p, text, true) * 1000000;

	MUST(us + read_fraction(&p) - TIMESTAMP_UNIX_SHIFT == v);
	read_end(p, text, zone);
}

static inline void same_time(const char *text, int64_t v)
{
	const char *p = text + (*text == '-');
	__int128 us = (__int128)read_number(&p, ':') * 3600;

	us += read_number(&p, ':') * 60;
	us = (us + read_number(&p, '\0')) * 1000000;
	us += read_fraction(&p);
	MUST((*text == '-' ? -us : us) == v && *p == '\0');
}

static inline void same_interval(const char *text, const struct interval *v)
{
	const char *p = text;
	bool is_clock = false;
	__int128 months = 0, days = 0, us = 0;

	MUST(*p++ == 'P');
	while (*p) {
		if (*p == 'T') {
			is_clock = true;
			p++;
		}
		bool is_negative = *p == '-';
		long long n = read_number(&p, '\0');
		int64_t fraction = read_fraction(&p);

		switch (*p++) {
		case 'Y': months += n * 12; break;
		case 'M': *(is_clock ? &us : &months) += is_clock ? n * 60000000 : n; break;
		case 'D': days += n; break;
		case 'H': us += (__int128)n * 3600000000; break;
		case 'S': us += n * 1000000 + (is_negative ? -fraction : fraction); break;
		default: MUST(!"a unit of ISO 8601");
		}
	}
	MUST(months == v->months && days == v->days && us == v->microseconds);
}

static inline void same_decimal(const char *text, __int128 v, int scale)
{
	__int128 got = 0;
	int digits = 0;
	const char *p = text + (*text == '-'), *point = strchr(text, '.');

	for (; *p; p++) {
		if (*p == '.')
			continue;
		MUST(*p >= '0' && *p <= '9' && digits < 200);
		if (digits++, p < text + strlen(text) + (scale < 0 && v ? scale : 0))
			got = got * 10 + (*p - '0');
	}
	MUST((*text == '-' ? -got : got) == v);
	MUST(scale > 0 ? point && strlen(point + 1) == (size_t)scale : !point);
}

static inline void same_uuid(const char *text, const uint8_t *bytes)
{
	MUST(strlen(text) == 36);
	for (int i = 0, at = 0; i < 16; i++, at += 2) {
		char pair[3] = { 0 };

		if (text[at] == '-')
			at++;
		memcpy(pair, text + at, 2);
		MUST(strtoul(pair, NULL, 16) == bytes[i]);
	}
}

static inline void same_float(const char *text, double v, bool is_32)
{
	char *end;
	double got = is_32 ? (double)strtof(text, &end) : strtod(text, &end);

	MUST(*end == '\0');
	MUST(v != v ? got != got : memcmp(&got, &v, sizeof v) == 0);
}

/* Text of any type but binary. */
static inline void same_value(
	const struct column *c, int32_t row, int scale, const char *text, size_t len)
{
	const char *p = text;
	const uint8_t *bytes;
	size_t n;

	switch (c->type) {
	case TYPE_BOOL: MUST(strcmp(text, column_bool(c, row) ? "true" : "false") == 0); break;
	case TYPE_INT16: MUST(read_number(&p, '\0') == COLUMN_VALUE(c, int16_t, row) && !*p); break;
	case TYPE_INT32: MUST(read_number(&p, '\0') == COLUMN_VALUE(c, int32_t, row) && !*p); break;
	case TYPE_INT64: MUST(read_number(&p, '\0') == COLUMN_VALUE(c, int64_t, row) && !*p); break;
	case TYPE_FLOAT32: same_float(text, (double)COLUMN_VALUE(c, float, row), true); break;
	case TYPE_FLOAT64: same_float(text, COLUMN_VALUE(c, double, row), false); break;
	case TYPE_DECIMAL128: same_decimal(text, COLUMN_VALUE(c, __int128, row), scale); break;
	case TYPE_DATE32: same_date(text, COLUMN_VALUE(c, int32_t, row)); break;
	case TYPE_TIME64: same_time(text, COLUMN_VALUE(c, int64_t, row)); break;
	case TYPE_TIMESTAMP: same_timestamp(text, COLUMN_VALUE(c, int64_t, row), ""); break;
	case TYPE_TIMESTAMPTZ: same_timestamp(text, COLUMN_VALUE(c, int64_t, row), "Z"); break;
	case TYPE_INTERVAL: same_interval(text, &COLUMN_VALUE(c, struct interval, row)); break;
	case TYPE_UUID: same_uuid(text, c->data + 16 * (size_t)row); break;
	default: bytes = column_bytes(c, row, &n); MUST(n == len && memcmp(bytes, text, n) == 0);
	}
}

static inline bool is_decimal_nan(const struct column *c, int32_t row)
{
	return c->type == TYPE_DECIMAL128 && COLUMN_VALUE(c, __int128, row) == DECIMAL_NAN;
}

#endif
