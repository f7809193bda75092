/*
 * How the inner bounds of a key that is not an integer are found, in one statement:
 *
 *	d  the distinct keys and how many rows have each (of the whole table, or of a sample)
 *	s  each with the key before it and the number of rows below it
 *	q  those where pages begin: bound i is the key of row n * i / total, of n in order;
 *	   a key that fills several pages is the bound of each, and all but one of them are empty
 *
 * Text and uuid bounds are then made short, for the token: any value greater than the key before
 * and not greater than the key itself parts the rows as the key does. Which prefixes are is the
 * server's to say, in the key's own type and collation: under most collations a prefix need not
 * sort where its bytes suggest.
 */
#include "lib/query/page.h"

#include <assert.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "lib/query/page_value.h"

enum {
	EXACT_ROWS = 200000,  /* below, all rows are sorted; sorting so many takes about 0.1 s */
	SAMPLE_ROWS = 100000, /* 200 rows a page of 500: sizes within 7 % (one sigma) */
	/* TABLESAMPLE SYSTEM takes whole blocks, and where neighbours in the key are neighbours
	 * on disk a block is as good as one row. So many for each page keep sizes within 13 %
	 * even then. */
	SAMPLE_BLOCKS = 64
};

static const struct {
	const char *sql_type;
	enum page_kind kind;
	const char *type;
} key_types[] = {
	{ "bigint", PAGE_INTEGER, "bigint" },
	{ "integer", PAGE_INTEGER, "bigint" },
	{ "smallint", PAGE_INTEGER, "bigint" },
	{ "text", PAGE_TEXT, "text" },
	{ "character varying", PAGE_TEXT, "text" },
	{ "character", PAGE_TEXT, "bpchar" }, /* as a cast, "character" would cut to one */
	{ "bpchar", PAGE_TEXT, "bpchar" },
	{ "name", PAGE_TEXT, "name" },
	{ "citext", PAGE_TEXT, "citext" }, /* spelled so only when its operators are in reach */
	{ "uuid", PAGE_UUID, "uuid" },
	{ "date", PAGE_DATE, "date" },
	{ "timestamp without time zone", PAGE_TIMESTAMP, "timestamp" },
	{ "timestamp with time zone", PAGE_TIMESTAMPTZ, "timestamptz" },
};

bool page_key_type(const char *sql_type, struct page_key *key)
{
	for (size_t i = 0; i < sizeof key_types / sizeof *key_types; i++)
		if (strcmp(key_types[i].sql_type, sql_type) == 0) {
			key->kind = key_types[i].kind;
			key->type = key_types[i].type;
			return true;
		}
	return false;
}

/* What the inner bounds are read from: percent of the blocks, and this share of their rows. */
struct sample {
	double percent;
	double share;
};

static struct sample plan_sample(const struct page_key *key, int32_t total)
{
	struct sample s = { 100, 1 };
	double rows = (double)key->rows;

	if (key->rows < EXACT_ROWS)
		return s;
	if (key->blocks > 0) {
		double by_rows = SAMPLE_ROWS / rows;
		double by_blocks = SAMPLE_BLOCKS * (double)total / (double)key->blocks;
		double part = by_rows > by_blocks ? by_rows : by_blocks;

		if (part < 1)
			s.percent = 100 * part;
	}
	s.share = SAMPLE_ROWS / (rows * s.percent / 100);
	return s;
}

/* k, or what is shorter than k and parts the rows as k does. */
static const char *bound_expression(struct arena *a, const struct page_key *key)
{
	const char *prefix, *lengths;

	if (key->kind == PAGE_TEXT) {
		prefix = arena_printf(a, "left(k::text, j)::%s", key->type);
		lengths = "1, least(length(k::text), 512)"; /* beyond, k itself will do */
	} else if (key->kind == PAGE_UUID) {
		prefix = "rpad(left(replace(k::text, '-', ''), 2 * j), 32, '0')::uuid";
		lengths = "1, 15";
	} else {
		return "k";
	}
	return arena_printf(a,
		"coalesce((SELECT v FROM generate_series(%s) AS j, LATERAL (SELECT %s AS v) AS c"
		" WHERE v > before AND v <= k LIMIT 1), k)",
		lengths, prefix);
}

/* The table for "FROM", less other tenants' rows, and with a condition (or none: ""). */
static const char *own_rows(struct arena *a, const struct page_key *key, const char *method,
	const char *condition, struct statement *st)
{
	size_t n = st->params_n + 1;

	if (!key->tenant_column)
		return arena_printf(
			a, "%s%s%s%s", key->table, method, *condition ? " WHERE " : "", condition);
	const char **params = arena_alloc(a, n * sizeof *params);

	if (st->params_n)
		memcpy(params, st->params, st->params_n * sizeof *params);
	params[n - 1] = key->tenant;
	st->params = params;
	st->params_n = n;
	return arena_printf(a, "%s%s WHERE %s = $%zu%s%s", key->table, method, key->tenant_column,
		n, *condition ? " AND " : "", condition);
}

