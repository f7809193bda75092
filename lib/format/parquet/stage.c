#include "lib/format/parquet/stage.h"

#include <endian.h>

#include "lib/format/parquet/bitmap.h"
#include "lib/format/text.h"

/* The last moment whose microseconds since 1970 are neither infinite nor past 64 bits. */
#define MOMENT_LAST (INT64_MAX - 1 - TIMESTAMP_UNIX_SHIFT)

/* ---- which rows have a value */

static void append_validity(struct stage *s, const struct column *c, size_t from, size_t n)
{
	size_t at = (size_t)s->rows, bytes = (at + n + 7) / 8 + 1, valid = 0;
	bool is_full = !c->nulls_n;

	s->validity.len = 0; /* the bits so far stay where they are */
	uint8_t *bits = (uint8_t *)buf_reserve(&s->validity, bytes);

	for (size_t i = 0; i < n; i += 8) {
		size_t k = n - i < 8 ? n - i : 8;
		unsigned v = is_full ? (1u << k) - 1 : bitmap_take(c->validity, from + i, k);

		bitmap_append(bits, at + i, v, k);
		valid += (size_t)__builtin_popcount(v);
	}
	s->validity.len = bytes;
	s->nulls_n += (int32_t)(n - valid);
}

static bool has_null(const struct column *c, int32_t from, int32_t to)
{
	for (int32_t i = from; c->nulls_n && i < to; i++)
		if (column_is_null(c, i))
			return true;
	return false;
}

static bool is_valid(const struct stage *s, size_t i)
{
	return bitmap_get((const uint8_t *)s->validity.data, (size_t)s->rows + i);
}

/* ---- numbers: every row's, then without those of the NULLs */

static int64_t to_unix(int64_t v)
{
	if (v == TIMESTAMP_NEGATIVE_INFINITY)
		return -INT64_MAX;
	if (v > MOMENT_LAST)
		return v == TIMESTAMP_INFINITY ? INT64_MAX : INT64_MAX - 1;
	return v + TIMESTAMP_UNIX_SHIFT;
}

/* NaN is no decimal of Parquet's. */
static void drop_nan(struct stage *s, const __int128 *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (v[i] == DECIMAL_NAN && is_valid(s, i)) {
			bitmap_clear((uint8_t *)s->validity.data, (size_t)s->rows + i);
			s->nulls_n++;
		}
	}
}

#define CONVERT(ctype, expression)                                                                 \
	do {                                                                                       \
		const ctype *v = &COLUMN_VALUE(c, ctype, from);                                    \
		for (size_t i = 0; i < n; i++)                                                     \
			to[i] = (expression);                                                      \
	} while (0)

static void convert(int64_t *to, const struct column *c, size_t from, size_t n)
{
	switch (c->type) {
	case TYPE_BOOL:
		for (size_t i = 0; i < n; i++)
			to[i] = bitmap_get(c->data, from + i);
		break;
	case TYPE_INT16: CONVERT(int16_t, v[i]); break;
	case TYPE_INT32: CONVERT(int32_t, v[i]); break;
	case TYPE_FLOAT32:
		for (size_t i = 0; i < n; i++) {
			uint32_t bits;

			memcpy(&bits, c->data + 4 * (from + i), sizeof bits);
			to[i] = bits;
		}
		break;
	case TYPE_DATE32:
		CONVERT(int32_t, v[i] == DATE_NEGATIVE_INFINITY ? -INT32_MAX : v[i]);
		break;
	case TYPE_TIMESTAMP:
	case TYPE_TIMESTAMPTZ: CONVERT(int64_t, to_unix(v[i])); break;
	case TYPE_DECIMAL128: CONVERT(__int128, (int64_t)v[i]); break;
	default: memcpy(to, c->data + 8 * from, 8 * n); break; /* 64 bits as they are */
	}
}

