#include "lib/format/parquet/list.h"

#include <errno.h>
#include <stdlib.h>

/* What is being read; every element ends before a comma or bracket, which a number's reader stops at. */
struct reader {
	const char *p, *end;
};

static void put_levels(struct stage *s, uint32_t repetition, uint32_t definition)
{
	buf_put(&s->repetitions, &repetition, sizeof repetition);
	buf_put(&s->definitions, &definition, sizeof definition);
}

static int not_this(const struct leaf *l, struct err *e)
{
	return err_set(
		e, ERR_DATABASE, "column %s: the database's array cannot be read", l->field->name);
}

static void skip_space(struct reader *r)
{
	while (r->p < r->end && strchr(" \t\r\n", *r->p))
		r->p++;
}

static bool take(struct reader *r, char c)
{
	skip_space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static bool take_word(struct reader *r, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(r->end - r->p) < len || memcmp(r->p, word, len))
		return false;
	r->p += len;
	return true;
}

/* ---- numbers */

static bool read_integer(struct reader *r, int64_t *v)
{
	char *end;

	errno = 0;
	*v = strtoll(r->p, &end, 10);
	bool is_read = end > r->p && !errno;

	r->p = end;
	return is_read;
}

/* NaN and the infinities stand in quotes. A number too small or large cannot come, as the type has written it. */
static bool read_floating(struct reader *r, enum type type, int64_t *v)
{
	bool is_quoted = take(r, '"');
	uint32_t narrow_bits;
	char *end;

	if (type == TYPE_FLOAT32) {
		float f = strtof(r->p, &end);

		memcpy(&narrow_bits, &f, sizeof f);
		*v = narrow_bits;
	} else {
		double d = strtod(r->p, &end);

		memcpy(v, &d, sizeof d);
	}
	bool is_read = end > r->p;

	r->p = end;
	return is_read && (!is_quoted || take(r, '"'));
}

static bool read_bool(struct reader *r, int64_t *v)
{
	*v = *r->p == 't';
	return take_word(r, *v ? "true" : "false");
}

static bool read_number(struct stage *s, const struct leaf *l, struct reader *r)
{
	int64_t v;
	bool is_read = l->value == TYPE_BOOL       ? read_bool(r, &v)
		       : l->order == LEAF_FLOATING ? read_floating(r, l->value, &v)
						   : read_integer(r, &v);

	if (is_read)
		buf_put(&s->values, &v, sizeof v);
	return is_read;
}

/* ---- text */

/* Of \u0000 to \u001f alone: to_json leaves other characters as they are. */
static bool read_unit(struct reader *r, char *to)
{
	char digits[5] = { 0 }, *end;

	if (r->end - r->p < 4)
		return false;
	memcpy(digits, r->p, 4);
	unsigned long v = strtoul(digits, &end, 16);

	*to = (char)v;
	r->p += 4;
	return *end == '\0' && v < 0x80;
}

static bool read_escape(struct reader *r, char *to)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";

	if (r->p == r->end)
		return false;
	char c = *r->p++;
	const char *letter = strchr(letters, c);

	if (c == 'u')
		return read_unit(r, to);
	if (!c || !letter)
		return false;
	*to = meant[letter - letters];
	return true;
}

static bool read_text(struct stage *s, struct reader *r)
{
	size_t before = s->values.len;
	char c;

	if (!take(r, '"'))
		return false;
	for (;;) {
		const char *from = r->p;

		while (r->p < r->end && *r->p != '"' && *r->p != '\\')
			r->p++;
		buf_put(&s->values, from, (size_t)(r->p - from));
		if (r->p == r->end)
			return false;
		if (*r->p++ == '"')
			break;
		if (!read_escape(r, &c))
			return false;
		buf_putc(&s->values, c);
	}
	uint32_t len = (uint32_t)(s->values.len - before);

	buf_put(&s->lengths, &len, sizeof len);
	return true;
}

/* ---- arrays */

static int read_element(
	struct stage *s, const struct leaf *l, struct reader *r, uint32_t repetition, struct err *e)
{
	unsigned most = leaf_definition(l);

	skip_space(r);
	if (r->p < r->end && *r->p == '[')
		return err_set(e, ERR_UNPROCESSABLE,
			"column %s has an array of more than one dimension, which is no list: ask "
			"without nested=list",
			l->field->name);
	if (take_word(r, "null")) {
		put_levels(s, repetition, most - 1);
		s->nulls_n++;
		return 0;
	}
	if (r->p == r->end || !(l->is_bytes ? read_text(s, r) : read_number(s, l, r)))
		return not_this(l, e);
	put_levels(s, repetition, most);
	s->values_n++;
	return 0;
}

static int read_array(struct stage *s, const struct leaf *l, struct reader *r, struct err *e)
{
	uint32_t repetition = 0;

	if (!take(r, '['))
		return not_this(l, e);
	if (take(r, ']')) {
		put_levels(s, 0, leaf_definition(l) - 2);
		s->nulls_n++;
		return 0;
	}
	do {
		if (read_element(s, l, r, repetition, e) < 0)
			return -1;
		repetition = 1;
	} while (take(r, ','));
	return take(r, ']') ? 0 : not_this(l, e);
}

int list_append(struct stage *s, const struct leaf *l, const struct column *c, int32_t from,
	int32_t to, struct err *e)
{
	for (int32_t row = from; row < to; row++, s->rows++) {
		size_t len;
		const char *text = (const char *)column_bytes(c, row, &len);
		struct reader r = { text, text + len };

		if (column_is_null(c, row)) {
			if (!l->is_optional)
				return not_this(l, e);
			put_levels(s, 0, 0);
			s->nulls_n++;
		} else if (read_array(s, l, &r, e) < 0) {
			return -1;
		}
	}
	return 0;
}
