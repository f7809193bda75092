/*
 * Principal: what claims become.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/policy_case.h"

/* The grants, parted by '|'. */
static const char *grants(const char *json)
{
	struct buf b = { 0 };

	read_good(json);
	for (size_t i = 0; i < who.grants_n; i++)
		buf_printf(&b, "%s%s", i ? "|" : "", who.grants[i]);
	const char *text = arena_strdup(&arena, buf_str(&b));

	buf_free(&b);
	return text;
}

static void test_grants(void **state)
{
	static const char *const cases[][2] = {
		{ "{}", "" },
		{ "{\"roles\": []}", "" },
		{ "{\"roles\": \"\"}", "" },
		{ "{\"roles\": \"analyst\"}", "analyst" },
		{ "{\"roles\": \"two words\"}", "two words" },
		{ "{\"roles\": [\"b\", \"a\", \"b\", \"\"]}", "a|b" },
		{ "{\"scope\": \"sluice.view sluice.export\"}",
			"scope:sluice.export|scope:sluice.view" },
		{ "{\"scope\": \"  b   a b \"}", "scope:a|scope:b" },
		{ "{\"scope\": \"\"}", "" },
		{ "{\"scope\": [\"b\", \"a a\"]}", "scope:a a|scope:b" },
		{ "{\"scope\": \"a\", \"roles\": [\"a\"]}", "a|scope:a" },
		/* Neither stands for the other. */
		{ "{\"roles\": [\"scope:sluice.admin\", \"scope\", \"scope:\"]}", "scope" },
		{ "{\"roles\": \"scope:sluice.admin\"}", "" },
		{ "{\"scope\": \"scope:x\"}", "scope:scope:x" },
		/* More of them than fit at first. */
		{ "{\"scope\": \"k j i h g f e d c b a l m n o p q r s t u v w x y z\"}",
			"scope:a|scope:b|scope:c|scope:d|scope:e|scope:f|scope:g|scope:h|scope:i|"
			"scope:j|scope:k|scope:l|scope:m|scope:n|scope:o|scope:p|scope:q|scope:r|"
			"scope:s|scope:t|scope:u|scope:v|scope:w|scope:x|scope:y|scope:z" },
	};

	(void)state;
	configure("", "\"tables\": {}");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(grants(cases[i][0]), cases[i][1]);
	read_good("{\"roles\": [\"a\", \"c\"], \"scope\": \"v\"}");
	assert_true(principal_has(&who, "a"));
	assert_true(principal_has(&who, "scope:v"));
	assert_true(principal_has(&who, "*"));
	assert_false(principal_has(&who, "b"));
	assert_false(principal_has(&who, "v"));
	read_good("{}");
	assert_false(principal_has(&who, "a"));
	assert_true(principal_has(&who, "*"));
}

static void test_malformed_claims(void **state)
{
	static const char *const bad[] = {
		"{\"roles\": null}",
		"{\"roles\": 5}",
		"{\"roles\": true}",
		"{\"roles\": {\"admin\": true}}",
		"{\"roles\": [\"admin\", 5]}",
		"{\"roles\": [null]}",
		"{\"roles\": [[\"admin\"]]}",
		"{\"scope\": null}",
		"{\"scope\": [1]}",
		"{\"scope\": {}}",
		"{\"tenant_id\": null}",
		"{\"tenant_id\": \"\"}",
		"{\"tenant_id\": true}",
		"{\"tenant_id\": 7.0}",
		"{\"tenant_id\": 7.5}",
		"{\"tenant_id\": 7e3}",
		"{\"tenant_id\": [\"7\"]}",
		"{\"tenant_id\": {\"id\": 7}}",
		/* What the reader of JSON makes one number of. */
		"{\"tenant_id\": 18446744073709551615}",
		"{\"tenant_id\": 18446744073709551616}",
		"{\"tenant_id\": 99999999999999999999999}",
		"{\"tenant_id\": -9223372036854775808}",
		"{\"tenant_id\": -9223372036854775809}",
	};

	(void)state;
	configure("", "\"tables\": {}");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (!read_claims(bad[i]))
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(why.code, ERR_UNAUTHORIZED);
		assert_non_null(strstr(why.text, "the token's claim "));
	}
}

static void test_tenant(void **state)
{
	static const char *const cases[][2] = {
		{ "{\"tenant_id\": \"acme\"}", "acme" },
		{ "{\"tenant_id\": \" \"}", " " },
		{ "{\"tenant_id\": 7}", "7" },
		{ "{\"tenant_id\": 0}", "0" },
		{ "{\"tenant_id\": -12}", "-12" },
		{ "{\"tenant_id\": 9007199254740993}", "9007199254740993" },
		{ "{\"tenant_id\": 18446744073709551614}", "18446744073709551614" },
	};

	(void)state;
	configure("", "\"tables\": {}");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		read_good(cases[i][0]);
		assert_string_equal(who.tenant, cases[i][1]);
	}
	read_good("{}");
	assert_null(who.tenant);
}

