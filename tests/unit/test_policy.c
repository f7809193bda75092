/*
 * Policy: what policies add up to, and what is checked of them at the start.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "lib/access/rights_json.h"
#include "tests/unit/policy_case.h"

static void rights_of(const char *table, const char *claims, struct rights *r)
{
	read_good(claims);
	if (policy_rights(&settings, settings_table(&settings, table), &who, &arena, r, &why))
		fail_msg("%s, %s: %s", table, claims, why.text);
}

static void refuses(const char *table, const char *claims, enum err_code code, const char *text)
{
	struct rights r;

	read_good(claims);
	assert_int_equal(
		policy_rights(&settings, settings_table(&settings, table), &who, &arena, &r, &why),
		-1);
	assert_int_equal(why.code, code);
	assert_string_equal(why.text, text);
}

/* "a b:stars …": what is seen of the columns a to e, and how. */
static const char *seen(const struct rights *r)
{
	static const char *const columns[] = { "a", "b", "c", "d", "e" };
	struct buf b = { 0 };

	for (size_t i = 0; i < 5; i++) {
		enum mask mask = rights_mask_of(r, columns[i]);

		if (!rights_column(r, columns[i]))
			continue;
		buf_printf(&b, "%s%s", b.len ? " " : "", columns[i]);
		if (mask != MASK_NONE)
			buf_printf(&b, ":%s", mask_name(mask));
	}
	const char *text = arena_strdup(&arena, buf_str(&b));

	buf_free(&b);
	return text;
}

static const char *seen_by(const char *claims)
{
	struct rights r;

	rights_of("t", claims, &r);
	return seen(&r);
}

static void test_open_table(void **state)
{
	struct rights r;

	(void)state;
	configure("", "\"tables\": {\"t\": {}, \"u\": {\"purpose\": \"required\"}},"
		      "\"policies\": {\"p\": {\"tables\": \"u\", \"roles\": \"x\"}}");
	rights_of("t", "{\"tenant_id\": 7}", &r);
	assert_true(r.all_columns);
	assert_true(r.all_formats);
	assert_int_equal(r.rows, -1);
	assert_int_equal(r.masks_n, 0);
	assert_null(r.tenant_column);
	assert_null(r.tenant);
	assert_false(r.purpose_needed);
	assert_int_equal(rights_format(&r, "csv", &why), 0);
	const char *open = r.text;

	/* A policy that grants everything is the same as none. */
	rights_of("u", "{\"roles\": \"x\"}", &r);
	assert_true(r.purpose_needed);
	assert_string_not_equal(r.text, open);
	r.purpose_needed = false;
	assert_true(r.all_columns && r.all_formats && r.rows == -1);
}

static void test_hidden_table(void **state)
{
	struct rights r;

	(void)state;
	configure("", "\"tables\": {\"t\": {\"tenant_column\": \"org\"}, \"u\": {}},"
		      "\"policies\": {\"p\": {\"tables\": [\"u\", \"t\"], \"roles\": [\"x\", "
		      "\"scope:y\"]}}");
	refuses("u", "{}", ERR_NOT_FOUND, "there is no table \"u\"");
	refuses("u", "{\"roles\": [\"admin\", \"y\", \"*\"]}", ERR_NOT_FOUND,
		"there is no table \"u\"");
	/* Nor is it told that it has tenants. */
	refuses("t", "{}", ERR_NOT_FOUND, "there is no table \"t\"");
	rights_of("u", "{\"scope\": \"y\"}", &r);
	rights_of("u", "{\"roles\": \"x\"}", &r);
}

