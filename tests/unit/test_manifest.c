/*
 * Manifests: written and read back the same, and nothing else taken for one. tests/e2e/test_verify.py holds files against them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/job/manifest.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct manifest_part parts[] = {
	{ 1, NULL, "10", 3, 100, SHA_A },
	{ 1, "11", "with \"quotes\"", 4, 200, SHA_B },
	{ 2, "x", NULL, 5, 0, SHA_A },
};
static const struct manifest_file files[] = {
	{ "users-1.csv", "text/csv", 300, SHA_B },
	{ "größe 2.csv", "text/csv", 0, SHA_A },
	{ "users.xsd", "application/xml", 999999999999, SHA_A },
};
static const struct manifest whole = {
	.created_by = "sluice 1",
	.job = "01890a5d-ac96-774b-bcce-b302099a8057",
	.request = "{\"format\":\"csv\",\"queryDefinition\":{\"from\":\"users\"}}",
	.snapshot = "00000003-0000001B-1",
	.schema = NULL,
	.lossy = "[\"amount\"]",
	.next_cursor = "AbC",
	.parts = parts,
	.parts_n = 3,
	.files = files,
	.files_n = 3,
	.rows = 12,
};

static void read_back(void **s)
{
	struct arena a = { 0 };
	struct buf first = { 0 }, again = { 0 };
	struct manifest m;
	struct err e = { 0 };

	(void)s;
	manifest_put(&whole, &first);
	if (manifest_read(&a, first.data, first.len, &m, &e))
		fail_msg("%s", e.text);
	assert_int_equal(m.parts_n, 3);
	assert_null(m.parts[0].first);
	assert_string_equal(m.parts[1].last, "with \"quotes\"");
	assert_int_equal(m.parts[1].bytes, 200);
	assert_string_equal(m.files[1].name, "größe 2.csv");
	assert_int_equal(m.rows, 12);
	assert_null(m.schema);
	assert_non_null(strstr(buf_str(&first),
		"\"totals\":{\"rows\":12,\"bytes\":1000000000299,\"parts\":3,\"files\":3}"));
	manifest_put(&m, &again);
	assert_string_equal(buf_str(&first), buf_str(&again));
	buf_free(&first);
	buf_free(&again);
	arena_free(&a);
}

/* What the manifest above is when `from` in it has become `to`. */
static enum err_code read_changed(const char *from, const char *to)
{
	struct arena a = { 0 };
	struct buf text = { 0 }, changed = { 0 };
	struct manifest m;
	struct err e = { 0 };

	manifest_put(&whole, &text);
	const char *at = strstr(buf_str(&text), from);

	if (!at)
		fail_msg("not there: %s", from);
	buf_put(&changed, text.data, (size_t)(at - text.data));
	buf_puts(&changed, to);
	buf_puts(&changed, at + strlen(from));
	int failed = manifest_read(&a, changed.data, changed.len, &m, &e);

	if (failed && !*e.text)
		fail_msg("no text: %s", to);
	buf_free(&text);
	buf_free(&changed);
	arena_free(&a);
	return failed ? e.code : ERR_NONE;
}

static void no_manifests(void **s)
{
	static const char *const each[][2] = {
		{ "\"version\":1", "\"version\":2" },
		{ "\"version\":1", "\"version\":\"1\"" },
		{ "\"version\":1,", "" },
		{ "\"version\":1,", "\"version\":1,\"more\":1," },
		{ "\"version\":1,", "\"other\":1," },
		{ "\"createdBy\":\"sluice 1\"", "\"createdBy\":null" },
		{ "\"request\":{", "\"request\":[{" },
		{ "[\"amount\"]", "null" },
		{ "\"snapshot\":\"00000003-0000001B-1\"", "\"snapshot\":3" },
		{ "\"rows\":3,", "\"rows\":-3," },
		{ "\"rows\":3,", "\"rows\":3.0," },
		{ "\"rows\":3,", "\"rows\":3e0," },
		{ "\"rows\":3,", "\"rows\":1000000000000000000," },
		{ "\"rows\":3,", "" },
		{ "\"rows\":3,", "\"rows\":3,\"more\":1," },
		{ "\"first\":null", "\"first\":1" },
		{ SHA_A, "aaaa" },
		{ SHA_A, SHA_A "a" },
		{ "0123456789abcdef", "0123456789ABCDEF" },
		{ "\"users-1.csv\"", "\"\"" },
		{ "\"users-1.csv\"", "\"..\"" },
		{ "\"users-1.csv\"", "\".\"" },
		{ "\"users-1.csv\"", "\"a/b\"" },
		{ "\"users-1.csv\"", "\"/etc/passwd\"" },
		{ "\"users-1.csv\"", "\"a\\u0000b\"" },
		{ "\"users-1.csv\"", "\"a\",\"name\":\"b\"" },
		{ "\"media\":\"text/csv\",", "" },
		{ "\"totals\":{", "\"totals\":[{" },
		{ "\"files\":3}}", "\"files\":3,\"more\":1}}" },
		{ "\"files\":3}}", "\"files\":3}" },
		{ "\"files\":3}}", "\"files\":3}} x" },
	};

	(void)s;
	for (size_t i = 0; i < sizeof each / sizeof *each; i++)
		if (read_changed(each[i][0], each[i][1]) != ERR_BAD_REQUEST)
			fail_msg("%s", each[i][1]);
}

static void contradictions(void **s)
{
	static const char *const each[][2] = {
		{ "\"rows\":3,", "\"rows\":4," },
		{ "\"bytes\":100,", "\"bytes\":101," },
		{ "\"bytes\":300,", "\"bytes\":301," },
		{ "\"bytes\":999999999999,", "\"bytes\":99," },
		{ "\"file\":1,", "\"file\":2," },
		{ "\"file\":1,", "\"file\":0," },
		{ "\"file\":2,", "\"file\":4," },
		{ "\"users.xsd\"", "\"users-1.csv\"" },
		{ "{\"rows\":12,", "{\"rows\":13," },
		{ "\"bytes\":1000000000299,", "\"bytes\":1000000000298," },
		{ "\"parts\":3,", "\"parts\":2," },
		{ "\"files\":3}", "\"files\":4}" },
	};

	(void)s;
	for (size_t i = 0; i < sizeof each / sizeof *each; i++)
		if (read_changed(each[i][0], each[i][1]) != ERR_UNPROCESSABLE)
			fail_msg("%s", each[i][1]);
}

/* Each beginning of one is none. */
static void cut_off(void **s)
{
	struct buf text = { 0 };

	(void)s;
	manifest_put(&whole, &text);
	for (size_t len = 0; len < text.len - 1; len++) {
		struct arena a = { 0 };
		struct manifest m;
		struct err e = { 0 };

		assert_int_equal(manifest_read(&a, text.data, len, &m, &e), -1);
		assert_int_equal(e.code, ERR_BAD_REQUEST);
		arena_free(&a);
	}
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_back),
		cmocka_unit_test(no_manifests),
		cmocka_unit_test(contradictions),
		cmocka_unit_test(cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