/* "a.b" is b within a; a name with a colon is one name. */
static void test_claim_names(void **state)
{
	(void)state;
	configure(", \"role_claim\": \"realm_access.roles\", \"scope_claim\": "
		  "\"https://acme.example/scopes\", \"tenant_claim\": \"org.unit.id\"",
		"\"tables\": {}");
	assert_string_equal(
		grants("{\"realm_access\": {\"roles\": [\"a\"]}, \"roles\": [\"admin\"],"
		       " \"realm_access.roles\": [\"admin\"],"
		       " \"https://acme.example/scopes\": \"s\","
		       " \"org\": {\"unit\": {\"id\": 5}, \"id\": 6}}"),
		"a|scope:s");
	assert_string_equal(who.tenant, "5");
	assert_string_equal(grants("{\"realm_access\": \"roles\", \"org\": [{\"unit\": 1}],"
				   " \"https://acme\": {\"example/scopes\": \"s\"}}"),
		"");
	assert_null(who.tenant);
	assert_int_equal(read_claims("{\"realm_access\": {\"roles\": 5}}"), -1);
	assert_string_equal(why.text,
		"the token's claim realm_access.roles is neither a text nor an array of texts");

	/* No claim is named: nobody has any. */
	configure(", \"role_claim\": \"\", \"scope_claim\": \"\", \"tenant_claim\": \"\"",
		"\"tables\": {}");
	assert_string_equal(grants("{\"roles\": 5, \"\": \"admin\", \"tenant_id\": 7}"), "");
	assert_null(who.tenant);
}

static void test_claim_texts(void **state)
{
	static const char *const cases[][2] = {
		{ "text", "it's \"quoted\" \\ \xc3\xa4" },
		{ "number", "-7" },
		{ "a.b", "inner" },
		{ "a.c", NULL },
		{ "a", NULL },
		{ "a.b.c", NULL },
		{ "urn:x:y.z", "whole" },
		{ "empty", NULL },
		{ "list", NULL },
		{ "null", NULL },
		{ "true", NULL },
		{ "half", NULL },
		{ "huge", NULL },
		{ "none", NULL },
		{ ".", NULL },
		{ "", NULL },
	};

	(void)state;
	configure("", "\"tables\": {}");
	read_good("{\"text\": \"it's \\\"quoted\\\" \\\\ \\u00e4\", \"number\": -7,"
		  " \"a\": {\"b\": \"inner\"}, \"urn:x:y.z\": \"whole\", \"empty\": \"\","
		  " \"list\": [\"x\"], \"null\": null, \"true\": true, \"half\": 0.5,"
		  " \"huge\": 18446744073709551616}");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *text = principal_claim(&arena, &who, cases[i][0]);

		if (!text != !cases[i][1] || (text && strcmp(text, cases[i][1]) != 0))
			fail_msg("%s: %s", cases[i][0], text ? text : "(none)");
	}
}

static void test_roles(void **state)
{
	static const struct {
		const char *claims;
		unsigned roles;
	} cases[] = {
		{ "{}", 0 },
		{ "{\"roles\": [\"other\"]}", 0 },
		{ "{\"roles\": [\"*\"]}", 0 },
		{ "{\"roles\": [\"Viewer\"]}", 0 },
		{ "{\"roles\": [\"viewer\"]}", ROLE_VIEWER },
		{ "{\"scope\": \"x sluice.view\"}", ROLE_VIEWER },
		{ "{\"scope\": \"viewer\"}", 0 },
		{ "{\"roles\": \"sluice.view\"}", 0 },
		{ "{\"roles\": [\"exporter\"]}", ROLE_VIEWER | ROLE_EXPORTER },
		{ "{\"scope\": [\"sluice.export\"]}", ROLE_VIEWER | ROLE_EXPORTER },
		{ "{\"roles\": [\"viewer\", \"admin\"]}",
			ROLE_VIEWER | ROLE_EXPORTER | ROLE_ADMIN },
		{ "{\"scope\": \"sluice.admin\"}", ROLE_VIEWER | ROLE_EXPORTER | ROLE_ADMIN },
	};

	(void)state;
	configure("", "\"tables\": {}");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		read_good(cases[i].claims);
		assert_int_equal(who.roles, cases[i].roles);
	}
	configure("", "\"roles\": {\"viewer\": \"*\", \"exporter\": [], \"admin\": \"root\"}");
	read_good("{}");
	assert_int_equal(who.roles, ROLE_VIEWER);
	read_good("{\"roles\": \"exporter\"}");
	assert_int_equal(who.roles, ROLE_VIEWER);
	read_good("{\"roles\": \"root\"}");
	assert_int_equal(who.roles, ROLE_VIEWER | ROLE_EXPORTER | ROLE_ADMIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grants),
		cmocka_unit_test(test_malformed_claims),
		cmocka_unit_test(test_tenant),
		cmocka_unit_test(test_claim_names),
		cmocka_unit_test(test_claim_texts),
		cmocka_unit_test(test_roles),
	};

	return cmocka_run_group_tests(tests, NULL, policy_tear_down);
}