static void test_tenants(void **state)
{
	struct rights r, other;

	(void)state;
	configure("", "\"tables\": {\"t\": {\"tenant_column\": \"org\"}, \"u\": {}}");
	rights_of("t", "{\"tenant_id\": 7}", &r);
	assert_string_equal(r.tenant_column, "org");
	assert_string_equal(r.tenant, "7");
	rights_of("t", "{\"tenant_id\": \"8\"}", &other);
	assert_string_not_equal(r.text, other.text);
	rights_of("t", "{\"tenant_id\": \"7\"}", &other);
	assert_string_equal(r.text, other.text);
	refuses("t", "{\"roles\": \"admin\"}", ERR_FORBIDDEN,
		"the rows of \"t\" are tenants', and the token names none");
	/* Where rows are everybody's, the tenant makes no difference. */
	rights_of("u", "{\"tenant_id\": 7}", &r);
	rights_of("u", "{\"tenant_id\": 8}", &other);
	assert_string_equal(r.text, other.text);
}

static bool covers(const char *claims, const char *given)
{
	struct rights has, had, kept;
	struct buf b = { 0 };

	rights_of("t", claims, &has);
	rights_of("t", given, &had);
	/* What was kept of them is as good. */
	rights_json_put(&b, &had);
	struct json_object *json = json_tokener_parse(buf_str(&b));

	assert_int_equal(rights_json_read(&arena, json, &kept), 0);
	bool is = rights_cover(&has, &had);

	assert_int_equal(rights_cover(&has, &kept), is);
	json_object_put(json);
	buf_free(&b);
	return is;
}

static void test_rights_cover_others(void **state)
{
	static const char *const less[] = { "rows", "columns", "masks", "year", "none" };

	(void)state;
	configure("",
		"\"tables\": {\"t\": {}}, \"policies\": {"
		"\"all\": {\"tables\": \"t\", \"roles\": \"all\"},"
		"\"rows\": {\"tables\": \"t\", \"roles\": \"rows\", \"rows\": 9},"
		"\"fewer\": {\"tables\": \"t\", \"roles\": \"fewer\", \"rows\": 8},"
		"\"columns\": {\"tables\": \"t\", \"roles\": \"columns\", \"columns\": [\"a\", "
		"\"b\"]},"
		"\"column\": {\"tables\": \"t\", \"roles\": \"column\", \"columns\": [\"a\"]},"
		"\"masks\": {\"tables\": \"t\", \"roles\": \"masks\", \"masks\": \"b:stars\"},"
		"\"year\": {\"tables\": \"t\", \"roles\": \"year\", \"masks\": \"b:year\"},"
		"\"none\": {\"tables\": \"t\", \"roles\": \"none\", \"masks\": \"b:null\"}}");
	for (size_t i = 0; i < sizeof less / sizeof *less; i++) {
		const char *claims = arena_printf(&arena, "{\"roles\": \"%s\"}", less[i]);

		assert_true(covers("{\"roles\": \"all\"}", claims));
		assert_true(covers(claims, claims));
		assert_false(covers(claims, "{\"roles\": \"all\"}"));
	}
	assert_true(covers("{\"roles\": \"rows\"}", "{\"roles\": \"fewer\"}"));
	assert_false(covers("{\"roles\": \"fewer\"}", "{\"roles\": \"rows\"}"));
	assert_true(covers("{\"roles\": \"columns\"}", "{\"roles\": \"column\"}"));
	assert_false(covers("{\"roles\": \"column\"}", "{\"roles\": \"columns\"}"));
	assert_false(covers("{\"roles\": \"masks\"}", "{\"roles\": \"year\"}"));
	/* What is masked of a column that was not given matters to nobody. */
	assert_true(covers("{\"roles\": \"masks\"}", "{\"roles\": \"column\"}"));
	assert_false(covers("{\"roles\": \"masks\"}", "{\"roles\": \"columns\"}"));
}

static void test_rights_cover_the_same_rows(void **state)
{
	(void)state;
	configure("", "\"tables\": {\"t\": {\"tenant_column\": \"org\"}}");
	assert_true(covers("{\"tenant_id\": 7}", "{\"tenant_id\": \"7\"}"));
	assert_false(covers("{\"tenant_id\": 7}", "{\"tenant_id\": 8}"));
}