/* The rows of d, for "FROM": all that have a key, or a sample of them. */
static const char *sampled_rows(
	struct arena *a, const struct page_key *key, int32_t total, struct statement *st)
{
	struct sample s = plan_sample(key, total);
	const char *method = "", *thinned = "";
	const char **params = arena_alloc(a, 3 * sizeof *params);

	st->params = params;
	params[st->params_n++] = arena_printf(a, "%" PRId32, total);
	if (s.percent < 100) {
		params[st->params_n++] = arena_printf(a, "%.6g", s.percent);
		method = arena_printf(a, " TABLESAMPLE SYSTEM ($%zu::real)", st->params_n);
	}
	if (s.share < 1) {
		params[st->params_n++] = arena_printf(a, "%.6g", s.share);
		thinned = arena_printf(a, " AND random() < $%zu::float8", st->params_n);
	}
	return own_rows(
		a, key, method, arena_printf(a, "%s IS NOT NULL%s", key->column, thinned), st);
}

static const char *inner_bounds(
	struct arena *a, const struct page_key *key, int32_t total, struct statement *st)
{
	if (total == 1)
		return "NULL::text";
	return arena_printf(a,
		"(WITH d AS (SELECT %s AS k, count(*) AS c FROM %s GROUP BY 1),"
		" s AS (SELECT k, lag(k) OVER w AS before, c,"
		" (sum(c) OVER w)::bigint - c AS below, (sum(c) OVER ())::bigint AS n"
		" FROM d WINDOW w AS (ORDER BY k ROWS UNBOUNDED PRECEDING)),"
		" q AS (SELECT k, before, greatest(1, (below * $1::bigint + n - 1) / n) AS lo,"
		" ((below + c) * $1::bigint + n - 1) / n - 1 AS hi FROM s)"
		" SELECT json_agg(b::text ORDER BY i)::text"
		" FROM (SELECT %s AS b, lo, hi FROM q WHERE lo <= hi) AS p, generate_series(lo, "
		"hi) AS i)",
		key->column, sampled_rows(a, key, total, st), bound_expression(a, key));
}

/* The first key in an order; an index on the key answers it alone. uuid has no min(). */
static const char *end_bound(
	struct arena *a, const struct page_key *key, const char *order, struct statement *st)
{
	const char *rows = own_rows(a, key, "", arena_printf(a, "%s IS NOT NULL", key->column), st);

	return arena_printf(a, "(SELECT %s FROM %s ORDER BY %s %s LIMIT 1)::text", key->column,
		rows, key->column, order);
}

/* The inner bounds first: their parameters are numbered from $1. */
static const char *bounds_of_data(
	struct arena *a, const struct page_key *key, int32_t total, struct statement *out)
{
	const char *inner = inner_bounds(a, key, total, out);
	const char *first = end_bound(a, key, "ASC", out);

	return arena_printf(a, "SELECT %s, %s, %s", first, end_bound(a, key, "DESC", out), inner);
}

void page_bounds_statement(
	struct arena *a, const struct page_key *key, int32_t total, struct statement *out)
{
	assert(total >= 1 && total <= PAGE_TOTAL_MAX);
	*out = (struct statement){ 0 };
	/* min() and max() share one scan where there is no index. */
	if (key->kind == PAGE_INTEGER)
		out->sql = arena_printf(a, "SELECT min(%s)::text, max(%s)::text FROM %s",
			key->column, key->column, own_rows(a, key, "", "", out));
	else
		out->sql = bounds_of_data(a, key, total, out);
}

void page_bounds_integer(
	struct arena *a, int64_t min, int64_t max, int32_t total, struct page_bounds *out)
{
	__int128 span = (__int128)max - min + 1;
	const char **values = arena_alloc(a, ((size_t)total + 1) * sizeof *values);

	assert(min <= max);
	for (int32_t i = 0; i < total; i++)
		values[i] = arena_printf(a, "%" PRId64, (int64_t)(min + span * i / total));
	values[total] = arena_printf(a, "%" PRId64, max);
	*out = (struct page_bounds){ .total = total, .values = values };
}

/* The text in the one spelling that the token gives back; NULL when it is no value of the kind. */
static const char *canonical(struct arena *a, enum page_kind kind, const char *text)
{
	uint8_t uuid[PAGE_UUID_BYTES];
	int64_t value;

	if (kind == PAGE_TEXT)
		return text;
	if (kind == PAGE_UUID)
		return page_uuid_parse(text, uuid) ? page_uuid_text(a, uuid) : NULL;
	return page_number_parse(kind, text, &value) ? page_number_text(a, kind, value) : NULL;
}

