/*
 * What the tests of the XML format share: the format in three builds (row_formats.h), and what
 * stands about its rows.
 */
#ifndef SLUICE_TESTS_XML_CASE_H
#define SLUICE_TESTS_XML_CASE_H

#include "tests/unit/row_formats.h"

#include "lib/format/xml.h"
#include "tests/unit/xml_judge.h"

#define HEAD                                                                                       \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                             \
	"<table xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n"
#define TAIL "</table>\n"
#define NIL  " xsi:nil=\"true\"/>"

/* tests/unit/xml_{tiny,portable}.c */
struct format *xml_new_tiny(struct sink *out, const struct format_options *options);
struct format *xml_new_portable(struct sink *out, const struct format_options *options);

static format_maker *const makers[] = { xml_new, xml_new_tiny, xml_new_portable, NULL };

/* All builds write the rows of `expected` between HEAD and TAIL, with unused memory behind the
 * values and without. */
static inline void expect_rows(
	const struct schema *schema, struct batch *b, const char *expected, size_t len)
{
	struct buf all = { 0 };

	buf_puts(&all, HEAD);
	buf_put(&all, expected, len);
	buf_puts(&all, TAIL);
	expect_bytes(makers, schema, b, all.data, all.len);
	cut_columns(b);
	expect_bytes(makers, schema, b, all.data, all.len);
	buf_free(&all);
}

/* What the first build writes; freed by the caller. */
static inline struct buf written(const struct schema *schema, const struct batch *b)
{
	struct memory_sink *m = run_format(makers[0], schema, b, 1, UINT64_MAX);
	struct buf text = m->bytes;

	m->bytes = (struct buf){ 0 };
	sink_free(&m->base);
	return text;
}

#endif
