/*
 * Bench: what a row costs in each row format, and what a cell of each type costs alone.
 *
 *	make tests/bench/bench_format && tests/bench/bench_format [FORMAT[?OPTION=VALUE&...]]...
 *
 * Without arguments: every format as it is without options.
 * One batch is formatted over and over into a sink that takes bytes and forgets them. A figure is
 * the median of nine rounds of CPU time, so that others on the machine count little; under about
 * 3 % two of them do not differ.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/mem.h"
#include "lib/format/format.h"

enum { ROUNDS = 9, ROUND_NS = 20 * 1000 * 1000, COPIES = 8 };

static uint64_t state = 88172645463325252;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static int64_t between(int64_t low, int64_t high)
{
	return low + (int64_t)(next() % (uint64_t)(high - low + 1));
}

/* ---- columns: how each is filled */

typedef void filler(struct column *, int32_t row);

static void fill_bytes(struct column *c, int32_t row, const char *alphabet, size_t len)
{
	char text[4096];
	size_t n = strlen(alphabet);

	for (size_t i = 0; i < len; i++)
		text[i] = alphabet[next() % n];
	if (!column_put_bytes(c, row, text, len))
		abort();
}

static const char letters[] = "abcdefghijklmnopqrstuvwxyz .ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static void fill_text_2(struct column *c, int32_t row)
{
	fill_bytes(c, row, letters, 2);
}

static void fill_text_8(struct column *c, int32_t row)
{
	fill_bytes(c, row, letters, 8);
}

static void fill_text_18(struct column *c, int32_t row)
{
	fill_bytes(c, row, letters, (size_t)between(12, 24));
}

static void fill_text_28(struct column *c, int32_t row)
{
	fill_bytes(c, row, letters, (size_t)between(20, 36));
}

static void fill_text_300(struct column *c, int32_t row)
{
	fill_bytes(c, row, letters, 300);
}

static void fill_text_comma(struct column *c, int32_t row)
{
	fill_bytes(c, row, "abcdefghijklmnopqrstuvwxyz , ", (size_t)between(20, 60));
}

static void fill_text_lines(struct column *c, int32_t row)
{
	fill_bytes(c, row, "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz \n", 300);
}

/* {"abcd": "efghij", … as jsonb prints it: a quote every six bytes or so. */
static void fill_json(struct column *c, int32_t row)
{
	char text[400];
	size_t len = 0;

	text[len++] = '{';
	while (len < 300) {
		text[len++] = '"';
		for (int64_t i = between(3, 9); i > 0; i--)
			text[len++] = letters[next() % 10];
		text[len++] = '"';
		text[len++] = ':';
		text[len++] = ' ';
		text[len++] = '"';
		for (int64_t i = between(4, 12); i > 0; i--)
			text[len++] = letters[next() % 20];
		text[len++] = '"';
		text[len++] = ',';
		text[len++] = ' ';
	}
	text[len - 2] = '}';
	len--;
	if (!column_put_bytes(c, row, text, len))
		abort();
}

static void fill_json_strings(struct column *c, int32_t row) /* an array of short strings */
{
	char text[4096];

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = i % 8 == 1 || i % 8 == 7 ? '"' : letters[next() % 20];
	for (size_t i = 0; i < sizeof text; i += 8)
		text[i] = ',';
	text[0] = '[';
	text[sizeof text - 8] = ' ';
	memcpy(text + sizeof text - 7, "      ]", 7);
	if (!column_put_bytes(c, row, text, sizeof text))
		abort();
}

static void fill_quotes(struct column *c, int32_t row) /* a quote every eight bytes */
{
	char text[4096];

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = i % 8 == 3 ? '"' : letters[next() % 20];
	if (!column_put_bytes(c, row, text, sizeof text))
		abort();
}

static void fill_binary(struct column *c, int32_t row)
{
	fill_bytes(c, row, letters, 32);
}

