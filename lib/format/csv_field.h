/*
 * CSV field: how text becomes one field of a delimited file, and how a field that is not text is kept apart from NULL.
 * Three ways, by the rules:
 *
 *	quote, doubled      RFC 4180 section 2. Quoted: what holds the delimiter, the quote, CR or LF, the empty
 *	                    text, and what would read as NULL. Also \. alone, which PostgreSQL's COPY takes for
 *	                    the end of the data before version 18.
 *	quote, backslash    The same, and what holds a backslash. Within quotes a backslash before the quote and
 *	                    before itself, nothing else: COPY, MySQL and Python agree on these two alone. Also
 *	                    NULL the word, which MySQL takes for NULL.
 *	none, backslash     COPY's text format, LOAD DATA's default: \\, \t, \n, \r, \ before the delimiter.
 *
 * The rules are passed by value into functions that are always inlined: with constant rules a caller gets code for
 * just these.
 */
#ifndef SLUICE_FORMAT_CSV_FIELD_H
#define SLUICE_FORMAT_CSV_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/format/block.h"
#include "lib/format/row_out.h"

struct csv_rules {
	char delimiter;
	char quote; /* 0: none */
	bool is_backslash;
	bool has_formulas;     /* ' before text that a spreadsheet would compute */
	const char *null_text; /* \N where there is no quote */
	size_t null_len;
};

/* Bytes that a field may take beside twice its value's length: quotes, ' (doubled), \\x, the delimiter. */
enum { CSV_FIELD_EXTRA = 8 };

#define CSV_INLINE static inline __attribute__((always_inline))

/* Bytes that cannot stand in a field that is not quoted. */
CSV_INLINE unsigned csv_special(struct block b, struct csv_rules r)
{
	struct block marks = block_or(
		block_or(block_equal(b, r.delimiter), block_equal(b, r.quote ? r.quote : '\t')),
		block_or(block_equal(b, '\r'), block_equal(b, '\n')));

	return block_bits(r.is_backslash ? block_or(marks, block_equal(b, '\\')) : marks);
}

/* Copy `len` bytes; false when one of them asks for quotes. Reads and writes to the end of the
 * last block. */
CSV_INLINE bool csv_copy_plain(char *out, const uint8_t *in, size_t len, struct csv_rules r)
{
	size_t i = 0;

	for (; i + BLOCK <= len; i += BLOCK) {
		struct block b = block_load(in + i);

		block_store(out + i, b);
		if (csv_special(b, r))
			return false;
	}
	struct block b = block_load(in + i);

	block_store(out + i, b);
	return !(csv_special(b, r) & block_first(len - i));
}

/* From the lowest quote on, what follows is stored again, one byte further than before, which
 * leaves the quote standing twice. Returns the quotes left; with none, what is stored lies behind
 * the end. */
static inline unsigned csv_shift_rest(char *to, const uint8_t *in, unsigned quotes, size_t len)
{
	int at = __builtin_ctz(quotes | 1u << len);

	block_store(to + at, block_load(in + at));
	return quotes & (quotes - 1);
}

/* One block with its quotes doubled. Four are done without asking how many there are: a branch on
 * that number would be guessed wrong most of the time. Reads two blocks. */
static inline char *csv_put_doubled(char *out, const uint8_t *in, unsigned quotes, size_t len)
{
	unsigned left = quotes;
	char *to = out;

	block_store(out, block_load(in));
	do {
		left = csv_shift_rest(to + 1, in, left, len);
		left = csv_shift_rest(to + 2, in, left, len);
		left = csv_shift_rest(to + 3, in, left, len);
		left = csv_shift_rest(to += 4, in, left, len);
	} while (left);
	return out + len + __builtin_popcount(quotes);
}

CSV_INLINE char *csv_copy_doubled(char *out, const uint8_t *in, size_t len, struct csv_rules r)
{
	for (; len >= BLOCK; in += BLOCK, len -= BLOCK) {
		unsigned quotes = block_bits(block_equal(block_load(in), r.quote));

		out = csv_put_doubled(out, in, quotes, BLOCK);
	}
	unsigned quotes = block_bits(block_equal(block_load(in), r.quote)) & block_first(len);

	return csv_put_doubled(out, in, quotes, len);
}

static inline char csv_escape_letter(char c)
{
	switch (c) {
	case '\t': return 't';
	case '\n': return 'n';
	case '\r': return 'r';
	default: return c;
	}
}

/* One block with a backslash before each marked byte. Reads two blocks. */
CSV_INLINE char *csv_put_escaped(
	char *out, const uint8_t *in, unsigned marks, size_t len, struct csv_rules r)
{
	block_store(out, block_load(in));
	for (; marks; marks &= marks - 1, out++) {
		int at = __builtin_ctz(marks);

		out[at] = '\\';
		block_store(out + at + 1, block_load(in + at));
		if (!r.quote)
			out[at + 1] = csv_escape_letter((char)in[at]);
	}
	return out + len;
}