static void append_numbers(struct stage *s, const struct column *c, size_t from, size_t n)
{
	int32_t nulls = s->nulls_n;
	int64_t *to = (int64_t *)(void *)buf_reserve(&s->values, n * sizeof *to);
	size_t kept = 0;

	convert(to, c, from, n);
	if (c->type == TYPE_DECIMAL128)
		drop_nan(s, &COLUMN_VALUE(c, __int128, from), n);
	if (c->nulls_n || s->nulls_n != nulls) {
		for (size_t i = 0; i < n; i++) {
			to[kept] = to[i];
			kept += is_valid(s, i);
		}
		n = kept;
	}
	s->values.len += n * sizeof *to;
	s->values_n += (int32_t)n;
}

/* ---- bytes */

static void append_variable(struct stage *s, const struct column *c, size_t from, size_t n)
{
	const int32_t *at = c->offsets + from;
	uint32_t *to = (uint32_t *)(void *)buf_reserve(&s->lengths, n * sizeof *to);
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		to[kept] = (uint32_t)(at[i + 1] - at[i]);
		kept += !c->nulls_n || is_valid(s, i);
	}
	buf_put(&s->values, c->data + at[0], (size_t)(at[n] - at[0]));
	s->lengths.len += kept * sizeof *to;
	s->values_n += (int32_t)kept;
}

static size_t put_fixed(char *to, const struct column *c, size_t row)
{
	unsigned __int128 v;
	uint64_t halves[2];

	if (c->type == TYPE_INTERVAL)
		return (size_t)(text_interval(to, &COLUMN_VALUE(c, struct interval, row)) - to);
	if (c->type == TYPE_UUID) {
		memcpy(to, c->data + 16 * row, 16);
		return LEAF_FIXED_LEN;
	}
	v = (unsigned __int128)COLUMN_VALUE(c, __int128, row);
	halves[0] = htobe64((uint64_t)(v >> 64));
	halves[1] = htobe64((uint64_t)v);
	memcpy(to, halves, sizeof halves);
	return LEAF_FIXED_LEN;
}

static void append_fixed(
	struct stage *s, const struct leaf *l, const struct column *c, size_t from, size_t n)
{
	uint32_t *to = (uint32_t *)(void *)buf_reserve(&s->lengths, n * sizeof *to);
	size_t kept = 0;

	if (c->type == TYPE_DECIMAL128)
		drop_nan(s, &COLUMN_VALUE(c, __int128, from), n);
	for (size_t i = 0; i < n; i++) {
		if (l->is_optional && !is_valid(s, i))
			continue;
		to[kept] = (uint32_t)put_fixed(buf_reserve(&s->values, TEXT_INTERVAL), c, from + i);
		s->values.len += to[kept++];
	}
	s->lengths.len += kept * sizeof *to;
	s->values_n += (int32_t)kept;
}

bool stage_append(
	struct stage *s, const struct leaf *l, const struct column *c, int32_t from, int32_t to)
{
	size_t n = (size_t)(to - from);

	if (l->is_optional)
		append_validity(s, c, (size_t)from, n);
	else if (has_null(c, from, to))
		return false;
	if (!l->is_bytes)
		append_numbers(s, c, (size_t)from, n);
	else if (c->offsets)
		append_variable(s, c, (size_t)from, n);
	else
		append_fixed(s, l, c, (size_t)from, n);
	s->rows += to - from;
	return true;
}

void stage_drop_values(struct stage *s)
{
	s->values.len = 0;
	s->lengths.len = 0;
	s->values_n = 0;
}

void stage_reset(struct stage *s)
{
	stage_drop_values(s);
	s->validity.len = 0;
	s->repetitions.len = 0;
	s->definitions.len = 0;
	s->rows = 0;
	s->nulls_n = 0;
}

void stage_free(struct stage *s)
{
	buf_free(&s->values);
	buf_free(&s->lengths);
	buf_free(&s->validity);
	buf_free(&s->repetitions);
	buf_free(&s->definitions);
}