static void test_what_is_no_rights(void **state)
{
	static const char good[] = "{\"columns\":null,\"masks\":{},\"rows\":null,"
				   "\"tenantColumn\":null,\"tenant\":null,\"identity\":\"\"}";
	static const char *const bad[][2] = { { "columns\":null", "columns\":{}" },
		{ "columns\":null", "columns\":[null]" }, { "columns", "colums" },
		{ "masks\":{}", "masks\":null" }, { "masks\":{}", "masks\":{\"a\":\"most\"}" },
		{ "masks\":{}", "masks\":{\"a\":null}" }, { "rows\":null", "rows\":\"1\"" },
		{ "tenant\":null", "tenant\":1" }, { "identity\":\"\"", "identity\":null" },
		{ "{\"columns\"", "[\"columns\"" } };
	struct rights r;
	struct json_object *json = json_tokener_parse(good);

	(void)state;
	assert_int_equal(rights_json_read(&arena, json, &r), 0);
	json_object_put(json);
	assert_int_equal(rights_json_read(&arena, NULL, &r), -1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *at = strstr(good, bad[i][0]);

		assert_non_null(at);
		json = json_tokener_parse(arena_printf(&arena, "%.*s%s%s", (int)(at - good), good,
			bad[i][1], at + strlen(bad[i][0])));
		assert_int_equal(rights_json_read(&arena, json, &r), -1);
		json_object_put(json);
	}
}

static void test_columns_add_up(void **state)
{
	(void)state;
	configure("",
		"\"tables\": {\"t\": {}, \"other\": {}}, \"policies\": {"
		"\"one\": {\"tables\": \"t\", \"roles\": \"r1\", \"columns\": [\"c\", \"a\"]},"
		"\"two\": {\"tables\": \"t\", \"roles\": \"r2\", \"columns\": [\"a\", \"b\"]},"
		"\"all\": {\"tables\": [\"other\", \"t\"], \"roles\": \"r3\"},"
		"\"not\": {\"tables\": \"other\", \"roles\": \"*\"}}");
	assert_string_equal(seen_by("{\"roles\": [\"r1\"]}"), "a c");
	assert_string_equal(seen_by("{\"roles\": [\"r2\"]}"), "a b");
	assert_string_equal(seen_by("{\"roles\": [\"r1\", \"r2\"]}"), "a b c");
	assert_string_equal(seen_by("{\"roles\": [\"r1\", \"r3\"]}"), "a b c d e");
	refuses("t", "{}", ERR_NOT_FOUND, "there is no table \"t\"");
}

/* A column is masked where all that show it mask it, as the first of them says. */
static void test_masks_add_up(void **state)
{
	(void)state;
	configure("",
		"\"tables\": {\"t\": {}}, \"policies\": {"
		"\"one\": {\"tables\": \"t\", \"roles\": \"r1\", \"masks\": [\"a:stars\", "
		"\"b:year\"]},"
		"\"two\": {\"tables\": \"t\", \"roles\": \"r2\", \"columns\": [\"a\", \"c\", "
		"\"d\"],"
		" \"masks\": [\"a:hash\", \"c:null\", \"d:partial\"]},"
		"\"three\": {\"tables\": \"t\", \"roles\": \"r3\", \"columns\": [\"a\", \"e\"]}}");
	assert_string_equal(seen_by("{\"roles\": [\"r1\"]}"), "a:stars b:year c d e");
	assert_string_equal(seen_by("{\"roles\": [\"r2\"]}"), "a:hash c:null d:partial");
	assert_string_equal(seen_by("{\"roles\": [\"r3\"]}"), "a e");
	/* Both mask a, only one shows b, the first shows c and d plain. */
	assert_string_equal(seen_by("{\"roles\": [\"r2\", \"r1\"]}"), "a:stars b:year c d e");
	assert_string_equal(seen_by("{\"roles\": [\"r2\", \"r3\"]}"), "a c:null d:partial e");
	assert_string_equal(seen_by("{\"roles\": [\"r3\", \"r1\"]}"), "a b:year c d e");
	/* Admins are no exception. */
	refuses("t", "{\"roles\": [\"admin\"]}", ERR_NOT_FOUND, "there is no table \"t\"");
	assert_string_equal(seen_by("{\"roles\": [\"admin\", \"r1\"]}"), "a:stars b:year c d e");
}

