/*
 * Pages without a database: integer segments against a naive judge, the conditions' text, dates and
 * timestamps, and tokens, damaged and forged ones too. page_token.c is included, so that forged
 * bodies can be sealed.
 */
#include "lib/query/page_token.c"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const int32_t totals[] = { 1, 2, 3, 7, 10, 500 };
enum { TOTALS_N = sizeof totals / sizeof *totals };

static const char *const sql_types[] = { "bigint", "text", "character", "uuid", "date",
	"timestamp without time zone", "timestamp with time zone" };
enum { SQL_TYPES_N = sizeof sql_types / sizeof *sql_types };

static struct page_key key_of(const char *sql_type)
{
	struct page_key key = { .table = "\"public\".\"t\"", .column = "\"k\"", .rows = -1 };

	assert_true(page_key_type(sql_type, &key));
	return key;
}

static uint64_t any64(void)
{
	return (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random();
}

static void test_key_types(void **state)
{
	static const char *const refused[] = { "numeric", "real", "double precision", "boolean",
		"json", "jsonb", "bytea", "interval", "time without time zone", "\"char\"", "oid",
		"public.citext", "integer[]", "inet", "", "BIGINT", "int8" };
	struct page_key key = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		assert_false(page_key_type(refused[i], &key));
	assert_null(key.type);
	assert_string_equal(key_of("smallint").type, "bigint");
	assert_int_equal(key_of("integer").kind, PAGE_INTEGER);
	assert_string_equal(key_of("character varying").type, "text");
	assert_string_equal(key_of("character").type, "bpchar");
	assert_string_equal(key_of("name").type, "name");
	assert_int_equal(key_of("timestamp with time zone").kind, PAGE_TIMESTAMPTZ);
}

/* Does the condition of an integer key select the value? */
static bool selects(const struct page_predicate *p, int64_t value)
{
	if (p->params_n == 0) {
		assert_string_equal(p->sql, "false");
		return false;
	}
	assert_string_equal(p->sql, "\"k\" BETWEEN $1::bigint AND $2::bigint");
	return value >= strtoll(p->params[0], NULL, 10) && value <= strtoll(p->params[1], NULL, 10);
}

static void check_small(int64_t min, int64_t max, int32_t total)
{
	struct page_key key = key_of("bigint");
	struct page_bounds bounds;
	struct page_predicate pages[32];
	struct arena a = { 0 };

	page_bounds_integer(&a, min, max, total, &bounds);
	for (int32_t i = 1; i <= total; i++)
		page_predicate(&a, &key, &bounds, i, 1, &pages[i - 1]);
	for (int64_t value = min - 2; value <= max + 2; value++) {
		int selected = 0;

		for (int32_t i = 0; i < total; i++)
			selected += selects(&pages[i], value);
		assert_int_equal(selected, value >= min && value <= max);
	}
	arena_free(&a);
}

static void test_small_integers(void **state)
{
	(void)state;
	for (int64_t min = -9; min <= 9; min += 3)
		for (int64_t max = min; max < min + 40; max++)
			for (int32_t total = 1; total <= 31; total++)
				check_small(min, max, total);
}

/* Pages that are not empty follow each other without a gap, and their widths differ by at most
 * one. */
static void check_wide(int64_t min, int64_t max, int32_t total)
{
	struct page_key key = key_of("integer");
	struct page_bounds bounds;
	struct page_predicate p;
	struct arena a = { 0 };
	__int128 next = min, least = (__int128)max - min + 1, most = 0;

	page_bounds_integer(&a, min, max, total, &bounds);
	for (int32_t i = 1; i <= total; i++) {
		page_predicate(&a, &key, &bounds, i, 1, &p);
		__int128 width = 0;

		if (p.params_n) {
			int64_t first = strtoll(p.params[0], NULL, 10);
			int64_t last = strtoll(p.params[1], NULL, 10);

			assert_true(first == next && last >= first);
			next = (__int128)last + 1;
			width = next - first;
		}
		least = width < least ? width : least;
		most = width > most ? width : most;
	}
	assert_true(next == (__int128)max + 1);
	assert_true(most - least <= 1);
	arena_free(&a);
}

static void test_wide_integers(void **state)
{
	static const int64_t edges[] = { INT64_MIN, INT64_MIN + 1, INT32_MIN, -1, 0, 1, INT32_MAX,
		INT64_MAX - 1, INT64_MAX };
	enum { EDGES_N = sizeof edges / sizeof *edges };

	(void)state;
	for (int i = 0; i < EDGES_N; i++)
		for (int j = i; j < EDGES_N; j++)
			for (int t = 0; t < TOTALS_N; t++)
				check_wide(edges[i], edges[j], totals[t]);
}

static void check_predicate(const struct page_key *key, const struct page_bounds *b, int32_t page,
	int first, const char *sql, const char *from, const char *to)
{
	struct page_predicate p;
	struct arena a = { 0 };

	page_predicate(&a, key, b, page, first, &p);
	assert_string_equal(p.sql, sql);
	assert_int_equal(p.params_n, from ? 2 : 0);
	if (from) {
		assert_string_equal(p.params[0], from);
		assert_string_equal(p.params[1], to);
	}
	arena_free(&a);
}

static void test_predicates(void **state)
{
	const char *words[] = { "a", "f", "f", "z" };
	struct page_bounds b = { .total = 3, .values = words },
			   none = { .total = 3, .empty = true };
	struct page_key key = key_of("character varying");

	(void)state;
	check_predicate(&key, &b, 1, 1, "\"k\" >= $1::text AND \"k\" < $2::text", "a", "f");
	check_predicate(&key, &b, 2, 1, "false", NULL, NULL);
	check_predicate(&key, &b, 3, 7, "\"k\" >= $7::text AND \"k\" <= $8::text", "f", "z");
	check_predicate(&key, &none, 3, 1, "false", NULL, NULL);
	key.nullable = true;
	check_predicate(&key, &b, 1, 1, "\"k\" >= $1::text AND \"k\" < $2::text", "a", "f");
	check_predicate(&key, &b, 3, 1,
		"(\"k\" >= $1::text AND \"k\" <= $2::text OR \"k\" IS NULL)", "f", "z");
	check_predicate(&key, &none, 1, 1, "false", NULL, NULL);
	check_predicate(&key, &none, 3, 1, "\"k\" IS NULL", NULL, NULL);
	/* One value only: the last page has it. */
	words[0] = words[1] = words[2] = "z";
	check_predicate(&key, &b, 1, 1, "false", NULL, NULL);
	check_predicate(&key, &b, 3, 1,
		"(\"k\" >= $1::text AND \"k\" <= $2::text OR \"k\" IS NULL)", "z", "z");
	key = key_of("smallint");
	key.nullable = true;
	words[0] = words[1] = "-3", words[2] = "-2", words[3] = "-1";
	check_predicate(&key, &b, 1, 1, "false", NULL, NULL);
	check_predicate(&key, &b, 2, 1, "\"k\" BETWEEN $1::bigint AND $2::bigint", "-3", "-3");
	check_predicate(&key, &b, 3, 3,
		"(\"k\" BETWEEN $3::bigint AND $4::bigint OR \"k\" IS NULL)", "-2", "-1");
}

static struct statement bounds_of(
	struct arena *a, const char *sql_type, int32_t total, int64_t rows, int64_t blocks)
{
	struct page_key key = key_of(sql_type);
	struct statement st;

	key.rows = rows;
	key.blocks = blocks;
	page_bounds_statement(a, &key, total, &st);
	return st;
}

/* rows and blocks to which part is read: percent of the blocks, or NULL, and share of those
 * rows, or NULL. */
static void check_sample(
	int32_t total, int64_t rows, int64_t blocks, const char *percent, const char *share)
{
	struct arena a = { 0 };
	struct statement st = bounds_of(&a, "uuid", total, rows, blocks);
	size_t n = 0;

	assert_int_equal(strtol(st.params[n++], NULL, 10), total);
	assert_int_equal(strstr(st.sql, "TABLESAMPLE SYSTEM ($2::real)") != NULL, percent != NULL);
	assert_int_equal(strstr(st.sql, "random() < $") != NULL, share != NULL);
	if (percent)
		assert_string_equal(st.params[n++], percent);
	if (share)
		assert_string_equal(st.params[n++], share);
	assert_int_equal(st.params_n, n);
	arena_free(&a);
}

static void test_samples(void **state)
{
	(void)state;
	check_sample(10, -1, 0, NULL, NULL);
	check_sample(10, -1, 1000000, NULL, NULL);
	check_sample(10, 199999, 4000, NULL, NULL);
	check_sample(10, 200000, 4000, "50", NULL);       /* 100,000 rows are enough blocks */
	check_sample(10, 10000000, 200000, "1", NULL);    /* the same */
	check_sample(10, 10000000, 64000, "1", NULL);     /* both say so */
	check_sample(500, 10000000, 64000, "50", "0.02"); /* enough blocks, fewer rows of each */
	check_sample(500, 10000000, 20000, NULL, "0.01"); /* all blocks are not too many */
	check_sample(10, 10000000, 0, NULL, "0.01");      /* a view */
}

static void test_statement(void **state)
{
	struct arena a = { 0 };
	struct statement st = bounds_of(&a, "integer", 500, 10000000, 100000);

	(void)state;
	assert_string_equal(
		st.sql, "SELECT min(\"k\")::text, max(\"k\")::text FROM \"public\".\"t\"");
	assert_int_equal(st.params_n, 0);
	st = bounds_of(&a, "date", 1, 10000000, 100000);
	assert_null(strstr(st.sql, "WITH"));
	assert_int_equal(st.params_n, 0);
	arena_free(&a);
}

/* The answer of a bounds statement; a NULL text is SQL NULL. */
static int read_row(struct arena *a, const struct page_key *key, int32_t total, int32_t rows,
	size_t columns_n, const char *const *cells, struct page_bounds *out, struct err *e)
{
	struct field fields[4];
	struct schema schema = { fields, columns_n };
	struct batch batch = { 0 };

	for (size_t i = 0; i < columns_n; i++)
		fields[i] = (struct field){ .name = "c", .type = TYPE_UTF8, .nullable = true };
	batch_init(&batch, &schema);
	for (; batch.rows < rows; batch.rows++)
		for (size_t i = 0; i < columns_n; i++) {
			struct column *c = &batch.columns[i];

			if (cells[i])
				assert_true(column_put_bytes(
					c, batch.rows, cells[i], strlen(cells[i])));
			else
				column_put_null(c, batch.rows);
		}
	int failed = page_bounds_read(a, key, total, &batch, out, e);

	batch_free(&batch);
	return failed;
}

static void check_refused(const char *sql_type, int32_t total, int32_t rows, size_t columns_n,
	const char *min, const char *max, const char *inner)
{
	struct page_key key = key_of(sql_type);
	const char *cells[] = { min, max, inner, NULL };
	struct page_bounds b;
	struct arena a = { 0 };
	struct err e = { 0 };

	assert_int_equal(read_row(&a, &key, total, rows, columns_n, cells, &b, &e), -1);
	assert_int_equal(e.code, ERR_DATABASE);
	assert_null(b.values);
	arena_free(&a);
}

static void test_answers_refused(void **state)
{
	(void)state;
	check_refused("integer", 2, 0, 2, "1", "2", NULL);
	check_refused("integer", 2, 2, 2, "1", "2", NULL);
	check_refused("integer", 2, 1, 3, "1", "2", NULL);
	check_refused("integer", 2, 1, 1, "1", NULL, NULL);
	check_refused("integer", 2, 1, 2, "1", NULL, NULL);
	check_refused("integer", 2, 1, 2, "1", "two", NULL);
	check_refused("integer", 2, 1, 2, "", "2", NULL);
	check_refused("integer", 2, 1, 2, "2", "1", NULL);
	check_refused("integer", 2, 1, 2, "1", "9223372036854775808", NULL);
	check_refused("text", 2, 1, 2, "a", "b", NULL);
	check_refused("text", 2, 1, 4, "a", "b", "[\"b\"]");
	check_refused("text", 2, 1, 3, "a", "b", "[]");
	check_refused("text", 2, 1, 3, "a", "b", "[\"a\",\"b\"]");
	check_refused("text", 2, 1, 3, "a", "b", "[1]");
	check_refused("text", 2, 1, 3, "a", "b", "[null]");
	check_refused("text", 2, 1, 3, "a", "b", "[\"a");
	check_refused("text", 2, 1, 3, "a", "b", "{}");
	check_refused("text", 2, 1, 3, "a", "b", "");
	check_refused("date", 2, 1, 3, "2024-01-01", "2024-01-31", "[\"01.02.2024\"]");
	check_refused("uuid", 1, 1, 3, "0", "1", NULL);
}

static void test_answers_read(void **state)
{
	struct page_key key = key_of("text");
	const char *cells[] = { "a", "z", "[\"é\\\"\",\"\"]" };
	struct page_bounds b;
	struct arena a = { 0 };

	(void)state;
	assert_int_equal(read_row(&a, &key, 3, 1, 3, cells, &b, NULL), 0);
	assert_false(b.empty);
	assert_string_equal(b.values[0], "a");
	assert_string_equal(b.values[1], "é\"");
	assert_string_equal(b.values[2], "");
	assert_string_equal(b.values[3], "z");
	cells[2] = NULL; /* the sample had no rows: the last page takes all */
	assert_int_equal(read_row(&a, &key, 3, 1, 3, cells, &b, NULL), 0);
	assert_string_equal(b.values[2], "a");
	cells[0] = cells[1] = NULL;
	assert_int_equal(read_row(&a, &key, 3, 1, 3, cells, &b, NULL), 0);
	assert_true(b.empty);
	arena_free(&a);
}

static void check_number(enum page_kind kind, const char *text, int64_t value)
{
	struct arena a = { 0 };
	int64_t got;

	assert_true(page_number_parse(kind, text, &got));
	assert_int_equal(got, value);
	assert_true(page_number_valid(kind, value));
	assert_string_equal(page_number_text(&a, kind, value), text);
	arena_free(&a);
}

static void test_times(void **state)
{
	(void)state;
	check_number(PAGE_DATE, "2000-01-01", 0);
	check_number(PAGE_DATE, "1999-12-31", -1);
	check_number(PAGE_DATE, "2000-02-29", 59);
	check_number(PAGE_DATE, "2000-03-01", 60);
	check_number(PAGE_DATE, "0001-01-01", -730119);
	check_number(PAGE_DATE, "0001-12-31 BC", -730120);
	check_number(PAGE_DATE, "0001-02-29 BC", -730426);
	check_number(PAGE_DATE, "4714-11-24 BC", -2451545);
	check_number(PAGE_DATE, "5874897-12-31", 2145031948);
	check_number(PAGE_DATE, "infinity", INT64_MAX);
	check_number(PAGE_DATE, "-infinity", INT64_MIN);
	check_number(PAGE_TIMESTAMP, "2000-01-01 00:00:00", 0);
	check_number(PAGE_TIMESTAMP, "1999-12-31 23:59:59.999999", -1);
	check_number(PAGE_TIMESTAMP, "2000-01-01 00:00:00.00001", 10);
	check_number(PAGE_TIMESTAMP, "2024-02-29 12:34:56.7", INT64_C(762525296700000));
	check_number(PAGE_TIMESTAMP, "4714-11-24 00:00:00 BC", INT64_C(-211813488000000000));
	check_number(PAGE_TIMESTAMP, "294276-12-31 23:59:59.999999", INT64_C(9223371331199999999));
	check_number(PAGE_TIMESTAMP, "-infinity", INT64_MIN);
	check_number(PAGE_TIMESTAMPTZ, "2000-01-01 00:00:01+00", 1000000);
	check_number(PAGE_TIMESTAMPTZ, "0044-03-15 12:00:00.5+00 BC", INT64_C(-64464465599500000));
	check_number(PAGE_TIMESTAMPTZ, "infinity", INT64_MAX);
}

static void test_times_refused(void **state)
{
	static const struct {
		enum page_kind kind;
		const char *text;
	} refused[] = {
		{ PAGE_DATE, "" },
		{ PAGE_DATE, "-" },
		{ PAGE_DATE, "Infinity" },
		{ PAGE_DATE, "infinity " },
		{ PAGE_DATE, "--infinity" },
		{ PAGE_DATE, "24-01-01" },
		{ PAGE_DATE, "2024-1-01" },
		{ PAGE_DATE, "2024-13-01" },
		{ PAGE_DATE, "2024-01-32" },
		{ PAGE_DATE, "2024-00-01" },
		{ PAGE_DATE, "2024-01-00" },
		{ PAGE_DATE, "2024-01-01 " },
		{ PAGE_DATE, "2024-01-01 AD" },
		{ PAGE_DATE, "2024-01-01 BC " },
		{ PAGE_DATE, "2024-01-01 00:00:00" },
		{ PAGE_DATE, "4714-11-23 BC" },
		{ PAGE_DATE, "5874898-01-01" },
		{ PAGE_DATE, "99999999-01-01" },
		{ PAGE_TIMESTAMP, "2024-01-01" },
		{ PAGE_TIMESTAMP, "2024-01-01T00:00:00" },
		{ PAGE_TIMESTAMP, "2024-01-01 24:00:00" },
		{ PAGE_TIMESTAMP, "2024-01-01 00:60:00" },
		{ PAGE_TIMESTAMP, "2024-01-01 00:00:60" },
		{ PAGE_TIMESTAMP, "2024-01-01 00:00:00." },
		{ PAGE_TIMESTAMP, "2024-01-01 00:00:00.0000001" },
		{ PAGE_TIMESTAMP, "2024-01-01 00:00:00+00" },
		{ PAGE_TIMESTAMP, "4714-11-23 23:59:59 BC" },
		{ PAGE_TIMESTAMP, "294277-01-01 00:00:00" },
		{ PAGE_TIMESTAMP, "9999999-12-31 23:59:59" },
		{ PAGE_TIMESTAMPTZ, "2024-01-01 00:00:00" },
		{ PAGE_TIMESTAMPTZ, "2024-01-01 00:00:00+01" },
		{ PAGE_TIMESTAMPTZ, "2024-01-01 00:00:00+00:30" },
		{ PAGE_INTEGER, "" },
		{ PAGE_INTEGER, "1x" },
		{ PAGE_INTEGER, "-9223372036854775809" },
	};
	int64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		assert_false(page_number_parse(refused[i].kind, refused[i].text, &value));
	assert_false(page_number_valid(PAGE_DATE, -2451546));
	assert_false(page_number_valid(PAGE_DATE, 2145031949));
	assert_false(page_number_valid(PAGE_TIMESTAMP, INT64_MAX - 1));
	assert_false(page_number_valid(PAGE_TIMESTAMPTZ, INT64_MIN + 1));
}

/* Every value that has a text has it back; every day of 801 years, and random moments. */
static void test_times_there_and_back(void **state)
{
	struct arena a = { 0 };
	int64_t got;

	(void)state;
	for (int64_t day = -800000; day < -500000; day++) {
		assert_true(
			page_number_parse(PAGE_DATE, page_number_text(&a, PAGE_DATE, day), &got));
		assert_int_equal(got, day);
		if (day % 4096 == 0)
			arena_free(&a);
	}
	for (int i = 0; i < 100000; i++) {
		int64_t us = (int64_t)(any64() >> (random() & 63));

		if (!page_number_valid(PAGE_TIMESTAMPTZ, us))
			continue;
		assert_true(page_number_parse(
			PAGE_TIMESTAMPTZ, page_number_text(&a, PAGE_TIMESTAMPTZ, us), &got));
		assert_int_equal(got, us);
	}
	arena_free(&a);
}

static void test_uuids(void **state)
{
	static const char *const refused[] = { "", "0", "00112233-4455-6677-8899-aabbccddeef",
		"00112233-4455-6677-8899-aabbccddeeff0", "00112233-4455-6677-8899-aabbccddeefg",
		"001122334455-6677-8899-aabbccddeeff", "{0112233-4455-6677-8899-aabbccddeeff}" };
	const char *text = "00112233-4455-6677-8899-aabbccddeeff";
	uint8_t bytes[PAGE_UUID_BYTES];
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		assert_false(page_uuid_parse(refused[i], bytes));
	assert_true(page_uuid_parse(text, bytes));
	for (int i = 0; i < PAGE_UUID_BYTES; i++)
		assert_int_equal(bytes[i], i * 0x11);
	assert_string_equal(page_uuid_text(&a, bytes), text);
	assert_true(page_uuid_parse("00112233-4455-6677-8899-AaBbCcDdEeFF", bytes));
	assert_string_equal(page_uuid_text(&a, bytes), text);
	arena_free(&a);
}

static int by_value(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

	return (a > b) - (a < b);
}

static const char *any_word(struct arena *a)
{
	static const char *const letters[] = { "a", "b", "", "é", "中", "😀", " ", "\"", "zzzz",
		"\n" };
	struct buf b = { 0 };

	for (long n = random() % 8; n > 0; n--)
		buf_puts(&b, letters[(size_t)random() % (sizeof letters / sizeof *letters)]);
	const char *word = arena_strdup(a, buf_str(&b));

	buf_free(&b);
	return word;
}

/* Random bounds of the key's kind; numbers are in order, as the token needs them. */
static struct page_bounds any_bounds(struct arena *a, const struct page_key *key, int32_t total)
{
	struct page_bounds b = { .total = total };
	int64_t numbers[PAGE_TOTAL_MAX + 1];
	uint8_t uuid[PAGE_UUID_BYTES];

	for (int32_t i = 0; i <= total;) {
		numbers[i] = (int64_t)(any64() >> (random() & 63));
		if (i == 0 && random() % 4 == 0)
			numbers[i] = INT64_MIN;
		i += page_number_valid(key->kind, numbers[i]);
	}
	qsort(numbers, (size_t)total + 1, sizeof *numbers, by_value);
	if (key->kind == PAGE_INTEGER) {
		page_bounds_integer(a, numbers[0], numbers[total], total, &b);
		return b;
	}
	b.values = arena_alloc(a, ((size_t)total + 1) * sizeof *b.values);
	for (int32_t i = 0; i <= total; i++) {
		if (key->kind == PAGE_TEXT) {
			b.values[i] = any_word(a);
		} else if (key->kind == PAGE_UUID) {
			for (int j = 0; j < PAGE_UUID_BYTES; j++)
				uuid[j] = (uint8_t)(j < 6 ? random() : 0);
			b.values[i] = page_uuid_text(a, uuid);
		} else {
			b.values[i] = page_number_text(a, key->kind, numbers[i]);
		}
	}
	return b;
}

static void check_equal(const struct page_bounds *a, const struct page_bounds *b)
{
	assert_int_equal(a->total, b->total);
	assert_int_equal(a->empty, b->empty);
	for (int32_t i = 0; !a->empty && i <= a->total; i++)
		assert_string_equal(a->values[i], b->values[i]);
}

static const char *token_of(
	struct arena *a, const struct page_key *key, const struct page_bounds *b)
{
	const char *token;

	assert_int_equal(page_token_write(a, key, b, &token, NULL), 0);
	assert_true(strlen(token) <= PAGE_TOKEN_MAX);
	assert_int_equal(strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789-_"),
		strlen(token));
	return token;
}

static void test_tokens(void **state)
{
	(void)state;
	for (int type = 0; type < SQL_TYPES_N; type++)
		for (int i = 0; i < 30 * TOTALS_N; i++) {
			struct arena a = { 0 };
			struct page_key key = key_of(sql_types[type]);
			struct page_bounds b = any_bounds(&a, &key, totals[i % TOTALS_N]), got;
			struct err e = { 0 };

			if (i % 30 == 29)
				b = (struct page_bounds){ .total = b.total, .empty = true };
			const char *token = token_of(&a, &key, &b);

			assert_int_equal(page_token_read(&a, &key, b.total, token, &got, &e), 0);
			check_equal(&b, &got);
			arena_free(&a);
		}
}

static void refuse(const struct page_key *key, int32_t total, const char *token, const char *why)
{
	struct page_bounds got;
	struct arena a = { 0 };
	struct err e = { 0 };

	assert_int_equal(page_token_read(&a, key, total, token, &got, &e), -1);
	assert_int_equal(e.code, ERR_BAD_REQUEST);
	assert_non_null(strstr(e.text, why));
	assert_null(got.values);
	arena_free(&a);
}

static void test_tokens_of_others(void **state)
{
	struct arena a = { 0 };
	struct page_key key = key_of("text"), other = key;
	struct page_bounds b = any_bounds(&a, &key, 10);
	const char *token = token_of(&a, &key, &b), *why = "another table, key or number";

	(void)state;
	refuse(&key, 9, token, why);
	other.table = "\"public\".\"u\"";
	refuse(&other, 10, token, why);
	other = key;
	other.column = "\"l\"";
	refuse(&other, 10, token, why);
	other = key_of("bpchar");
	refuse(&other, 10, token, why);
	arena_free(&a);
}

/* Each character changed, each beginning alone, and more behind. */
static void test_damaged_tokens(void **state)
{
	(void)state;
	for (int type = 0; type < SQL_TYPES_N; type++) {
		struct arena a = { 0 };
		struct page_key key = key_of(sql_types[type]);
		struct page_bounds b = any_bounds(&a, &key, 7);
		const char *token = token_of(&a, &key, &b);
		size_t len = strlen(token);

		for (size_t i = 0; i < len; i++) {
			char *changed = arena_strdup(&a, token);

			changed[i] = changed[i] == 'A' ? 'B' : 'A';
			refuse(&key, 7, changed, "damaged");
			changed[i] = "=+/ \n\xc3%"[i % 7];
			refuse(&key, 7, changed, "damaged");
			refuse(&key, 7, arena_strndup(&a, token, i), "damaged");
		}
		refuse(&key, 7, arena_printf(&a, "%sA", token), "damaged");
		refuse(&key, 7, arena_printf(&a, "%sAAAA", token), "damaged");
		refuse(&key, 7, arena_printf(&a, "%s=", token), "damaged");
		arena_free(&a);
	}
	struct page_key key = key_of("date");
	struct buf huge = { 0 };

	for (int i = 0; i < 1000000; i++)
		buf_putc(&huge, 'A');
	refuse(&key, 7, buf_str(&huge), "damaged");
	buf_free(&huge);
}

/* A token that holds up but for its body. */
static const char *forge(struct arena *a, const struct page_key *key, int32_t total, int version,
	int flags, const void *body, size_t len)
{
	struct buf b = { 0 }, text = { 0 };

	buf_putc(&b, (char)version);
	buf_putc(&b, (char)flags);
	buf_put_integer(&b, fingerprint(key, total), 4);
	buf_put(&b, body, len);
	buf_put_integer(&b, (uint32_t)crc32_z(0, (const Bytef *)b.data, b.len), 4);
	base64url_encode(&text, b.data, b.len);
	const char *token = arena_strdup(a, buf_str(&text));

	buf_free(&b);
	buf_free(&text);
	return token;
}

static void check_forged(
	const char *sql_type, int32_t total, const void *body, size_t len, const char *why)
{
	struct page_key key = key_of(sql_type);
	struct arena a = { 0 };
	struct page_bounds got;
	const char *token = forge(&a, &key, total, VERSION, 0, body, len);

	if (why)
		refuse(&key, total, token, why);
	else
		assert_int_equal(page_token_read(&a, &key, total, token, &got, NULL), 0);
	arena_free(&a);
}

#define FORGED(type, total, body, why) check_forged(type, total, body, sizeof body - 1, why)

static void test_forged_bodies(void **state)
{
	(void)state;
	FORGED("bigint", 3, "\x02\x05", NULL); /* 1 .. 6 */
	FORGED("bigint", 3, "", "damaged");
	FORGED("bigint", 3, "\x02", "damaged");
	FORGED("bigint", 3, "\x02\x05\x00", "damaged");
	FORGED("bigint", 3, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00\x05", "damaged");
	/* from INT64_MIN to INT64_MAX, and one further */
	FORGED("bigint", 3,
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		NULL);
	FORGED("bigint", 3,
		"\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		"damaged");
	FORGED("date", 2, "\x00\x01\x01", NULL);
	FORGED("date", 2, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00", NULL);
	FORGED("date", 2, "\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00", "damaged");
	FORGED("date", 2, "\x00\xff\xff\xff\xff\x7f\x00", "damaged");
	FORGED("text", 1, "\x00\x01\x61\x01\x00", NULL);
	FORGED("text", 1, "\x00\x01\x61\x02\x00", "damaged"); /* shares more than there is */
	FORGED("text", 1, "\x00\x02\x61", "damaged");
	FORGED("text", 1, "\x00\x01\x61\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "damaged");
	FORGED("text", 1, "\x00\x01\x00\x01\x00", "damaged");         /* NUL */
	FORGED("text", 1, "\x00\x01\xc3\x01\x00", "damaged");         /* half a character */
	FORGED("text", 1, "\x00\x03\xed\xa0\x80\x00\x00", "damaged"); /* a surrogate */
	FORGED("text", 1, "\x00\x02\xc3\xa9\x01\x01\xa8", NULL);      /* shares half a character */
	FORGED("text", 2, "\x00\x01\x61\x01\x00", "damaged");
	FORGED("uuid", 1, "\x00\x10zzzzzzzzzzzzzzzz\x10\x00", NULL);
	FORGED("uuid", 1, "\x00\x10zzzzzzzzzzzzzzzz\x10\x01z", "damaged");
	FORGED("uuid", 1, "\x00\x00\x00\x00", NULL);
}

static void test_forged_heads(void **state)
{
	struct page_key key = key_of("text");
	const uint8_t body[] = { 0, 1, 'a', 1, 0 };
	uint8_t packed[128] = { 5 };
	uLongf len = sizeof packed - 1;
	struct page_bounds got;
	struct arena a = { 0 };

	(void)state;
	assert_int_equal(compress(packed + 1, &len, body, sizeof body), Z_OK);
	assert_int_equal(
		page_token_read(&a, &key, 1,
			forge(&a, &key, 1, VERSION, IS_DEFLATED, packed, len + 1), &got, NULL),
		0);
	assert_string_equal(got.values[1], "a");
	refuse(&key, 1, forge(&a, &key, 1, VERSION + 1, 0, body, sizeof body), "another version");
	refuse(&key, 1, forge(&a, &key, 1, VERSION, 4, body, sizeof body), "damaged");
	refuse(&key, 1, forge(&a, &key, 1, VERSION, IS_EMPTY, body, sizeof body), "damaged");
	refuse(&key, 1, forge(&a, &key, 1, VERSION, IS_DEFLATED, body, sizeof body), "damaged");
	refuse(&key, 1, forge(&a, &key, 1, VERSION, IS_DEFLATED, packed, len), "damaged");
	refuse(&key, 1, forge(&a, &key, 1, VERSION, IS_DEFLATED, packed, len + 2), "damaged");
	packed[0] = 4;
	refuse(&key, 1, forge(&a, &key, 1, VERSION, IS_DEFLATED, packed, len + 1), "damaged");
	packed[0] = 6;
	refuse(&key, 1, forge(&a, &key, 1, VERSION, IS_DEFLATED, packed, len + 1), "damaged");
	arena_free(&a);
}

/* A small token must not become a large range of memory: 64 KiB inflated, 4 KiB a text. */
static void test_bombs(void **state)
{
	struct page_key key = key_of("text");
	struct arena a = { 0 };
	struct buf body = { 0 }, packed = { 0 };
	uLongf len;

	(void)state;
	for (int size = VALUE_MAX; size <= VALUE_MAX + 1; size++) {
		body.len = 0;
		put_varint(&body, 0);
		put_varint(&body, (uint64_t)size);
		memset(buf_reserve(&body, VALUE_MAX + 1), 'a', VALUE_MAX + 1);
		body.len += (size_t)size;
		put_varint(&body, (uint64_t)size);
		put_varint(&body, 0);
		packed.len = 0;
		put_varint(&packed, body.len);
		len = compressBound(body.len);
		assert_int_equal(compress((Bytef *)buf_reserve(&packed, len), &len,
					 (const Bytef *)body.data, body.len),
			Z_OK);
		const char *token =
			forge(&a, &key, 1, VERSION, IS_DEFLATED, packed.data, packed.len + len);
		struct page_bounds got;

		if (size > VALUE_MAX)
			refuse(&key, 1, token, "damaged");
		else
			assert_int_equal(page_token_read(&a, &key, 1, token, &got, NULL), 0);
	}
	buf_free(&body);
	buf_free(&packed);
	arena_free(&a);
}

static const char *repeat(struct arena *a, char c, size_t n)
{
	char *text = arena_alloc(a, n + 1);

	memset(text, c, n);
	text[n] = '\0';
	return text;
}

/* 501 texts that nothing makes shorter, and texts that are too long whatever they hold. */
static void test_too_long(void **state)
{
	struct page_key key = key_of("text");
	struct arena a = { 0 };
	const char *values[PAGE_TOTAL_MAX + 1], *token;
	struct page_bounds b = { .total = PAGE_TOTAL_MAX, .values = values };
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i <= PAGE_TOTAL_MAX; i++)
		values[i] = arena_printf(&a, "%016" PRIx64 "%016" PRIx64, any64(), any64());
	assert_int_equal(page_token_write(&a, &key, &b, &token, &e), -1);
	assert_int_equal(e.code, ERR_UNPROCESSABLE);
	assert_non_null(strstr(e.text, "500 pages: ask for fewer pages"));
	b.total = 100;
	token_of(&a, &key, &b);
	b.total = 1;
	values[1] = repeat(&a, 'z', VALUE_MAX);
	token_of(&a, &key, &b);
	values[1] = repeat(&a, 'z', VALUE_MAX + 1);
	assert_int_equal(page_token_write(&a, &key, &b, &token, &e), -1);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_types),
		cmocka_unit_test(test_small_integers),
		cmocka_unit_test(test_wide_integers),
		cmocka_unit_test(test_predicates),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_statement),
		cmocka_unit_test(test_answers_refused),
		cmocka_unit_test(test_answers_read),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_times_refused),
		cmocka_unit_test(test_times_there_and_back),
		cmocka_unit_test(test_uuids),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_tokens_of_others),
		cmocka_unit_test(test_damaged_tokens),
		cmocka_unit_test(test_forged_bodies),
		cmocka_unit_test(test_forged_heads),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