CSV_INLINE char *csv_copy_escaped(char *out, const uint8_t *in, size_t len, struct csv_rules r)
{
	for (;; in += BLOCK, len -= BLOCK) {
		struct block b = block_load(in);
		unsigned marks = r.quote ? block_bits(block_or(
						   block_equal(b, r.quote), block_equal(b, '\\')))
					 : csv_special(b, r);

		if (len < BLOCK)
			return csv_put_escaped(out, in, marks & block_first(len), len, r);
		out = csv_put_escaped(out, in, marks, BLOCK, r);
	}
}

/* Copy `len` bytes as they are to stand within quotes, or where there are none: room for 2 * len.
 * Reads and writes up to BLOCK_SLACK bytes more. */
CSV_INLINE char *csv_copy_careful(char *out, const uint8_t *in, size_t len, struct csv_rules r)
{
	return r.is_backslash ? csv_copy_escaped(out, in, len, r)
			      : csv_copy_doubled(out, in, len, r);
}

CSV_INLINE bool csv_is_null_text(const void *text, size_t len, struct csv_rules r)
{
	return len == r.null_len && !memcmp(text, r.null_text, len);
}

/* Whether a text asks for quotes as a whole. */
CSV_INLINE bool csv_is_word(const uint8_t *in, size_t len, struct csv_rules r)
{
	if (len == 0 || csv_is_null_text(in, len, r))
		return true;
	return r.is_backslash ? len == 4 && !memcmp(in, "NULL", 4)
			      : len == 2 && !memcmp(in, "\\.", 2);
}

/* What a spreadsheet takes for the beginning of a formula, or drops before one: after OWASP, "CSV Injection". */
static inline bool csv_is_formula(const uint8_t *in, size_t len)
{
	if (len == 0)
		return false;
	if (len >= 3 && in[0] == 0xef && in[1] == 0xbc) /* the full-width forms */
		return in[2] == 0x9d || in[2] == 0x8b || in[2] == 0x8d || in[2] == 0xa0;
	return in[0] && strchr("=+-@\t\r\n", in[0]);
}

/* The quote, if there is one, and what stands before a formula. */
CSV_INLINE char *csv_open_quote(char *p, bool is_formula, struct csv_rules r)
{
	if (r.quote)
		*p++ = r.quote;
	if (is_formula && r.quote == '\'')
		*p++ = r.is_backslash ? '\\' : '\'';
	if (is_formula)
		*p++ = '\'';
	return p;
}

CSV_INLINE char *csv_close_quote(char *p, struct csv_rules r)
{
	if (r.quote)
		*p++ = r.quote;
	return p;
}

/* A text that may be read BLOCK_SLACK bytes past its end, into room for 2 * len, CSV_FIELD_EXTRA and BLOCK_SLACK. */
CSV_INLINE char *csv_field_short(char *p, const uint8_t *in, size_t len, struct csv_rules r)
{
	bool is_formula = r.has_formulas && csv_is_formula(in, len);

	if (r.quote && !csv_is_word(in, len, r) && !(is_formula && r.quote == '\'')) {
		if (is_formula)
			*p = '\'';
		if (csv_copy_plain(p + is_formula, in, len, r))
			return p + is_formula + len;
	}
	p = csv_open_quote(p, is_formula, r);
	p = csv_copy_careful(p, in, len, r);
	return csv_close_quote(p, r);
}

/* A number's point, of which it has one at most. */
static inline void csv_change_point(void *text, size_t len, char decimal)
{
	char *point = decimal != '.' ? memchr(text, '.', len) : NULL;

	if (point)
		*point = decimal;
}

/* Any text, span by span: first to see whether it needs quotes, then to write it. `decimal` is to stand for the
 * point; '.' for what is no number. */
static inline char *csv_field_long(
	struct row_out *o, char *p, const uint8_t *in, size_t len, char decimal, struct csv_rules r)
{
	bool is_formula = r.has_formulas && csv_is_formula(in, len);
	bool is_plain = r.quote && !csv_is_word(in, len, r) && !(is_formula && r.quote == '\'');

	p = row_out_room(o, p, ROW_OUT_SPAN);
	for (size_t at = 0, n = len; at < len && is_plain; at += n, n = len - at) {
		const uint8_t *span = row_out_span(o, in + at, &n);

		is_plain = csv_copy_plain(p, span, n, r);
	}
	if (!is_plain)
		p = csv_open_quote(p, is_formula, r);
	else if (is_formula)
		*p++ = '\'';
	for (size_t at = 0, n = len; at < len; at += n, n = len - at) {
		const uint8_t *span = row_out_span(o, in + at, &n);

		csv_change_point(o->scratch, n, decimal);
		p = row_out_room(o, p, 2 * n);
		p = csv_copy_careful(p, span, n, r);
	}
	return is_plain ? p : csv_close_quote(p, r);
}

CSV_INLINE char *csv_field_put(
	struct row_out *o, char *p, const struct column *c, int32_t row, struct csv_rules r)
{
	size_t len;
	const uint8_t *in = column_bytes(c, row, &len);

	if (!row_out_is_short(c, row, len))
		return csv_field_long(o, p, in, len, '.', r);
	return csv_field_short(row_out_room(o, p, 2 * len), in, len, r);
}

#endif