/* A column's name may hold a colon; the mask is behind the last. */
static void test_mask_of_an_odd_name(void **state)
{
	struct rights r;

	(void)state;
	configure("",
		"\"tables\": {\"t\": {}}, \"policies\": {\"p\": {\"tables\": \"t\", \"roles\": "
		"\"*\", \"masks\": [\"a:hash:null\", \"ab:stars\"]}}");
	rights_of("t", "{}", &r);
	assert_int_equal(rights_mask_of(&r, "a:hash"), MASK_NULL);
	assert_int_equal(rights_mask_of(&r, "a"), MASK_NONE);
	assert_int_equal(rights_mask_of(&r, "ab"), MASK_STARS);
	assert_int_equal(r.masks_n, 2);
}

static void test_rows_and_formats_add_up(void **state)
{
	struct rights r;

	(void)state;
	configure("", "\"tables\": {\"t\": {}}, \"policies\": {"
		      "\"one\": {\"tables\": \"t\", \"roles\": \"r1\", \"rows\": 10, \"formats\": "
		      "[\"json\", "
		      "\"csv\"]},"
		      "\"two\": {\"tables\": \"t\", \"roles\": \"r2\", \"rows\": 500, \"formats\": "
		      "[\"csv\", "
		      "\"xml\"]},"
		      "\"all\": {\"tables\": \"t\", \"roles\": \"r3\"}}");
	rights_of("t", "{\"roles\": [\"r2\", \"r1\"]}", &r);
	assert_int_equal(r.rows, 500);
	assert_int_equal(r.formats.n, 3);
	assert_int_equal(rights_format(&r, "xml", &why), 0);
	assert_int_equal(rights_format(&r, "json", &why), 0);
	assert_int_equal(rights_format(&r, "parquet", &why), -1);
	assert_int_equal(why.code, ERR_FORBIDDEN);
	assert_string_equal(
		why.text, "this table is not yours to have as parquet, but as: csv, json, xml");
	rights_of("t", "{\"roles\": [\"r1\"]}", &r);
	assert_int_equal(r.rows, 10);
	assert_int_equal(rights_format(&r, "xml", &why), -1);
	rights_of("t", "{\"roles\": [\"r1\", \"r3\"]}", &r);
	assert_int_equal(r.rows, -1);
	assert_int_equal(rights_format(&r, "parquet", &why), 0);
}

/* ---- the text */

static const char *text_under(const char *table, const char *policies, const char *claims)
{
	struct rights r;
	struct buf b = { 0 };

	buf_printf(&b, "\"tables\": {\"t\": {%s}}, \"policies\": {%s}", table, policies);
	configure("", buf_str(&b));
	buf_free(&b);
	rights_of("t", claims, &r);
	assert_null(strchr(r.text, '\n'));
	return r.text;
}

#define ALL "\"tables\": \"t\", \"roles\": \"*\""

