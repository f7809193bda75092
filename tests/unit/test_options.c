/*
 * The table of format options: every word of every option is taken and lands where it should, every other is
 * refused by name, and what cannot be had together is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/format/name_list.h"
#include "lib/format/options.h"
#include "lib/format/parquet/codec.h"

/* Options as pairs: name, value, name, value, NULL. */
static const char *from_pairs(const void *from, const char *name)
{
	for (const char *const *pair = from; *pair; pair += 2)
		if (strcmp(pair[0], name) == 0)
			return pair[1];
	return NULL;
}

static struct arena arena;

static int read_pairs(
	struct format_options *o, unsigned families, const char *const *pairs, struct err *e)
{
	format_options_init(o, DIALECT_RFC4180);
	return format_options_read(o, families, from_pairs, pairs, &arena, e);
}

static void expect_taken(const char *const *pairs)
{
	struct format_options o;
	struct err e;

	if (read_pairs(&o, FAMILY_DELIMITED, pairs, &e) < 0)
		fail_msg("%s=%s: %s", pairs[0], pairs[1], e.text);
	format_options_free(&o);
}

static void expect_refused(unsigned families, const char *const *pairs, const char *text)
{
	struct format_options o;
	struct err e;

	if (read_pairs(&o, families, pairs, &e) == 0)
		fail_msg("%s=%s is taken", pairs[0], pairs[1]);
	assert_int_equal(e.code, ERR_BAD_REQUEST);
	if (!strstr(e.text, text))
		fail_msg("%s=%s: \"%s\" does not say \"%s\"", pairs[0], pairs[1], e.text, text);
	format_options_free(&o);
}

/* Whether this build has what the word stands for. */
static bool is_built(const struct format_option *option, uint8_t number)
{
	return strcmp(option->name, "codec") != 0 || codec_is_built(number);
}

/* Of every option with words, in every family that takes it: each word, another, and the empty one. */
static void words(void **s)
{
	int seen = 0;

	(void)s;
	for (const struct format_option *option = format_option_table; option->name; option++) {
		if (!option->words || strcmp(option->name, "decimal") == 0)
			continue;
		uint8_t number = 0;

		for (const char *p = option->words; *p; number++, seen++) {
			size_t len = strcspn(p, ",");
			char word[32];
			const char *pairs[] = { option->name, word, NULL };
			struct format_options o;
			struct err e;

			snprintf(word, sizeof word, "%.*s", (int)len, p);
			p += len + (p[len] == ',');
			if (!is_built(option, number)) {
				expect_refused(option->families, pairs, "is not part of");
				continue;
			}
			if (read_pairs(&o, option->families, pairs, &e) < 0)
				fail_msg("%s=%s: %s", option->name, word, e.text);
			assert_int_equal(((uint8_t *)&o)[option->at], number);
		}
		for (int i = 0; i < 4; i++) {
			const char *wrong[] = { "", "nonsense", "TRUE", "," };
			const char *pairs[] = { option->name, wrong[i], NULL };

			expect_refused(option->families, pairs, option->words);
		}
	}
	assert_true(seen > 30);
}

static void values(void **s)
{
	static const char *const taken[][2] = { { "delimiter", "tab" }, { "delimiter", "\t" },
		{ "delimiter", ";" }, { "delimiter", "|" }, { "quote", "'" }, { "quoteChar", "'" },
		{ "null", "" }, { "null", "NULL" }, { "null", "\\N" }, { "null", "-" },
		{ "null", "12345678901234567890123456789012" }, { "decimal", "." }, { "tz", "UTC" },
		{ "tz", "Europe/Berlin" }, { "tz", "-03:30" } };
	static const char *const refused[][2] = { { "delimiter", "" }, { "delimiter", "ab" },
		{ "delimiter", "a" }, { "delimiter", "1" }, { "delimiter", "." },
		{ "delimiter", ":" }, { "delimiter", "-" }, { "delimiter", "+" },
		{ "delimiter", " " }, { "delimiter", "\"" }, { "delimiter", "\\" },
		{ "delimiter", "\n" }, { "delimiter", "tabs" }, { "quote", "" }, { "quote", "a" },
		{ "quote", "''" }, { "quote", "\\" }, { "quote", "None" }, { "decimal", "" },
		{ "decimal", ";" }, { "decimal", ".." }, { "null", "a,b" }, { "null", "a\tb" },
		{ "null", "a\nb" }, { "null", "\r" }, { "null", "'" }, { "null", "\"" },
		{ "null", "\\." }, { "null", "123456789012345678901234567890123" },
		{ "tz", "Nowhere" }, { "tz", "" }, { "tz", "../etc/passwd" } };

	(void)s;
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
		expect_taken((const char *[]){ taken[i][0], taken[i][1], NULL });
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		expect_refused(FAMILY_DELIMITED,
			(const char *[]){ refused[i][0], refused[i][1], NULL }, refused[i][0]);
}