static void fill_bool(struct column *c, int32_t row)
{
	column_put_bool(c, row, next() & 1);
}

static void fill_int16(struct column *c, int32_t row)
{
	COLUMN_PUT(c, int16_t, row, (int16_t)between(-30000, 30000));
}

static void fill_int32(struct column *c, int32_t row)
{
	COLUMN_PUT(c, int32_t, row, (int32_t)between(0, 1000000));
}

static void fill_int64(struct column *c, int32_t row)
{
	COLUMN_PUT(c, int64_t, row, between(1, 3000000));
}

static void fill_int64_long(struct column *c, int32_t row)
{
	COLUMN_PUT(c, int64_t, row, (int64_t)next());
}

static void fill_float32(struct column *c, int32_t row)
{
	COLUMN_PUT(c, float, row, (float)between(1, 100000000) / 7.0f);
}

static void fill_float64(struct column *c, int32_t row)
{
	COLUMN_PUT(c, double, row, (double)between(1, 1000000000000) / 7.0);
}

static void fill_float64_short(struct column *c, int32_t row) /* two digits behind the point */
{
	COLUMN_PUT(c, double, row, (double)between(1, 10000000) / 100.0);
}

static void fill_float64_whole(struct column *c, int32_t row)
{
	COLUMN_PUT(c, double, row, (double)between(1, 10000000));
}

static void fill_decimal(struct column *c, int32_t row)
{
	COLUMN_PUT(c, __int128, row, between(-100000, 9999999));
}

static void fill_decimal_38(struct column *c, int32_t row)
{
	COLUMN_PUT(c, __int128, row, (__int128)(next() >> 1) * 1000000000 * 1000000000);
}

static void fill_decimal_text(struct column *c, int32_t row)
{
	char text[40];
	int len = snprintf(text, sizeof text, "%lld.%05lld", (long long)between(0, 1000000),
		(long long)between(0, 99999));

	if (!column_put_bytes(c, row, text, (size_t)len))
		abort();
}

static void fill_date(struct column *c, int32_t row)
{
	COLUMN_PUT(c, int32_t, row, (int32_t)between(0, 20000));
}

static void fill_time(struct column *c, int32_t row)
{
	COLUMN_PUT(c, int64_t, row, between(0, 86400000000));
}

static void fill_seconds(struct column *c, int32_t row) /* whole seconds */
{
	COLUMN_PUT(c, int64_t, row, between(0, 800000000) * 1000000);
}

static void fill_timestamp(struct column *c, int32_t row)
{
	COLUMN_PUT(c, int64_t, row, between(0, 800000000000000));
}

static void fill_interval(struct column *c, int32_t row)
{
	struct interval v = { between(0, 86400000000), (int32_t)between(0, 30),
		(int32_t)between(0, 40) };

	COLUMN_PUT(c, struct interval, row, v);
}

static void fill_uuid(struct column *c, int32_t row)
{
	uint64_t two[2] = { next(), next() };

	memcpy(c->data + 16 * (size_t)row, two, 16);
}

static void fill_half_null(struct column *c, int32_t row)
{
	if (next() & 1)
		column_put_null(c, row);
	else
		fill_text_18(c, row);
}

struct cell {
	struct field field;
	filler *fill;
};

#define CELL(name_, type_, fill_, ...)                                                             \
	{                                                                                          \
		{ .name = name_, .type = type_, __VA_ARGS__ }, fill_                               \
	}

static const struct cell users[] = {
	CELL("user_id", TYPE_INT64, fill_int64),
	CELL("full_name", TYPE_UTF8, fill_text_18),
	CELL("email", TYPE_UTF8, fill_text_28),
	CELL("country", TYPE_UTF8, fill_text_2),
	CELL("plan", TYPE_UTF8, fill_text_8),
	CELL("balance", TYPE_DECIMAL128, fill_decimal, .precision = 12, .scale = 2),
	CELL("born_on", TYPE_DATE32, fill_date),
	CELL("created_at", TYPE_TIMESTAMPTZ, fill_seconds),
	CELL("is_active", TYPE_BOOL, fill_bool),
	CELL("visits", TYPE_INT32, fill_int32),
};