static void test_equal_rights_have_equal_texts(void **state)
{
	static const char *const same[][2] = {
		{ "", "\"p\": {" ALL "}" },
		{ "\"p\": {" ALL ", \"columns\": [\"b\", \"a\"]}",
			"\"p\": {" ALL ", \"columns\": \"a\"}, \"q\": {" ALL ", \"columns\": "
			"[\"b\", \"a\"]}" },
		{ "\"p\": {" ALL ", \"masks\": [\"b:stars\", \"a:null\"]}",
			"\"q\": {" ALL ", \"masks\": [\"a:null\", \"b:stars\"]}" },
		{ "\"p\": {" ALL ", \"formats\": [\"csv\", \"xml\"], \"rows\": 9}",
			"\"p\": {" ALL ", \"formats\": \"xml\", \"rows\": 9},"
			"\"q\": {" ALL ", \"formats\": \"csv\", \"rows\": 8}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		assert_string_equal(
			text_under("", same[i][0], "{}"), text_under("", same[i][1], "{}"));
}

/* Each of these is unlike all others, though joined by any one mark some would read the same. */
static void test_other_rights_have_other_texts(void **state)
{
#define TENANTS "\"tenant_column\": \"x\""
	static const char *const cases[][3] = {
		{ "", "", "{}" },
		{ "\"purpose\": \"required\"", "", "{}" },
		{ "", "\"p\": {" ALL ", \"rows\": 1}", "{}" },
		{ "", "\"p\": {" ALL ", \"rows\": 12}", "{}" },
		{ "", "\"p\": {" ALL ", \"columns\": \"*\"}", "{}" },
		{ "", "\"p\": {" ALL ", \"columns\": \"a\"}", "{}" },
		{ "", "\"p\": {" ALL ", \"columns\": \"a,b\"}", "{}" },
		{ "", "\"p\": {" ALL ", \"columns\": \"a%2cb\"}", "{}" },
		{ "", "\"p\": {" ALL ", \"columns\": [\"a\", \"b\"]}", "{}" },
		{ "", "\"p\": {" ALL ", \"columns\": \"ab\"}", "{}" },
		{ "", "\"p\": {" ALL ", \"columns\": \"a b\"}", "{}" },
		{ "", "\"p\": {" ALL ", \"columns\": \"a\\nb\"}", "{}" },
		{ "", "\"p\": {" ALL ", \"columns\": \"a formats=b\"}", "{}" },
		{ "", "\"p\": {" ALL ", \"columns\": \"a\", \"formats\": \"b\"}", "{}" },
		{ "", "\"p\": {" ALL ", \"columns\": \"\\u00e4\"}", "{}" },
		{ "", "\"p\": {" ALL ", \"columns\": \"\\u00c3\"}", "{}" },
		{ "", "\"p\": {" ALL ", \"formats\": \"a\"}", "{}" },
		{ "", "\"p\": {" ALL ", \"masks\": \"a:stars\"}", "{}" },
		{ "", "\"p\": {" ALL ", \"masks\": \"a:hash\"}", "{}" },
		{ "", "\"p\": {" ALL ", \"masks\": \"a:stars,b:stars\"}", "{}" },
		{ "", "\"p\": {" ALL ", \"masks\": [\"a:stars\", \"b:stars\"]}", "{}" },
		{ "", "\"p\": {" ALL ", \"masks\": \"a tenant=x:stars\"}", "{}" },
		{ TENANTS, "", "{\"tenant_id\": \"x\"}" },
		{ TENANTS, "", "{\"tenant_id\": \"y:x\"}" },
		{ "\"tenant_column\": \"x:y\"", "", "{\"tenant_id\": \"x\"}" },
		{ TENANTS, "", "{\"tenant_id\": \"x \"}" },
		{ TENANTS, "", "{\"tenant_id\": \"X\"}" },
		{ TENANTS, "", "{\"tenant_id\": \"%58\"}" },
		{ TENANTS, "\"p\": {" ALL ", \"masks\": \"a:stars\"}", "{\"tenant_id\": \"x\"}" },
	};
	enum { N = sizeof cases / sizeof cases[0] };
	const char *texts[N];

	(void)state;
	for (size_t i = 0; i < N; i++) {
		texts[i] = text_under(cases[i][0], cases[i][1], cases[i][2]);
		for (size_t j = 0; j < i; j++)
			if (!strcmp(texts[i], texts[j]))
				fail_msg("%zu and %zu are both \"%s\"", j, i, texts[i]);
	}
}

/* What a cache may not hand from one to the other: the database may show each of them other rows. */
static void test_whom_the_database_sees_is_in_the_text(void **state)
{
	static const char *const claims[] = {
		"{}",
		"{\"db\": \"a\"}",
		"{\"db\": \"b\"}",
		"{\"org\": {\"id\": \"a\"}}",
		"{\"org\": {\"id\": 7}}",
		"{\"org\": {\"id\": 7}, \"sub\": \"a\"}",
		"{\"org\": {\"id\": \"7 session=a\"}}",
		"{\"sub\": \"a\"}",
		"{\"db\": \"a\", \"sub\": \"a\"}",
	};
	enum { N = sizeof claims / sizeof claims[0] };
	struct rights r;
	const char *texts[N];

	(void)state;
	configure("", "\"databases\": {\"main\": {\"conninfo\": \"x\", \"role_claim\": \"db\", "
		      "\"session\": [\"app.a:org.id\", \"app.b:sub\"]}}, \"tables\": {\"t\": {}}");
	for (size_t i = 0; i < N; i++) {
		rights_of("t", claims[i], &r);
		texts[i] = r.text;
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(texts[i], texts[j]);
	}
	/* Other claims make no difference. */
	rights_of("t", "{\"db\": \"a\", \"sub\": \"a\", \"jti\": \"1\"}", &r);
	assert_string_equal(r.text, texts[N - 1]);
}

/* ---- what is checked at the start */

static void test_words(void **state)
{
	static const char *const names[] = { "stars", "hash", "partial", "null", "year" };

	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(mask_parse(names[i]), MASK_STARS + i);
		assert_string_equal(mask_name((enum mask)(MASK_STARS + i)), names[i]);
	}
	assert_int_equal(mask_parse("none"), -1);
	assert_int_equal(mask_parse("Stars"), -1);
	assert_int_equal(mask_parse(""), -1);
}