static void not_together(void **s)
{
	static const struct {
		const char *pairs[8], *text;
	} cases[] = {
		{ { "decimal", "," }, "add delimiter=;" },
		{ { "dialect", "excel-eu", "delimiter", "," },
			"decimal and delimiter must differ" },
		{ { "quote", "|", "delimiter", "|" }, "quote and delimiter must differ" },
		{ { "quote", "none" }, "quote=none needs escape=backslash" },
		{ { "dialect", "postgres", "escape", "quote" },
			"quote=none needs escape=backslash" },
		{ { "quote", "none", "escape", "backslash" }, "quote=none needs null=\\N" },
		{ { "dialect", "mysql", "null", "NULL" }, "quote=none needs null=\\N" },
		{ { "delimiter", "_", "null", "a_b" }, "neither the delimiter nor the quote" },
		{ { "quote", "~", "null", "a~b" }, "neither the delimiter nor the quote" },
		{ { "escape", "backslash", "null", "\\" }, "no other backslash in null than \\N" },
		{ { "escape", "backslash", "null", "\\\\" },
			"no other backslash in null than \\N" },
		{ { "escape", "backslash", "null", "a\\" }, "no other backslash in null than \\N" },
		{ { "quote", "'", "quoteChar", "~" }, "quote and quoteChar are the same option" },
	};
	static const char *const fine[] = { "quote", "none", "escape", "backslash", "null", "\\N",
		NULL };

	(void)s;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect_refused(FAMILY_DELIMITED, cases[i].pairs, cases[i].text);
	expect_taken(fine);
	expect_taken((const char *[]){ "decimal", ",", "delimiter", ";", NULL });
	expect_taken((const char *[]){ "null", "\\", NULL });
	expect_taken((const char *[]){ "escape", "backslash", "null", "\\N", NULL });
	expect_taken((const char *[]){ "tz", " 05:30", NULL }); /* a + that nobody has encoded */
}

static void other_formats(void **s)
{
	(void)s;
	for (const struct format_option *option = format_option_table; option->name; option++)
		for (unsigned family = FAMILY_DELIMITED; family <= FAMILY_ARROW; family *= 2) {
			const char *pairs[] = { option->name, "", NULL };

			if (option->families & family || strcmp(option->name, "decimal") == 0 ||
				strcmp(option->name, "nested") == 0)
				continue;
			expect_refused(family, pairs, "is not an option of this format");
			pairs[0] = option->alias;
			if (option->alias)
				expect_refused(family, pairs, "is not an option of this format");
		}
	expect_refused(FAMILY_XML, (const char *[]){ "decimal", ".", NULL }, "decimal");
	expect_refused(FAMILY_JSON, (const char *[]){ "decimal", ".", NULL }, "number,string");
	expect_refused(FAMILY_PARQUET, (const char *[]){ "nested", "server", NULL }, "json,list");
	expect_refused(FAMILY_DELIMITED, (const char *[]){ "nested", "list", NULL }, "json,server");
	expect_refused(FAMILY_JSON, (const char *[]){ "nested", "json", NULL }, "is not an option");
}

