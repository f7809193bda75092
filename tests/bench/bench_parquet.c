/*
 * How many values a second each of Parquet's encodings takes, alone on one core: columns of 20,000 values (a page) such as
 * the sample tables have, each encoded again and again for a fifth of a second. Prints a line for each: millions of
 * values a second, and the bits that a value takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/format/parquet/bloom.h"
#include "lib/format/parquet/delta.h"
#include "lib/format/parquet/dictionary.h"
#include "lib/format/parquet/plain.h"
#include "lib/format/parquet/rle.h"
#include "lib/format/parquet/statistics.h"

enum { VALUES = 20000, LONGEST = 40 };

#define ENOUGH_NS INT64_C(200000000)

/* ---- the columns */

struct page {
	const char *name;
	struct leaf leaf;
	struct field field;
	struct stage stage;
	struct buf indices; /* into its dictionary */
	struct dictionary dictionary;
};

static uint64_t state = 88172645463325252;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static int64_t serial(int64_t i)
{
	return 1000000 + i;
}

static int64_t count(int64_t i)
{
	(void)i;
	return (int64_t)(next() % 1200);
}

static int64_t cents(int64_t i)
{
	(void)i;
	return (int64_t)(next() % 5000000);
}

static int64_t moment(int64_t i)
{
	(void)i;
	return INT64_C(1700000000000000) + (int64_t)(next() % INT64_C(60000000000000));
}

static int email(char *to, int64_t i)
{
	return snprintf(to, LONGEST, "person.name%lld@example.com", (long long)i);
}

static int country(char *to, int64_t i)
{
	static const char *const codes[] = { "US", "DE", "SE", "ZA", "FR", "JP", "BR", "IN" };

	(void)i;
	return snprintf(to, LONGEST, "%s", codes[next() % 8]);
}

static void open_page(struct page *p, const char *name, enum type type)
{
	*p = (struct page){ .name = name };
	p->field = (struct field){ .name = name, .type = type };
	leaf_init(&p->leaf, &p->field, false);
}

static void make_numbers(struct page *p, const char *name, int64_t (*value)(int64_t))
{
	open_page(p, name, TYPE_INT64);
	for (int64_t i = 0; i < VALUES; i++) {
		int64_t v = value(i);

		buf_put(&p->stage.values, &v, sizeof v);
	}
	p->stage.values_n = VALUES;
}

static void make_texts(struct page *p, const char *name, int (*value)(char *, int64_t))
{
	open_page(p, name, TYPE_UTF8);
	for (int64_t i = 0; i < VALUES; i++) {
		char text[LONGEST];
		uint32_t len = (uint32_t)value(text, i);

		buf_put(&p->stage.values, text, len);
		buf_put(&p->stage.lengths, &len, sizeof len);
	}
	p->stage.values_n = VALUES;
}

static void free_page(struct page *p)
{
	stage_free(&p->stage);
	buf_free(&p->indices);
	dictionary_free(&p->dictionary);
}

/* ---- the encodings: each puts the page's values once */

typedef void encode(struct page *p, struct buf *out);

static const uint8_t *text_of(const struct page *p)
{
	return (const uint8_t *)p->stage.values.data;
}

static void plain(struct page *p, struct buf *out)
{
	if (p->leaf.is_bytes)
		plain_put_bytes(out, text_of(p), stage_lengths(&p->stage), VALUES);
	else
		plain_put_numbers(out, p->leaf.type, stage_numbers(&p->stage), VALUES);
}

static void delta(struct page *p, struct buf *out)
{
	if (p->leaf.is_bytes) {
		delta_put_lengths(out, stage_lengths(&p->stage), VALUES);
		buf_put(out, p->stage.values.data, p->stage.values.len);
	} else {
		delta_put_64(out, stage_numbers(&p->stage), VALUES);
	}
}

/* As the rows come: found in the dictionary, then the indices as runs and packed bits. */
static void by_dictionary(struct page *p, struct buf *out)
{
	unsigned width = 1;

	p->indices.len = 0;
	dictionary_reset(&p->dictionary);
	dictionary_add(&p->dictionary, &p->leaf, &p->stage, &p->indices);
	while (p->dictionary.n >> width)
		width++;
	rle_put(out, (const uint32_t *)(const void *)p->indices.data, VALUES, width);
	dictionary_put(&p->dictionary, &p->leaf, out);
}

static void statistics(struct page *p, struct buf *out)
{
	struct bounds b = { 0 };

	if (p->leaf.is_bytes)
		bounds_of_bytes(&b, &p->leaf, text_of(p), stage_lengths(&p->stage), VALUES);
	else
		bounds_of_numbers(&b, &p->leaf, stage_numbers(&p->stage), VALUES);
	buf_put(out, &b.least.len, 1);
}

static void bloom(struct page *p, struct buf *out)
{
	struct bloom filter = { 0 };

	bloom_open(&filter, VALUES);
	if (p->leaf.is_bytes)
		bloom_add_bytes(&filter, text_of(p), stage_lengths(&p->stage), VALUES);
	else
		bloom_add_numbers(&filter, &p->leaf, stage_numbers(&p->stage), VALUES);
	bloom_put(&filter, out);
	bloom_close(&filter);
}

/* One in forty of the rows is NULL. */
static void levels(struct page *p, struct buf *out)
{
	static uint8_t bits[VALUES / 8 + 1];

	(void)p;
	if (!bits[0])
		for (size_t i = 0; i < sizeof bits; i++)
			bits[i] = (uint8_t)(next() % 5 ? 0xff : 0xff ^ 0x10);
	rle_put_bitmap(out, bits, VALUES);
}

/* ---- measuring */

static int64_t cpu_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0)
		abort();
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void measure(const char *how, encode *put, struct page *p)
{
	struct buf out = { 0 };
	int64_t start, taken;
	int64_t values = 0;

	put(p, &out); /* what it needs is allocated */
	start = cpu_ns();
	do {
		out.len = 0;
		put(p, &out);
		values += VALUES;
		taken = cpu_ns() - start;
	} while (taken < ENOUGH_NS);
	printf("%-28s %-12s %8.0f %10.2f\n", how, p->name, (double)values * 1e3 / (double)taken,
		(double)out.len * 8 / VALUES);
	buf_free(&out);
}

int main(void)
{
	struct page pages[6];

	make_numbers(&pages[0], "serial", serial);
	make_numbers(&pages[1], "count", count);
	make_numbers(&pages[2], "cents", cents);
	make_numbers(&pages[3], "moment", moment);
	make_texts(&pages[4], "email", email);
	make_texts(&pages[5], "country", country);
	printf("%-28s %-12s %8s %10s\n", "encoding", "column", "M/s", "bits each");
	for (size_t i = 0; i < 6; i++) {
		measure("plain", plain, &pages[i]);
		measure(i < 4 ? "delta binary packed" : "delta length byte array", delta,
			&pages[i]);
		measure("dictionary and its page", by_dictionary, &pages[i]);
		measure("statistics (no encoding)", statistics, &pages[i]);
		measure("bloom filter", bloom, &pages[i]);
	}
	measure("definition levels", levels, &pages[0]);
	for (size_t i = 0; i < 6; i++)
		free_page(&pages[i]);
	return 0;
}
