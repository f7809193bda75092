/*
 * Settings that refer to each other, and texts that are pairs and triples of names: what is told of bad ones, whole,
 * and that good ones are let in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/settings.h"

#define AUTH "\"auth\": {\"jwks\": \"file:/k\", \"issuer\": \"i\", \"audience\": \"a\"}"

static char dir[] = "/tmp/sluice-settings-XXXXXX";

static int enter_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) && !chdir(dir) ? 0 : -1;
}

static int leave_dir(void **state)
{
	(void)state;
	unlink("t.conf");
	return chdir("/") || rmdir(dir) ? -1 : 0;
}

/* What every file needs, and `format` with its values on the second line. */
static int read_with(struct settings *s, struct err *e, const char *format, va_list args)
{
	struct buf b = { 0 };
	FILE *f = fopen("t.conf", "w");

	assert_non_null(f);
	buf_puts(&b, "{" AUTH ",\n");
	buf_vprintf(&b, format, args);
	buf_puts(&b, "}\n");
	assert_int_equal(fwrite(b.data, 1, b.len, f), b.len);
	assert_int_equal(fclose(f), 0);
	buf_free(&b);
	return settings_read(s, "t.conf", e);
}

static void accepts(const char *format, ...)
{
	struct settings s;
	struct err e = { 0 };
	va_list args;

	va_start(args, format);
	if (read_with(&s, &e, format, args))
		fail_msg("%s", e.text);
	va_end(args);
	settings_free(&s);
}

static void refuses(const char *text, const char *format, ...)
{
	struct settings s;
	struct err e = { 0 };
	va_list args;

	va_start(args, format);
	if (!read_with(&s, &e, format, args))
		fail_msg("accepted, and not \"%s\"", text);
	va_end(args);
	assert_int_equal(e.code, ERR_CONFIG);
	assert_string_equal(e.text, text);
}

static void test_secret(void **state)
{
	(void)state;
	accepts("\"secret\": {\"key\": \"\"}");
	accepts("\"secret\": {\"key\": \"0123456789abcdef0123456789abcdef\"}");
	refuses("t.conf:2: \"secret.key\" must have 32 characters or more",
		"\"secret\": {\"key\": \"0123456789abcdef0123456789abcde\"}");
}

static void test_links(void **state)
{
	static const char *const good[] = { "", "https://data.example.com", "http://127.0.0.1:8080",
		"https://[::1]:8443", "https://example.com/data" };
	static const char *const bad[] = { "data.example.com", "ftp://example.com", "https://",
		"https:///data", "https://example.com/", "https://example.com/?a=b",
		"https://example.com\\r\\nX: y", "https://exa mple.com" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		accepts("\"links\": {\"base\": \"%s\"}", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		refuses("t.conf:2: \"links.base\" is https:// or http://, a host, and no / at the "
			"end: "
			"https://data.example.com",
			"\"links\": {\"base\": \"%s\"}", bad[i]);
}

#define SESSION "\"databases\": {\"m\": {\"conninfo\": \"x\", \"session\": [%s]}}"

static void test_session(void **state)
{
	static const char *const bad[] = { "app.tenant", "app.tenant:", ":sub", "tenant:sub",
		"role:sub", "app.:sub", ".tenant:sub", "app..tenant:sub", "app.1:sub", "1app.x:sub",
		"app.$:sub", "app.a b:sub", "app.a-b:sub", "app.\\u00e4:sub", "app.tenant.:sub",
		"app:x.y" };

	(void)state;
	accepts(SESSION, "\"app.tenant:tenant_id\", \"App.t_2$.x:urn:x:y\", \"_a._b:a.b\"");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct buf quoted = { 0 }, text = { 0 };

		buf_printf(&quoted, "\"%s\"", bad[i]);
		buf_printf(&text,
			"t.conf:2: \"databases.m.session[0]\" must be NAME:CLAIM, the name with a "
			"dot as in app.tenant: \"%s\"",
			strchr(bad[i], '\\') ? "app.\xc3\xa4:sub" : bad[i]);
		refuses(buf_str(&text), SESSION, buf_str(&quoted));
		buf_free(&quoted);
		buf_free(&text);
	}
	refuses("t.conf:2: \"databases.m.session[1]\" stands twice: \"app.a\"", SESSION,
		"\"app.a:x\", \"app.a:y\"");
	accepts(SESSION, "\"app.a:x\", \"app.ab:x\"");
}

#define TWO                                                                                        \
	"\"databases\": {\"m\": {\"conninfo\": \"x\"}, \"n\": {\"conninfo\": \"x\"}}, "            \
	"\"tables\": "                                                                             \
	"{\"users\": {\"database\": \"m\"}, \"orders\": {\"database\": \"m\", %s},"                \
	" \"logs\": {\"database\": \"n\"}}"

static void test_joins(void **state)
{
	static const char *const bad[] = { "owner", "owner:user_id", "owner::users",
		":user_id:users", "ow ner:user_id:users", "o.wner:user_id:users",
		"1st:user_id:users" };

	(void)state;
	accepts(TWO, "\"joins\": [\"owner:user_id:users\", \"o2:a:b:users\", \"self:x:orders\"]");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct buf key = { 0 }, text = { 0 };

		buf_printf(&key, "\"joins\": [\"%s\"]", bad[i]);
		buf_printf(&text,
			"t.conf:2: \"tables.orders.joins[0]\" must be NAME:COLUMN:TABLE, the name "
			"letters, digits and _: \"%s\"",
			bad[i]);
		refuses(buf_str(&text), TWO, buf_str(&key));
		buf_free(&key);
		buf_free(&text);
	}
	refuses("t.conf:2: \"tables.orders.joins[1]\" stands twice: \"owner\"", TWO,
		"\"joins\": [\"owner:a:users\", \"owner:b:users\"]");
	refuses("t.conf:2: \"tables.orders.joins[0]\" names no table: \"user\"; did you mean "
		"\"users\"?",
		TWO, "\"joins\": [\"owner:a:user\"]");
	refuses("t.conf:2: \"tables.orders.joins[0]\" names no table: \"\"", TWO,
		"\"joins\": [\"owner:a:\"]");
	refuses("t.conf:2: \"tables.orders.joins[0]\" names a table of another database: \"logs\" "
		"is in n",
		TWO, "\"joins\": [\"log:a:logs\"]");
}