static void check_fails(const char *mask, const char *text)
{
	struct buf b = { 0 };

	buf_printf(&b,
		"\"tables\": {\"t\": {}}, \"policies\": {\"p\": {" ALL ", \"masks\": "
		"[\"a:stars\", \"%s\"]}}",
		mask);
	configure("", buf_str(&b));
	buf_free(&b);
	assert_int_equal(policy_check(&settings, &why), -1);
	assert_int_equal(why.code, ERR_CONFIG);
	assert_string_equal(why.text, text);
}

static void test_check(void **state)
{
	(void)state;
	configure("",
		"\"tables\": {\"t\": {}}, \"policies\": {\"p\": {" ALL ", \"masks\": "
		"[\"a:stars\", \"b:hash\", \"c\\u00e4:x:partial\", \"d:null\", \"e:year\"]}}");
	assert_int_equal(policy_check(&settings, &why), 0);
	settings.secret_key = "";
	assert_int_equal(policy_check(&settings, &why), -1);
	assert_string_equal(
		why.text, "\"policies.p.masks\": \"b:hash\" needs secret.key, which is empty");
#define MASKS "must be COLUMN:MASK, the mask one of stars, hash, partial, null, year"
	check_fails("b:star", "\"policies.p.masks\": \"b:star\" " MASKS);
	check_fails("b:none", "\"policies.p.masks\": \"b:none\" " MASKS);
	check_fails("b:Hash", "\"policies.p.masks\": \"b:Hash\" " MASKS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_table),
		cmocka_unit_test(test_hidden_table),
		cmocka_unit_test(test_tenants),
		cmocka_unit_test(test_rights_cover_others),
		cmocka_unit_test(test_rights_cover_the_same_rows),
		cmocka_unit_test(test_what_is_no_rights),
		cmocka_unit_test(test_columns_add_up),
		cmocka_unit_test(test_masks_add_up),
		cmocka_unit_test(test_mask_of_an_odd_name),
		cmocka_unit_test(test_rows_and_formats_add_up),
		cmocka_unit_test(test_equal_rights_have_equal_texts),
		cmocka_unit_test(test_other_rights_have_other_texts),
		cmocka_unit_test(test_whom_the_database_sees_is_in_the_text),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, policy_tear_down);
}