static const struct cell records[] = {
	CELL("id", TYPE_INT64, fill_int64),
	CELL("key", TYPE_UUID, fill_uuid),
	CELL("payload", TYPE_JSON, fill_json),
	CELL("note", TYPE_UTF8, fill_text_comma),
	CELL("score", TYPE_FLOAT64, fill_float64),
	CELL("amount", TYPE_DECIMAL_TEXT, fill_decimal_text),
	CELL("seen_at", TYPE_TIMESTAMPTZ, fill_timestamp),
	CELL("owner", TYPE_UTF8, fill_half_null, .nullable = true),
	CELL("digest", TYPE_BINARY, fill_binary),
};

static const struct cell alone[] = {
	CELL("bool", TYPE_BOOL, fill_bool),
	CELL("int16", TYPE_INT16, fill_int16),
	CELL("int32", TYPE_INT32, fill_int32),
	CELL("int64", TYPE_INT64, fill_int64),
	CELL("int64 of 19 digits", TYPE_INT64, fill_int64_long),
	CELL("float32", TYPE_FLOAT32, fill_float32),
	CELL("float64", TYPE_FLOAT64, fill_float64),
	CELL("float64, cents", TYPE_FLOAT64, fill_float64_short),
	CELL("float64, whole", TYPE_FLOAT64, fill_float64_whole),
	CELL("decimal(12,2)", TYPE_DECIMAL128, fill_decimal, .precision = 12, .scale = 2),
	CELL("decimal(38,10)", TYPE_DECIMAL128, fill_decimal_38, .precision = 38, .scale = 10),
	CELL("decimal text", TYPE_DECIMAL_TEXT, fill_decimal_text),
	CELL("date", TYPE_DATE32, fill_date),
	CELL("time", TYPE_TIME64, fill_time),
	CELL("timestamp", TYPE_TIMESTAMP, fill_timestamp),
	CELL("timestamptz, seconds", TYPE_TIMESTAMPTZ, fill_seconds),
	CELL("interval", TYPE_INTERVAL, fill_interval),
	CELL("uuid", TYPE_UUID, fill_uuid),
	CELL("binary of 32", TYPE_BINARY, fill_binary),
	CELL("text of 2", TYPE_UTF8, fill_text_2),
	CELL("text of 18", TYPE_UTF8, fill_text_18),
	CELL("text of 18, half null", TYPE_UTF8, fill_half_null, .nullable = true),
	CELL("text of 300", TYPE_UTF8, fill_text_300),
	CELL("text of 40 with commas", TYPE_UTF8, fill_text_comma),
	CELL("text of 300 with lines", TYPE_UTF8, fill_text_lines),
	CELL("text, quote every 8", TYPE_UTF8, fill_quotes),
	CELL("json of 300", TYPE_JSON, fill_json),
	CELL("json of 4096, strings", TYPE_JSON, fill_json_strings),
};

/* ---- a sink that forgets */

static void forget(struct sink *s, const void *data, size_t len)
{
	(void)s, (void)data, (void)len;
}

static void nothing(struct sink *s)
{
	(void)s;
}

static const struct sink_ops forget_ops = { forget, nothing, nothing, nothing, nothing };

/* ---- ways: a format and its options */

struct way {
	const char *name;
	const struct format_type *type;
	struct format_options options;
};

enum { WAYS_MOST = 16 };

static struct way ways[WAYS_MOST];
static size_t ways_n;
static struct arena arena;

/* The value of a name in "name=value&name=value". */
static const char *from_query(const void *from, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = from; *p; p += strcspn(p, "&"), p += *p == '&')
		if (!strncmp(p, name, len) && p[len] == '=')
			return arena_strndup(&arena, p + len + 1, strcspn(p + len + 1, "&"));
	return NULL;
}

