/*
 * XML names: every character against libxml2's tables, the mapping against one that undoes it, and
 * no two names alike.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libxml/chvalid.h>
#include <libxml/tree.h>
#include <stdlib.h>

#include "lib/format/xml_name.h"
#include "lib/format/xml_text.h"

static void expect_name(const char *name, const char *expected)
{
	struct buf mapped = { 0 };

	xml_name_map(&mapped, name);
	assert_string_equal(buf_str(&mapped), expected);
	buf_free(&mapped);
}

/* As ISO/IEC 9075-14 has them. PostgreSQL's query_to_xml writes the same, but for characters beyond
 * U+FFFF, whose digits have no zeros before them there. */
static void names(void **s)
{
	(void)s;
	expect_name("user_id", "user_id");
	expect_name("größe", "größe");
	expect_name("имя", "имя");
	expect_name("名前", "名前");
	expect_name("a b", "a_x0020_b");
	expect_name("a:b", "a_x003A_b");
	expect_name(":", "_x003A_");
	expect_name("1st", "_x0031_st");
	expect_name("-.", "_x002D_.");
	expect_name("_", "_");
	expect_name("__", "__");
	expect_name("_x", "_x005F_x");
	expect_name("_X", "_X");
	expect_name("a_x0020_b", "a_x005F_x0020_b");
	expect_name("__x_x_", "__x005F_x_x005F_x_");
	expect_name("xml", "_x0078_ml");
	expect_name("XMLa", "_x0058_MLa");
	expect_name("xMl-b", "_x0078_Ml-b");
	expect_name("axml", "axml");
	expect_name("xm", "xm");
	expect_name("numeric(12,2)", "numeric_x0028_12_x002C_2_x0029_");
	expect_name("\xf0\x9f\x8c\x8a", "_x01F30A_");
	expect_name("a\xf4\x8f\xbf\xbf", "a_x10FFFF_");
	expect_name("\xef\xbf\xbf", "_xFFFF_");
	expect_name("\t\x7f", "_x0009__x007F_");
	expect_name("a\xc2\xb7", "a\xc2\xb7");
	expect_name("\xc2\xb7", "_x00B7_");
	expect_name("", "_x_");
}

/* Bytes that are not UTF-8: alone, cut off, too long, surrogates, beyond the last character. */
static void not_utf8(void **s)
{
	(void)s;
	expect_name("\xff", "_xDCFF_");
	expect_name("a\x80", "a_xDC80_");
	expect_name("\xc3", "_xDCC3_");
	expect_name("\xe2\x82", "_xDCE2__xDC82_");
	expect_name("\xe2\x82x", "_xDCE2__xDC82_x");
	expect_name("\xc0\xaf", "_xDCC0__xDCAF_");
	expect_name("\xc1\xbf", "_xDCC1__xDCBF_");
	expect_name("\xe0\x9f\xbf", "_xDCE0__xDC9F__xDCBF_");
	expect_name("\xf0\x8f\xbf\xbf", "_xDCF0__xDC8F__xDCBF__xDCBF_");
	expect_name("\xed\xa0\x80", "_xDCED__xDCA0__xDC80_");
	expect_name("\xf4\x90\x80\x80", "_xDCF4__xDC90__xDC80__xDC80_");
	expect_name("\xf5\x80", "_xDCF5__xDC80_");
}

/* A character that goes on behind the end is not one: what stands there is not looked at. */
static void cut_characters(void **s)
{
	static const uint8_t *const whole = (const uint8_t *)"\xf0\x9f\x8c\x8a";

	(void)s;
	for (int len = 1; len <= 4; len++) {
		const uint8_t *in = whole;
		uint32_t c = xml_text_next(&in, whole + len);

		assert_int_equal(c, len < 4 ? XML_TEXT_BYTE + 0xf0 : 0x1f30a);
		assert_int_equal(in - whole, len < 4 ? 1 : 4);
	}
}

static bool is_escaped(const struct buf *mapped)
{
	return strchr(mapped->data, '_') != NULL;
}

/* Every character there is, first in a name and later. */
static void characters(void **s)
{
	(void)s;
	for (uint32_t c = 1; c <= 0x10ffff; c++) {
		struct buf first = { 0 }, later = { 0 };
		char name[XML_TEXT_CHAR + 2] = "a";
		bool is_first = xmlIsBaseCharQ(c) || xmlIsIdeographicQ(c);
		bool is_later = is_first || xmlIsDigitQ(c) || xmlIsCombiningQ(c) ||
				xmlIsExtenderQ(c) || c == '-' || c == '.';

		/* The underscore is the escape's own, and what text replaces cannot be put so. */
		if (c == '_' || (c < 0x80 && strchr("&<>\r", (int)c)) ||
			(c >= 0xd800 && c < 0xe000))
			continue;
		*xml_text_put(name + 1, c) = '\0';
		xml_name_map(&first, name + 1);
		xml_name_map(&later, name);
		buf_str(&first);
		buf_str(&later);
		if (is_escaped(&first) == is_first || is_escaped(&later) == is_later)
			fail_msg("U+%04X: %s %s", c, first.data, later.data);
		if (xmlValidateNCName((xmlChar *)first.data, 0) != 0 ||
			xmlValidateNCName((xmlChar *)later.data, 0) != 0)
			fail_msg("U+%04X: %s %s", c, first.data, later.data);
		buf_free(&first);
		buf_free(&later);
	}
}

/* The name that was mapped. */
static void undo(struct buf *out, const char *mapped)
{
	if (strcmp(mapped, "_x_") == 0)
		return;
	while (*mapped) {
		char *end;

		if (mapped[0] != '_' || mapped[1] != 'x') {
			buf_putc(out, *mapped++);
			continue;
		}
		unsigned long c = strtoul(mapped + 2, &end, 16);

		assert_true(*end == '_' && (end - mapped == 6 || end - mapped == 8));
		if (c >= 0xdc80 && c <= 0xdcff)
			buf_putc(out, (char)c);
		else
			out->len = (size_t)(xml_text_put(
						    buf_reserve(out, XML_TEXT_CHAR), (uint32_t)c) -
					    out->data);
		mapped = end + 1;
	}
}

/* All names of up to six of the characters that matter come back, so that no two are the same. */
static void one_to_one(void **s)
{
	static const char *const pieces[] = { "_", "x", "X", "m", "l", "0020_", " ", "\xc3",
		"\xa9" };
	enum { PIECES = sizeof pieces / sizeof *pieces, LEN = 6 };
	struct buf name = { 0 }, mapped = { 0 }, back = { 0 };

	(void)s;
	for (long i = 0, n = 1; i <= LEN; i++, n *= PIECES)
		for (long k = 0; k < n; k++) {
			name.len = mapped.len = back.len = 0;
			for (long j = 0, rest = k; j < i; j++, rest /= PIECES)
				buf_puts(&name, pieces[rest % PIECES]);
			xml_name_map(&mapped, buf_str(&name));
			if (xmlValidateNCName((const xmlChar *)buf_str(&mapped), 0) != 0)
				fail_msg("%s", buf_str(&mapped));
			undo(&back, buf_str(&mapped));
			if (strcmp(buf_str(&back), buf_str(&name)) != 0)
				fail_msg("%s: %s", buf_str(&name), buf_str(&mapped));
		}
	buf_free(&name);
	buf_free(&mapped);
	buf_free(&back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(not_utf8),
		cmocka_unit_test(cut_characters),
		cmocka_unit_test(characters),
		cmocka_unit_test(one_to_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