static void test_filters(void **state)
{
	static const char *const bad[] = { "min", "min:", ":ltv", "min::ge", "min:ltv:" };

	(void)state;
	accepts(TWO, "\"filters\": [\"min:ltv:ge\", \"max:ltv\", \"city:owner.city:eq\"]");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct buf key = { 0 }, text = { 0 };

		buf_printf(&key, "\"filters\": [\"%s\"]", bad[i]);
		buf_printf(&text,
			"t.conf:2: \"tables.orders.filters[0]\" must be NAME:COLUMN or "
			"NAME:COLUMN:OPERATOR: \"%s\"",
			bad[i]);
		refuses(buf_str(&text), TWO, buf_str(&key));
		buf_free(&key);
		buf_free(&text);
	}
	refuses("t.conf:2: \"tables.orders.filters[2]\" stands twice: \"min\"", TWO,
		"\"filters\": [\"min:ltv:ge\", \"mini:ltv:ge\", \"min:ltv:gt\"]");
}

#define POLICY TWO ", \"policies\": {\"p\": {\"tables\": [\"users\", \"%s\"], %s \"roles\": \"*\"}}"

static void test_policies(void **state)
{
	static const char *const bad[] = { "email", "email:", ":stars" };

	(void)state;
	accepts(POLICY, "\"name\": \"\"", "logs",
		"\"masks\": [\"email:stars\", \"email2:hash\", \"a:b:null\", \"a:year\"],");
	accepts(POLICY, "\"name\": \"\"", "logs",
		"\"columns\": [\"a:b\", \"email\"], \"masks\": [\"email:stars\", \"a:b:null\"],");
	refuses("t.conf:2: \"policies.p.tables[1]\" names no table: \"order\"; did you mean "
		"\"orders\"?",
		POLICY, "\"name\": \"\"", "order", "");
	refuses("t.conf:2: \"policies.p.tables[1]\" names no table: \"xyz\"", POLICY,
		"\"name\": \"\"", "xyz", "");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct buf key = { 0 }, text = { 0 };

		buf_printf(&key, "\"masks\": [\"%s\"],", bad[i]);
		buf_printf(&text, "t.conf:2: \"policies.p.masks[0]\" must be COLUMN:MASK: \"%s\"",
			bad[i]);
		refuses(buf_str(&text), POLICY, "\"name\": \"\"", "logs", buf_str(&key));
		buf_free(&key);
		buf_free(&text);
	}
	refuses("t.conf:2: \"policies.p.masks[1]\" stands twice: \"email\"", POLICY,
		"\"name\": \"\"", "logs", "\"masks\": [\"email:stars\", \"email:hash\"],");
	/* A letter that is wrong would leave the column to be seen. */
	refuses("t.conf:2: \"policies.p.masks[0]\" masks a column that the policy does not show: "
		"\"emial\"",
		POLICY, "\"name\": \"\"", "logs",
		"\"columns\": [\"email\", \"emial2\"], \"masks\": [\"emial:stars\"],");
}

static void test_policies_need(void **state)
{
	(void)state;
	refuses("t.conf:2: \"policies.p.tables\" is missing",
		"\"policies\": {\"p\": {\"roles\": \"*\"}}");
	refuses("t.conf:2: \"policies.p.tables\" must not be empty",
		"\"policies\": {\"p\": {\"roles\": \"*\", \"tables\": []}}");
	refuses("t.conf:2: \"policies.p.roles\" is missing",
		"\"policies\": {\"p\": {\"tables\": \"t\"}}");
	refuses("t.conf:2: \"policies.p.roles\" must not be empty",
		"\"policies\": {\"p\": {\"tables\": \"t\", \"roles\": []}}");
	refuses("t.conf:2: \"policies.p.roles[0]\" must not be empty",
		"\"policies\": {\"p\": {\"tables\": \"t\", \"roles\": [\"\"]}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_joins),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_policies_need),
	};

	return cmocka_run_group_tests(tests, enter_dir, leave_dir);
}