/* A dialect comes first, wherever it stands; every other option changes it. */
static void dialects(void **s)
{
	struct format_options o;
	struct err e;

	(void)s;
	assert_int_equal(read_pairs(&o, FAMILY_DELIMITED,
				 (const char *[]){ "delimiter", "|", "dialect", "excel-eu", "bom",
					 "false", NULL },
				 &e),
		0);
	assert_int_equal(o.delimiter, '|');
	assert_int_equal(o.decimal, ',');
	assert_false(o.bom);
	assert_true(o.escape_formulas);
	format_options_init(&o, DIALECT_TSV);
	assert_int_equal(format_options_read(&o, FAMILY_DELIMITED, from_pairs,
				 (const char *[]){ "dialect", "postgres", NULL }, &arena, &e),
		0);
	for (int i = 0; i < 2; i++) {
		const char *pairs[] = { i ? "dialect" : "delimiter", i ? "excel" : ",", NULL };

		format_options_init(&o, DIALECT_TSV);
		assert_int_equal(
			format_options_read(&o, FAMILY_DELIMITED, from_pairs, pairs, &arena, &e),
			-1);
		assert_string_equal(
			e.text, "TSV is delimited by tabs; ask for CSV, or add delimiter=tab");
	}
}

static int free_arena(void **s)
{
	(void)s;
	arena_free(&arena);
	return 0;
}

static void expect_parquet(const char *name, const char *value, int64_t least, int64_t most)
{
	struct format_options o;
	struct err e;
	char text[32], range[96];

	snprintf(range, sizeof range, "from %lld to %lld", (long long)least, (long long)most);
	for (int64_t v = least - 1; v <= most + 1; v += most - least + 2) {
		snprintf(text, sizeof text, "%lld", (long long)v);
		expect_refused(FAMILY_PARQUET, (const char *[]){ name, text, NULL }, range);
	}
	for (const char *const *wrong = (const char *[]){ "", "x", "1x", " 1", "+1", "-1", "1e3",
		     "99999999999999999999", NULL };
		*wrong; wrong++)
		expect_refused(FAMILY_PARQUET, (const char *[]){ name, *wrong, NULL }, range);
	assert_int_equal(
		read_pairs(&o, FAMILY_PARQUET, (const char *[]){ name, value, NULL }, &e), 0);
}

static void parquet(void **s)
{
	struct format_options o;
	struct err e;

	(void)s;
	expect_parquet("row_group_rows", "1", 1, 10000000);
	expect_parquet("row_group_bytes", "268435456", 65536, 268435456);
	assert_int_equal(read_pairs(&o, FAMILY_PARQUET,
				 (const char *[]){ "codec", "gzip", "level", "9", NULL }, &e),
		0);
	assert_int_equal(o.level, 9);
	assert_int_equal(o.row_group_rows, 122880);
	expect_refused(FAMILY_PARQUET, (const char *[]){ "codec", "gzip", "level", "10", NULL },
		"from 1 to 9");
	expect_refused(FAMILY_PARQUET, (const char *[]){ "codec", "none", "level", "1", NULL },
		"has no level");
	for (const char *const *wrong = (const char *[]){ "", ",", "a,", ",a", "a,,b", "\"a",
		     "\"a\"b", "\"\"", "a\"b", NULL };
		*wrong; wrong++)
		expect_refused(FAMILY_PARQUET, (const char *[]){ "bloom", *wrong, NULL }, "names");
	assert_int_equal(read_pairs(&o, FAMILY_PARQUET,
				 (const char *[]){ "bloom", "a,\"b,\"\"c\"", NULL }, &e),
		0);
	const char *list = o.bloom;
	struct buf name = { 0 };

	assert_int_equal(name_list_next(&list, &name), 1);
	assert_string_equal(name.data, "a");
	assert_int_equal(name_list_next(&list, &name), 1);
	assert_string_equal(name.data, "b,\"c");
	assert_int_equal(name_list_next(&list, &name), 0);
	buf_free(&name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(parquet),
		cmocka_unit_test(values),
		cmocka_unit_test(not_together),
		cmocka_unit_test(other_formats),
		cmocka_unit_test(dialects),
	};

	return cmocka_run_group_tests(tests, NULL, free_arena);
}