/* values[1 .. total-1] from the JSON array. None is one of a sample that had no rows: then the
 * last page takes all. */
static bool read_inner(
	struct arena *a, enum page_kind kind, int32_t total, const char *json, const char **values)
{
	struct json_object *list = json ? json_tokener_parse(json) : NULL;
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	bool ok = !json || (list && n == (size_t)total - 1);

	for (int32_t i = 1; ok && i < total; i++) {
		struct json_object *item =
			json ? json_object_array_get_idx(list, (size_t)i - 1) : NULL;

		values[i] = !json ? values[0] : NULL;
		if (json_object_is_type(item, json_type_string))
			values[i] =
				canonical(a, kind, arena_strdup(a, json_object_get_string(item)));
		ok = values[i] != NULL;
	}
	json_object_put(list);
	return ok;
}

static const char *cell(struct arena *a, const struct batch *b, size_t column)
{
	const struct column *c = &b->columns[column];
	size_t len;

	if (column_is_null(c, 0))
		return NULL;
	const uint8_t *bytes = column_bytes(c, 0, &len);

	return arena_strndup(a, (const char *)bytes, len);
}

static bool has_shape(const struct batch *b, const struct page_key *key)
{
	if (b->rows != 1 || b->columns_n != (key->kind == PAGE_INTEGER ? 2 : 3))
		return false;
	for (size_t i = 0; i < b->columns_n; i++)
		if (b->columns[i].type != TYPE_UTF8)
			return false;
	return column_is_null(&b->columns[0], 0) == column_is_null(&b->columns[1], 0);
}

static bool read_values(struct arena *a, const struct page_key *key, const struct batch *result,
	struct page_bounds *out)
{
	const char *min = cell(a, result, 0), *max = cell(a, result, 1);
	int64_t lo, hi;

	if (key->kind == PAGE_INTEGER) {
		if (!page_number_parse(key->kind, min, &lo) ||
			!page_number_parse(key->kind, max, &hi) || lo > hi)
			return false;
		page_bounds_integer(a, lo, hi, out->total, out);
		return true;
	}
	out->values = arena_alloc(a, ((size_t)out->total + 1) * sizeof *out->values);
	out->values[0] = canonical(a, key->kind, min);
	out->values[out->total] = canonical(a, key->kind, max);
	return out->values[0] && out->values[out->total] &&
	       read_inner(a, key->kind, out->total, cell(a, result, 2), out->values);
}

int page_bounds_read(struct arena *a, const struct page_key *key, int32_t total,
	const struct batch *result, struct page_bounds *out, struct err *e)
{
	assert(total >= 1 && total <= PAGE_TOTAL_MAX);
	*out = (struct page_bounds){ .total = total };
	if (has_shape(result, key)) {
		out->empty = column_is_null(&result->columns[0], 0);
		if (out->empty || read_values(a, key, result, out))
			return 0;
	}
	*out = (struct page_bounds){ 0 };
	return err_set(
		e, ERR_DATABASE, "the database's answer about the key's range is not understood");
}

/* Half-open to inclusive. Only the least integer has none before it, and it ends no page. */
static const char *integer_end(struct arena *a, const struct page_bounds *b, int32_t page)
{
	int64_t end;

	if (page == b->total || !page_number_parse(PAGE_INTEGER, b->values[page], &end))
		return b->values[page];
	return arena_printf(a, "%" PRId64, end - 1);
}

static const char *range(struct arena *a, const struct page_key *key, bool last, int first)
{
	if (key->kind == PAGE_INTEGER)
		return arena_printf(a, "%s BETWEEN $%d::%s AND $%d::%s", key->column, first,
			key->type, first + 1, key->type);
	return arena_printf(a, "%s >= $%d::%s AND %s %s $%d::%s", key->column, first, key->type,
		key->column, last ? "<=" : "<", first + 1, key->type);
}

void page_predicate(struct arena *a, const struct page_key *key, const struct page_bounds *b,
	int32_t page, int first, struct page_predicate *out)
{
	bool last = page == b->total, or_null = last && key->nullable;

	assert(page >= 1 && page <= b->total);
	*out = (struct page_predicate){ .sql = "false" };
	if (b->empty) {
		if (or_null)
			out->sql = arena_printf(a, "%s IS NULL", key->column);
		return;
	}
	if (!last && strcmp(b->values[page - 1], b->values[page]) == 0)
		return;
	out->sql = range(a, key, last, first);
	if (or_null)
		out->sql = arena_printf(a, "(%s OR %s IS NULL)", out->sql, key->column);
	out->params[0] = b->values[page - 1];
	out->params[1] = key->kind == PAGE_INTEGER ? integer_end(a, b, page) : b->values[page];
	out->params_n = 2;
}
