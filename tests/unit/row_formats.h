/*
 * What the tests of the row formats share: a format is run in three builds, the library's own,
 * one with tiny buffers, and one with tiny buffers and without SSE2, and all three must write the
 * same bytes.
 */
#ifndef SLUICE_TESTS_ROW_FORMATS_H
#define SLUICE_TESTS_ROW_FORMATS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/format/formats.h"
#include "lib/sink/memory.h"

typedef struct format *format_maker(struct sink *, const struct format_options *);

/* tests/unit/{csv,json}_{tiny,portable}.c */
struct format *csv_new_tiny(struct sink *out, const struct format_options *options);
struct format *csv_new_portable(struct sink *out, const struct format_options *options);
struct format *ndjson_new_tiny(struct sink *out, const struct format_options *options);
struct format *ndjson_new_portable(struct sink *out, const struct format_options *options);
struct format *json_new_tiny(struct sink *out, const struct format_options *options);
struct format *json_new_portable(struct sink *out, const struct format_options *options);

/* Give back what a column has not used, so that reading past a value shows under the address
 * sanitizer. The batch takes no more rows. */
static inline void cut_columns(struct batch *b)
{
	for (size_t i = 0; i < b->columns_n; i++) {
		struct column *c = &b->columns[i];

		if (!c->offsets)
			continue;
		c->data_cap = (size_t)c->offsets[b->rows];
		c->data = mem_grow(c->data, c->data_cap, 1);
	}
}

/* The batch `times` times over, into a sink that fails after so many bytes. Free the sink with
 * sink_free. */
static inline struct memory_sink *run_format(format_maker *make, const struct schema *schema,
	const struct batch *b, int times, uint64_t fail_after)
{
	struct memory_sink *m = memory_sink_new();
	struct format *f = make(&m->base, NULL);

	m->fail_after = fail_after;
	format_begin(f, schema);
	for (int i = 0; i < times; i++)
		format_batch(f, b);
	if (!sink_failed(&m->base, NULL))
		format_end(f);
	format_free(f);
	return m;
}

/* All builds (NULL-terminated) write exactly these bytes. */
static inline void expect_bytes(format_maker *const *makers, const struct schema *schema,
	const struct batch *b, const char *expected, size_t len)
{
	for (; *makers; makers++) {
		struct memory_sink *m = run_format(*makers, schema, b, 1, UINT64_MAX);

		if (m->bytes.len != len || (len && memcmp(m->bytes.data, expected, len) != 0)) {
			print_error("got:\n%.*s\nexpected:\n%.*s\n", (int)m->bytes.len,
				m->bytes.data, (int)len, expected);
			fail();
		}
		sink_free(&m->base);
	}
}

#define EXPECT(makers, schema, b, literal)                                                         \
	expect_bytes(makers, schema, b, literal, sizeof literal - 1)

/* Every build, failing after every number of bytes, has written just so many, and fails no other
 * way. */
static inline void expect_failures(
	format_maker *const *makers, const struct schema *schema, const struct batch *b)
{
	struct memory_sink *whole = run_format(*makers, schema, b, 2, UINT64_MAX);

	for (; *makers; makers++)
		for (uint64_t n = 0; n < whole->bytes.len; n++) {
			struct memory_sink *m = run_format(*makers, schema, b, 2, n);

			assert_true(sink_failed(&m->base, NULL));
			assert_int_equal(m->bytes.len, n);
			if (n)
				assert_memory_equal(m->bytes.data, whole->bytes.data, n);
			sink_free(&m->base);
		}
	sink_free(&whole->base);
}

/* A batch of one column of a variable type holds these values as its next rows. */
static inline void put_text(struct batch *b, const void *text, size_t len)
{
	assert_true(b->rows < b->rows_cap);
	assert_true(column_put_bytes(&b->columns[0], b->rows, text, len));
	b->rows++;
}

static inline void put_null(struct batch *b)
{
	column_put_null(&b->columns[0], b->rows++);
}

#endif