static void add_way(const char *name)
{
	size_t len = strcspn(name, "?");
	const char *query = name[len] ? name + len + 1 : "";
	struct way way = { name, format_by_suffix(arena_strndup(&arena, name, len)), { 0 } };
	struct err e;

	if (!way.type || ways_n == WAYS_MOST) {
		fprintf(stderr, "%s: no such format, or too many\n", name);
		exit(2);
	}
	format_options_init(&way.options, way.type->dialect);
	if (format_options_read(&way.options, way.type->families, from_query, query, &arena, &e) <
		0) {
		fprintf(stderr, "%s: %s\n", name, e.text);
		exit(2);
	}
	ways[ways_n++] = way;
}

static void close_ways(void)
{
	for (size_t i = 0; i < ways_n; i++)
		format_options_free(&ways[i].options);
	arena_free(&arena);
}

/* ---- measuring */

static void fill_batch(struct batch *b, const struct cell *cells, size_t n, bool is_same)
{
	while (!batch_is_full(b)) {
		for (size_t i = 0; i < n; i++) {
			struct column *c = &b->columns[i];

			cells[is_same ? 0 : i].fill(c, b->rows);
			if (c->offsets)
				b->bytes += (size_t)(c->offsets[b->rows + 1] - c->offsets[b->rows]);
		}
		b->rows++;
	}
}

static size_t value_bytes(const struct batch *b)
{
	size_t bytes = 0;

	for (size_t i = 0; i < b->columns_n; i++)
		bytes += b->columns[i].offsets ? (size_t)b->columns[i].offsets[b->rows] : 0;
	return bytes;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0)
		abort();
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Median nanoseconds to format the batch once. */
static double measure(const struct way *way, const struct schema *schema, const struct batch *b)
{
	struct sink sink = { .ops = &forget_ops };
	struct format *f = way->type->new (&sink, &way->options);
	double ns[ROUNDS];

	format_begin(f, schema);
	for (int i = 0; i < ROUNDS; i++) {
		int64_t start = cpu_ns(), now;
		int n = 0;

		do {
			format_batch(f, b);
			n++;
			now = cpu_ns();
		} while (now - start < ROUND_NS);
		ns[i] = (double)(now - start) / n;
	}
	format_free(f);
	qsort(ns, ROUNDS, sizeof *ns, by_value);
	return ns[ROUNDS / 2];
}

/* `n` cells a row: those given, or copies of the first. */
static void bench(const char *name, const struct cell *cells, size_t n, bool is_same)
{
	struct field *fields = mem_zero(n, sizeof *fields);
	struct schema schema = { fields, n };
	struct batch b;
	double per = is_same ? (double)n : 1;

	for (size_t i = 0; i < n; i++)
		fields[i] = cells[is_same ? 0 : i].field;
	batch_init(&b, &schema);
	fill_batch(&b, cells, n, is_same);
	printf("%-26s", name);
	for (size_t i = 0; i < ways_n; i++) {
		double ns = measure(&ways[i], &schema, &b);

		printf("  %8s %8.1f ns", ways[i].name, ns / b.rows / per);
		if (value_bytes(&b) > 100 * (size_t)b.rows)
			printf(" %5.2f GB/s", (double)value_bytes(&b) / ns);
	}
	printf("\n");
	batch_free(&b);
	free(fields);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		add_way(argv[i]);
	for (const struct format_type *const *t = format_types; argc == 1 && *t; t++)
		add_way((*t)->name);
	printf("a row\n");
	bench("users", users, sizeof users / sizeof *users, false);
	bench("records", records, sizeof records / sizeof *records, false);
	printf("a cell\n");
	for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
		bench(alone[i].field.name, &alone[i], COPIES, true);
	close_ways();
	return 0;
}
