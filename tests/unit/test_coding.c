/*
 * Accept-Encoding and Accept, by a table of headers and what RFC 9110 makes of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "lib/web/coding.h"
#include "lib/web/negotiate.h"
#include "lib/web/quality.h"

/* What is expected where gzip and zstd are both built in: "first" is the one that the table has
 * first. */
static const struct {
	const char *header;
	const char *coding; /* "406": refused */
} codings[] = {
	{ NULL, "identity" },
	{ "", "identity" },
	{ " \t", "identity" },
	{ ",", "identity" },
	{ "identity", "identity" },
	{ "gzip", "gzip" },
	{ "GZip", "gzip" },
	{ "x-gzip", "gzip" },
	{ "zstd", "zstd" },
	{ "zip", "identity" }, /* a file format, no coding */
	{ "br", "identity" },
	{ "compress, deflate", "identity" },
	{ "gzipp, gzi", "identity" },
	{ "gzip, deflate, br, zstd", "first" }, /* browsers */
	{ "gzip, zstd", "first" },
	{ "zstd, gzip", "first" },
	{ "zstd,gzip", "first" },
	{ "gzip, deflate, br", "gzip" },
	{ "gzip;q=0.8, zstd;q=0.9", "zstd" },
	{ "gzip;q=0.9, zstd;q=0.8", "gzip" },
	{ "gzip;q=0.899,zstd;q=0.9", "zstd" },
	{ "gzip ; q=0.2\t,\tzstd ;q=0.1", "gzip" },
	{ "gzip;Q=0.2, zstd;Q=0.3", "zstd" },
	{ "*", "first" },
	{ "*;q=0.1", "first" },
	{ "gzip;q=0, *", "zstd" },
	{ "zstd;q=0, *", "gzip" },
	{ "*, zstd;q=0, gzip;q=0", "identity" },
	{ "zstd;q=0.5, *;q=0.4", "zstd" },
	{ "zstd;q=0.4, *;q=0.5", "gzip" },
	{ "gzip;q=0", "identity" },
	{ "gzip;q=0.0, zstd;q=0.000", "identity" },
	{ "gzip;q=0.001", "gzip" },
	{ "identity;q=1, gzip;q=0.5", "identity" },
	{ "identity;q=0.5, gzip", "gzip" },
	{ "identity, gzip", "gzip" },
	{ "identity;q=0.5, *;q=0", "identity" },
	{ "identity;q=0", "406" },
	{ "*;q=0", "406" },
	{ "br, *;q=0", "406" },
	{ "br, identity;q=0", "406" },
	{ "gzip;q=0, zstd;q=0, *;q=0", "406" },
	{ "gzip, identity;q=0", "gzip" },
	{ "gzip;q=0.1, *;q=0", "gzip" },
	{ "*;q=0, zstd;q=0.1", "zstd" },
	{ "identity;q=0, *", "first" },
	{ "gzip;q=high", "gzip" }, /* malformed weights count as 1 */
	{ "gzip;q=2, zstd;q=0.9", "gzip" },
	{ "gzip;a=b;q=0, zstd", "zstd" },
	{ "gzip;a=\"x,zstd\"", "gzip" },
	{ "gzip;a=\"x\\\",zstd", "gzip" },
	{ "gzip;q=0, gzip", "identity" }, /* said twice: the first counts */
	{ ";q=0, gzip", "gzip" },
	{ ";;;,,;,gzip,,", "gzip" },
};

static const char *first(void)
{
	size_t i = 0;

	while (!compress_types[i]->coding)
		i++;
	return compress_types[i]->coding;
}

static void accept_encoding(void **state)
{
	(void)state;
	if (!compress_by_name("zstd"))
		skip();
	for (size_t i = 0; i < sizeof codings / sizeof *codings; i++) {
		const struct compress_type *type = compress_types[0];
		const char *expected = codings[i].coding, *got = "406";
		struct err e = { 0 };

		if (coding_choose(codings[i].header, &type, &e) == 0)
			got = type ? type->coding : "identity";
		else if (e.code != ERR_NOT_ACCEPTABLE || type || !e.text[0])
			fail_msg("%s: refused in another way", codings[i].header);
		if (strcmp(got, strcmp(expected, "first") ? expected : first()) != 0)
			fail_msg("%s: %s, not %s", codings[i].header, got, expected);
	}
}

static const struct {
	const char *header, *format; /* NULL: refused */
} formats[] = {
	{ NULL, "csv" },
	{ "", "csv" },
	{ "*/*", "csv" },
	{ "text/csv", "csv" },
	{ "TEXT/CSV;header=absent", "csv" },
	{ "text/*", "csv" },
	{ "text/", NULL },
	{ "text/cs", NULL },
	{ "application/x-ndjson", "ndjson" },
	{ "text/html,application/jsonl", "ndjson" },
	{ "text/csv;q=0.5, application/x-ndjson;q=0.51", "ndjson" },
	{ "text/*;q=0.5, application/x-ndjson;q=0.51", "ndjson" },
	{ "*/*;q=0.2, text/csv;q=0.1, application/x-ndjson;q=0.3", "ndjson" },
	{ "*/*;q=0.1, text/*;q=0.2", "csv" },
	{ "text/*;q=0, text/csv", "csv" },
	{ "text/csv;a=\",\";q=0.1, application/x-ndjson;q=0.2", "ndjson" },
	{ "text/csv;q=0", NULL },
	{ "image/png", NULL },
};

static void accept(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		const struct format_type *t = negotiate_format(formats[i].header);
		const char *got = t ? t->name : "none";

		if (strcmp(got, formats[i].format ? formats[i].format : "none") != 0)
			fail_msg("%s: %s", formats[i].header, got);
	}
}

static void elements(void **state)
{
	static const struct {
		const char *name;
		int q;
	} expected[] = { { "a/b", 300 }, { "c", QUALITY_MAX }, { "", 0 }, { "d", 1 },
		{ "*", 990 } };
	const char *p = " a/b ;x=\",;\" ; q=0.3 ,c,, ;q=0, d;q=0.0019;y , *;q=0.99";
	struct quality q;
	size_t n = 0;

	(void)state;
	for (; (p = quality_next(p, &q)); n++) {
		assert_in_range(n, 0, sizeof expected / sizeof *expected - 1);
		assert_true(quality_is(&q, expected[n].name));
		assert_int_equal(q.q, expected[n].q);
	}
	assert_int_equal(n, sizeof expected / sizeof *expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accept_encoding),
		cmocka_unit_test(accept),
		cmocka_unit_test(elements),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
