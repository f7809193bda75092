/*
 * Settings: what a good file means, what every kind of bad file is told, and that printing hides
 * secrets. Files are written into a directory of the test's own; errors are compared whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/nearest.h"
#include "lib/base/secret.h"
#include "lib/base/settings.h"
#include "lib/base/unit.h"

/* The auth section that every file needs, on one line. */
#define AUTH "\"auth\": {\"jwks\": \"file:/k\", \"issuer\": \"i\", \"audience\": \"a\"}"
#define DB   "\"databases\": {\"main\": {\"conninfo\": \"dbname=x\"}}"

static char dir[] = "/tmp/sluice-settings-XXXXXX";

static int enter_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) && !chdir(dir) ? 0 : -1;
}

static int leave_dir(void **state)
{
	static const char *const files[] = { "t.conf", "secret", "big", "d/a.conf", "d/b.conf",
		"d/c.txt", "d/up.conf" };

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		unlink(files[i]);
	rmdir("d");
	return chdir("/") || rmdir(dir) ? -1 : 0;
}

static void write_file(const char *path, const char *text, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void put_file(const char *path, const char *text)
{
	write_file(path, text, strlen(text));
}

static void read_good(struct settings *s, const char *text)
{
	struct err e = { 0 };

	put_file("t.conf", text);
	if (settings_read(s, "t.conf", &e))
		fail_msg("%s: %s", text, e.text);
}

static void read_bad_file(const char *path, const char *expected)
{
	struct settings s, empty = { 0 };
	struct err e = { 0 };

	assert_int_equal(settings_read(&s, path, &e), -1);
	assert_string_equal(e.text, expected);
	assert_int_equal(e.code, ERR_CONFIG);
	assert_memory_equal(&s, &empty, sizeof s);
}

static void read_bad(const char *text, const char *expected)
{
	put_file("t.conf", text);
	read_bad_file("t.conf", expected);
}

static void test_defaults(void **state)
{
	struct settings s;

	(void)state;
	read_good(&s, "{" AUTH "}");
	assert_string_equal(s.log_file, "");
	assert_int_equal(s.log_level, LOG_REQUEST);
	assert_string_equal(s.auth_jwks, "file:/k");
	assert_string_equal(s.auth_issuer, "i");
	assert_string_equal(s.auth_audience, "a");
	assert_int_equal(s.auth_algorithms.n, 2);
	assert_string_equal(s.auth_algorithms.items[0], "RS256");
	assert_string_equal(s.auth_algorithms.items[1], "ES256");
	assert_int_equal(s.auth_skew_us, 30000000);
	assert_int_equal(s.auth_refresh_us, 60000000);
	assert_int_equal(s.auth_timeout_us, 5000000);
	assert_int_equal(s.auth_max_bytes, 256 * 1024);
	assert_string_equal(s.auth_ca, "");
	assert_string_equal(s.auth_role_claim, "roles");
	assert_string_equal(s.auth_scope_claim, "scope");
	assert_string_equal(s.auth_tenant_claim, "tenant_id");
	assert_int_equal(s.roles_viewer.n, 2);
	assert_string_equal(s.roles_viewer.items[1], "scope:sluice.view");
	assert_string_equal(s.roles_exporter.items[0], "exporter");
	assert_string_equal(s.roles_admin.items[0], "admin");
	assert_string_equal(s.secret_key, "");
	assert_int_equal(s.limits_requests, 100);
	assert_int_equal(s.limits_window_us, 60000000);
	assert_int_equal(s.limits_page_rows, 100000);
	assert_int_equal(s.limits_query_time_us, 300000000);
	assert_int_equal(s.limits_jobs, 10);
	assert_int_equal(s.cache_keep_us, 600000000);
	assert_string_equal(s.state_dir, "/run/sluice");
	assert_string_equal(s.stage_dir, "/var/lib/sluice/stage");
	assert_true(s.stage_max_bytes == INT64_C(10) << 30);
	assert_true(s.jobs_max_bytes == INT64_C(100) << 30);
	assert_int_equal(s.jobs_budget, 0);
	assert_string_equal(s.metadata_database, "");
	assert_true(s.metadata_keep_us == INT64_C(86400000000));
	assert_int_equal(s.worker_max_requests, 10000);
	assert_true(s.worker_stop_us == INT64_C(3600000000));
	assert_int_equal(s.databases_n, 0);
	assert_int_equal(s.tables_n, 0);
	assert_int_equal(s.policies_n, 0);
	settings_free(&s);
	settings_free(&s); /* an empty one is harmless */
}

static void test_values(void **state)
{
	struct settings s;

	(void)state;
	read_good(&s,
		"// with comments\n{" AUTH ", /* of both\nkinds */"
		"\"log\": {\"file\": \"/x/\\u00fc\", \"level\": \"debug\"},"
		"\"limits\": {\"requests\": 0, \"window\": \"5min\", \"page_rows\": 7},"
		"\"stage\": {\"max_bytes\": 1234567890123},"
		"\"metadata\": {\"database\": \"b-2\"},"
		"\"worker\": {\"stop_timeout\": 0},"
		"\"databases\": {"
		" \"a\": {\"conninfo\": \"dbname=a\"},"
		" \"b-2\": {\"conninfo\": \"dbname=b\", \"wire\": \"plain\","
		"  \"statement_timeout\": \"500ms\", \"connect_timeout\": \"1s\", \"max_age\": 0}},"
		"\"tables\": {"
		" \"users\": {\"database\": \"a\"},"
		" \"_Orders9\": {\"database\": \"b-2\", \"name\": \"s.o\","
		"  \"columns\": [\"id\", \"Name\"], \"primary_key\": \"id\"}},}");
	assert_string_equal(s.log_file, "/x/\xc3\xbc");
	assert_int_equal(s.log_level, LOG_DEBUG);
	assert_int_equal(s.limits_requests, 0);
	assert_int_equal(s.limits_window_us, 300000000);
	assert_int_equal(s.limits_page_rows, 7);
	assert_true(s.stage_max_bytes == INT64_C(1234567890123));
	assert_int_equal(s.worker_stop_us, 0);
	assert_int_equal(s.databases_n, 2);
	const struct settings_database *a = settings_database(&s, "a");
	const struct settings_database *b = settings_database(&s, s.metadata_database);

	assert_string_equal(a->conninfo, "dbname=a");
	assert_string_equal(a->wire, "fast");
	assert_int_equal(a->statement_timeout_us, 0);
	assert_int_equal(a->connect_timeout_us, 5000000);
	assert_true(a->max_age_us == INT64_C(3600000000));
	assert_string_equal(b->key, "b-2");
	assert_string_equal(b->wire, "plain");
	assert_int_equal(b->statement_timeout_us, 500000);
	assert_int_equal(b->connect_timeout_us, 1000000);
	assert_int_equal(b->max_age_us, 0);
	assert_null(settings_database(&s, "c"));

	const struct settings_table *users = settings_table(&s, "users");
	const struct settings_table *orders = settings_table(&s, "_Orders9");

	assert_string_equal(users->name, "users");
	assert_string_equal(users->primary_key, "");
	assert_int_equal(users->columns.n, 0);
	assert_string_equal(orders->database, "b-2");
	assert_string_equal(orders->name, "s.o");
	assert_int_equal(orders->columns.n, 2);
	assert_string_equal(orders->columns.items[1], "Name");
	assert_string_equal(orders->primary_key, "id");
	assert_null(settings_table(&s, "orders"));
	settings_free(&s);
}

/* The only database is everybody's; a list of one may be a string. */
static void test_short_forms(void **state)
{
	struct settings s;

	(void)state;
	read_good(&s, "{" AUTH "," DB ", \"tables\": {\"t\": {\"columns\": \"id\"}, \"u\": {}}}");
	assert_string_equal(settings_table(&s, "t")->database, "main");
	assert_string_equal(settings_table(&s, "t")->columns.items[0], "id");
	assert_string_equal(settings_table(&s, "u")->database, "main");
	settings_free(&s);
}

static void test_unreadable(void **state)
{
	(void)state;
	read_bad_file("none.conf", "none.conf: No such file or directory");
	read_bad_file("/", "/: Is a directory");
	read_bad("", "t.conf:1: not JSON: unexpected end of data");
	read_bad("{\n" AUTH ",\n", "t.conf:3: not JSON: unexpected end of data");
	read_bad("{\n" AUTH "\n\"log\": {}}",
		"t.conf:3: not JSON: object value separator ',' expected");
	read_bad("{" AUTH ",\n\"log\": {,}}",
		"t.conf:2: not JSON: quoted object property name expected");
	read_bad("{" AUTH ",\n \"log\": {\"file\": \"\xff\"}}",
		"t.conf:2: not JSON: invalid utf-8 string");
	read_bad("[1, 2]", "t.conf: must hold one JSON object");
	read_bad("17", "t.conf: must hold one JSON object");
	read_bad("null", "t.conf: must hold one JSON object");
	read_bad("{" AUTH "}\n\n{}", "t.conf:3: not JSON: something follows the object");
	read_bad("{" AUTH "}\n/* open", "t.conf:2: not JSON: something follows the object");
	write_file("t.conf", "{\n\0}", 4);
	read_bad_file("t.conf", "t.conf:2: not JSON: a zero byte");
}

static void test_unknown_keys(void **state)
{
	(void)state;
	read_bad("{\n" AUTH ",\n\"limits\": {\n\"pagerows\": 1}}",
		"t.conf:4: unknown key \"limits.pagerows\"; did you mean \"limits.page_rows\"?");
	read_bad("{\n\"limit\": {}}", "t.conf:2: unknown key \"limit\"; did you mean \"limits\"?");
	read_bad("{\"page_rows\": 5}",
		"t.conf:1: unknown key \"page_rows\"; did you mean \"limits.page_rows\"?");
	read_bad("{" AUTH ", \"log\": {\"max_bytes\": 5}}",
		"t.conf:1: unknown key \"log.max_bytes\"; did you mean \"auth.max_bytes\"?");
	read_bad("{" AUTH ", \"log\": {\"colour\": 5}}", "t.conf:1: unknown key \"log.colour\"");
	read_bad("{" AUTH ",\n\"databases\": {\"m\": {\n\"coninfo\": \"\"}}}",
		"t.conf:3: unknown key \"databases.m.coninfo\";"
		" did you mean \"databases.m.conninfo\"?");
	read_bad("{" AUTH "," DB ",\"tables\": {\"t\": {\"a.b\": 1}}}",
		"t.conf:1: unknown key \"tables.t.a.b\"");
}

static void test_duplicate_keys(void **state)
{
	(void)state;
	read_bad("{\"log\": {},\n" AUTH ",\n\"log\": {}}",
		"t.conf:3: the key \"log\" stands twice, first on line 1");
	read_bad("{" AUTH ",\"log\": {\n'file': \"\", // one\n\"f\\u0069le\": \"\"}}",
		"t.conf:3: the key \"log.file\" stands twice, first on line 2");
	read_bad("{" AUTH "," DB ",\n\"tables\": {\"t\": {},\n\"u\": {},\n\"t\": {}}}",
		"t.conf:4: the key \"tables.t\" stands twice, first on line 2");
}

static void test_wrong_types(void **state)
{
	static const char *const cases[][2] = {
		{ "\"log\": []", "\"log\" must be an object" },
		{ "\"log\": null", "\"log\" must be an object" },
		{ "\"log\": {\"file\": null}", "\"log.file\" must not be null" },
		{ "\"log\": {\"file\": 5}", "\"log.file\" must be a string" },
		{ "\"log\": {\"file\": \"a\\u0000b\"}", "\"log.file\" must not hold a zero byte" },
		{ "\"log\": {\"level\": 3}", "\"log.level\" must be a string" },
		{ "\"log\": {\"level\": \"loud\"}",
			"\"log.level\" must be one of error,warn,info,request,debug" },
		{ "\"limits\": {\"requests\": \"many\"}",
			"\"limits.requests\" must be a whole number, 0 or more" },
		{ "\"limits\": {\"requests\": -1}",
			"\"limits.requests\" must be a whole number, 0 or more" },
		{ "\"limits\": {\"requests\": 1.5}",
			"\"limits.requests\" must be a whole number, 0 or more" },
		{ "\"limits\": {\"requests\": 1e3}",
			"\"limits.requests\" must be a whole number, 0 or more" },
		{ "\"limits\": {\"requests\": true}",
			"\"limits.requests\" must be a whole number, 0 or more" },
		{ "\"limits\": {\"requests\": 9223372036854775808}",
			"\"limits.requests\" is too large" },
		{ "\"limits\": {\"requests\": 99999999999999999999999}",
			"\"limits.requests\" is too large" },
		{ "\"limits\": {\"page_rows\": 0}", "\"limits.page_rows\" must be at least 1" },
		{ "\"limits\": {\"window\": \"999ms\"}", "\"limits.window\" must be at least 1s" },
		{ "\"limits\": {\"window\": 60}", "\"limits.window\" must be a duration: a whole "
						  "number with ms, s, min, h, d or"
						  " y, such as \"30s\"" },
		{ "\"stage\": {\"max_bytes\": \"10GB\"}",
			"\"stage.max_bytes\" must be a size: a whole number of bytes, or with K, M,"
			" G or T, such as \"64M\"" },
		{ "\"stage\": {\"max_bytes\": [1]}",
			"\"stage.max_bytes\" must be a size: a whole number of bytes, or with K, M,"
			" G or T, such as \"64M\"" },
		{ "\"stage\": {\"max_bytes\": \"8388608T\"}", "\"stage.max_bytes\" is too large" },
		{ "\"state\": {\"dir\": \"\"}", "\"state.dir\" must not be empty" },
		{ "\"databases\": []", "\"databases\" must be an object" },
		{ "\"databases\": {\"m\": \"x\"}", "\"databases.m\" must be an object" },
		{ "\"databases\": {\"m\": {}}", "\"databases.m.conninfo\" is missing" },
		{ "\"databases\": {\"m\": {\"conninfo\": \"\"}}",
			"\"databases.m.conninfo\" must not be empty" },
		{ "\"databases\": {\"m\": {\"conninfo\": \"x\", \"wire\": \"slow\"}}",
			"\"databases.m.wire\" must be one of fast,plain" },
		{ "\"databases\": {\"m m\": {}}",
			"\"databases.m m\" is no valid name: letters, digits and _-, no digit"
			" first" },
		{ "\"tables\": {\"9t\": {}}",
			"\"tables.9t\" is no valid name: letters, digits and _, no digit first" },
		{ "\"tables\": {\"t-t\": {}}",
			"\"tables.t-t\" is no valid name: letters, digits and _, no digit first" },
		{ "\"tables\": {\"\": {}}",
			"\"tables.\" is no valid name: letters, digits and _, no digit first" },
		{ "\"tables\": {\"t\": {\"columns\": 5}}",
			"\"tables.t.columns\" must be an array of strings" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf text = { 0 }, expected = { 0 };

		buf_printf(&text, "{\n" AUTH ",\n%s}", cases[i][0]);
		buf_printf(&expected, "t.conf:3: %s", cases[i][1]);
		read_bad(buf_str(&text), buf_str(&expected));
		buf_free(&text);
		buf_free(&expected);
	}
}

static void test_auth(void **state)
{
	(void)state;
	read_bad("{}", "t.conf: \"auth.issuer\" is missing");
	read_bad("{\n\"auth\": {\"jwks\": \"x\"}}", "t.conf:2: \"auth.issuer\" is missing");
	read_bad("{\"auth\": {\"jwks\": \"x\", \"issuer\":\n\"\"}}",
		"t.conf:1: \"auth.issuer\" must not be empty");
	read_bad("{\"auth\": {\"jwks\": \"x\", \"issuer\": \"i\"}}",
		"t.conf:1: \"auth.audience\" is missing");
#define ALGORITHMS                                                                                 \
	"{\"auth\": {\"jwks\":\"x\",\"issuer\":\"i\",\"audience\":\"a\",\n\"algorithms\":"
	read_bad(ALGORITHMS "[]}}", "t.conf:2: \"auth.algorithms\" must not be empty");
	read_bad(ALGORITHMS "\"none\"}}",
		"t.conf:2: \"auth.algorithms\" must be one of RS256,ES256");
	read_bad(ALGORITHMS "[\"ES256\",\n\"HS256\"]}}",
		"t.conf:3: \"auth.algorithms[1]\" must be one of RS256,ES256");
	read_bad(ALGORITHMS "[1]}}", "t.conf:2: \"auth.algorithms[0]\" must be a string");
}

static void test_references(void **state)
{
	(void)state;
	read_bad("{" AUTH ",\n\"tables\": {\"t\": {}}}",
		"t.conf:2: \"tables.t.database\" is missing: there are 0 databases");
	read_bad("{" AUTH "," DB ",\n\"tables\": {\n\"t\": {\n\"database\": \"man\"}}}",
		"t.conf:4: \"tables.t.database\" names no database: \"man\";"
		" did you mean \"main\"?");
	read_bad("{" AUTH ",\"databases\":{\"a\":{\"conninfo\":\"x\"},\"b\":{\"conninfo\":\"x\"}},"
		 "\n\"tables\": {\"t\": {}}}",
		"t.conf:2: \"tables.t.database\" is missing: there are 2 databases");
	read_bad("{" AUTH "," DB ",\n\"metadata\": {\"database\": \"other\"}}",
		"t.conf:2: \"metadata.database\" names no database: \"other\"");
	read_bad("{" AUTH "," DB ",\n\"tables\":{\"t\":{\"columns\":[\"a\",\"b\",\n\"a\"]}}}",
		"t.conf:3: \"tables.t.columns[2]\" stands twice: \"a\"");
	read_bad("{" AUTH "," DB ",\n\"tables\":{\"t\":{\"columns\":[\"a\",\"\"]}}}",
		"t.conf:2: \"tables.t.columns[1]\" must not be empty");
}

static void test_include(void **state)
{
	struct settings s;

	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	put_file("d/a.conf", "{\"tables\": {\"a\": {\"database\": \"two\"}}}");
	put_file("d/b.conf", "{\"databases\": {\"two\": {\"conninfo\": \"dbname=two\"}},"
			     "\"tables\": {\"b\": {\"database\": \"main\"}}}");
	put_file("d/c.txt", ""); /* as the shell leaves it before `catalog init` writes it */
	/* Nothing is read twice, not even this file. */
	read_good(&s, "{" AUTH "," DB ", \"include\": [\"d/*.conf\", \"d/a.conf\", \"*.conf\","
		      " \"no*such\", \"d/c.txt\"]}");
	assert_int_equal(s.databases_n, 2);
	assert_int_equal(s.tables_n, 2);
	assert_string_equal(s.tables[0].key, "a");
	assert_string_equal(s.tables[0].database, "two");
	assert_string_equal(settings_table(&s, "b")->database, "main");
	settings_free(&s);

	/* Relative to the file, not to the working directory. */
	put_file("d/up.conf", "{" AUTH "," DB ", \"include\": \"[ab].conf\"}");
	struct err e;

	assert_int_equal(settings_read(&s, "d/up.conf", &e), 0);
	assert_int_equal(s.tables_n, 2);
	settings_free(&s);
	assert_int_equal(unlink("d/up.conf"), 0);
}

/* After test_include: uses its folder. */
static void test_bad_include(void **state)
{
	static const char *const cases[][2] = {
		{ "{\"log\": {}}", "d/a.conf:1: \"log\" cannot stand in an included file" },
		{ "{\n\"include\": \"*\"}",
			"d/a.conf:2: \"include\" cannot stand in an included file" },
		{ "{\n\"table\": {}}",
			"d/a.conf:2: unknown key \"table\"; did you mean \"tables\"?" },
		{ "{\"databases\": {\n\"main\": {\"conninfo\": \"x\"}}}",
			"d/a.conf:2: the key \"databases.main\" stands twice, first in t.conf on"
			" line 3" },
		{ "{\"tables\": {\n\"t\": {\n\"nam\": 1}}}",
			"d/a.conf:3: unknown key \"tables.t.nam\"; did you mean"
			" \"tables.t.name\"?" },
		{ "{\"tables\": {\n\"t\": {\n\"database\": \"x\"}}}",
			"d/a.conf:3: \"tables.t.database\" names no database: \"x\"" },
		{ "{\"tables\": 1}", "d/a.conf:1: \"tables\" must be an object" },
		{ "{", "d/a.conf:1: not JSON: unexpected end of data" },
		{ "\n", "d/a.conf:2: not JSON: unexpected end of data" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		put_file("d/a.conf", cases[i][0]);
		read_bad("{\n" AUTH ",\n" DB ",\n\"include\": \"d/a.conf\"}", cases[i][1]);
	}
	read_bad("{" AUTH ",\n\"include\": \"d/z.conf\"}",
		"t.conf:2: \"include\" names d/z.conf: No such file or directory");
	read_bad("{" AUTH ",\n\"include\": \"z/*.conf\"}",
		"t.conf:2: \"include\" names z/*.conf: No such file or directory");
	read_bad("{" AUTH ",\n\"include\": {}}",
		"t.conf:2: \"include\" must be an array of strings");
	read_bad("{" AUTH ",\n\"include\": [\"d/*x\",\n\"\"]}",
		"t.conf:3: \"include[1]\" must not be empty");
}

static void test_units(void **state)
{
	static const struct {
		const char *text;
		int64_t us; /* -1: refused */
		const char *printed;
	} durations[] = {
		{ "0", 0, "0" },
		{ "0s", 0, "0" },
		{ "1ms", 1000, "1ms" },
		{ "1500ms", 1500000, "1500ms" },
		{ "2000ms", 2000000, "2s" },
		{ "90s", 90000000, "90s" },
		{ "60s", 60000000, "1min" },
		{ "36h", INT64_C(129600000000), "36h" },
		{ "7d", INT64_C(604800000000), "7d" },
		{ "2y", INT64_C(63072000000000), "2y" },
		{ "365d", INT64_C(31536000000000), "1y" },
		{ "366d", INT64_C(31622400000000), "366d" },
		{ "106751991d", INT64_C(9223372022400000000), "106751991d" },
		{ "106751992d", -1, NULL },
		{ "9223372036854775808ms", -1, NULL },
		{ "99999999999999999999999999d", -1, NULL },
		{ "", -1, NULL },
		{ "s", -1, NULL },
		{ "-1s", -1, NULL },
		{ "+1s", -1, NULL },
		{ " 1s", -1, NULL },
		{ "1 s", -1, NULL },
		{ "1.5s", -1, NULL },
		{ "1S", -1, NULL },
		{ "1", -1, NULL },
		{ "00", -1, NULL },
		{ "1sec", -1, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
		struct buf b = { 0 };
		int64_t us = -1;
		const char *complaint = unit_read_duration(durations[i].text, &us);

		assert_true(us == durations[i].us);
		assert_int_equal(complaint == NULL, durations[i].printed != NULL);
		if (!complaint) {
			unit_put_duration(&b, us);
			assert_string_equal(buf_str(&b), durations[i].printed);
		}
		buf_free(&b);
	}
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes; /* -1: refused */
		const char *printed;
	} sizes[] = {
		{ "0", 0, "0" },
		{ "1", 1, "1" },
		{ "1023", 1023, "1023" },
		{ "1024", 1024, "1K" },
		{ "1536K", 1536 * 1024, "1536K" },
		{ "64M", 64 * 1024 * 1024, "64M" },
		{ "1024G", INT64_C(1) << 40, "1T" },
		{ "9223372036854775807", INT64_MAX, "9223372036854775807" },
		{ "9223372036854775808", -1, NULL },
		{ "8388607T", INT64_C(8388607) << 40, "8388607T" },
		{ "8388608T", -1, NULL },
		{ "9007199254740992K", -1, NULL },
		{ "K", -1, NULL },
		{ "1k", -1, NULL },
		{ "1KB", -1, NULL },
		{ "-1", -1, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct buf b = { 0 };
		int64_t bytes = -1;
		const char *complaint = unit_read_size(sizes[i].text, &bytes);

		assert_true(bytes == sizes[i].bytes);
		assert_int_equal(complaint == NULL, sizes[i].printed != NULL);
		if (!complaint) {
			unit_put_size(&b, bytes);
			assert_string_equal(buf_str(&b), sizes[i].printed);
		}
		buf_free(&b);
	}
}

static void test_secrets(void **state)
{
	char *path = realpath(".", NULL);
	struct settings s;
	struct buf text = { 0 };

	(void)state;
	assert_non_null(path);
	assert_int_equal(setenv("SLUICE_TEST_SECRET", "password=hunter2", 1), 0);
	put_file("secret", "password=hunter3\n\n");
	buf_printf(&text,
		"{" AUTH ",\"databases\": {\"e\": {\"conninfo\": \"env:SLUICE_TEST_SECRET\"},"
		"\"f\": {\"conninfo\": \"file:%s/secret\"},"
		"\"p\": {\"conninfo\": \"password=hunter1\"}}}",
		path);
	read_good(&s, buf_str(&text));
	assert_string_equal(settings_database(&s, "e")->conninfo, "password=hunter2");
	assert_string_equal(settings_database(&s, "f")->conninfo, "password=hunter3\n");
	assert_string_equal(settings_database(&s, "p")->conninfo, "password=hunter1");

	text.len = 0;
	settings_print(&s, &text);
	assert_null(strstr(buf_str(&text), "hunter"));
	assert_null(strstr(buf_str(&text), "SLUICE_TEST_SECRET"));
	assert_non_null(strstr(buf_str(&text), "\"e\": {\n      \"conninfo\": \"***\","));
	settings_free(&s);
	buf_free(&text);
	free(path);
}

static void test_bad_secrets(void **state)
{
	static char big[64 * 1024 + 2];

	(void)state;
	assert_int_equal(unsetenv("SLUICE_TEST_SECRET"), 0);
#define CONNINFO(value) "{" AUTH ",\n\"databases\": {\"m\": {\"conninfo\": \"" value "\"}}}"
	read_bad(CONNINFO("env:SLUICE_TEST_SECRET"),
		"t.conf:2: \"databases.m.conninfo\" cannot be had:"
		" the environment variable \"SLUICE_TEST_SECRET\" is not set");
	read_bad(CONNINFO("file:/no/such"), "t.conf:2: \"databases.m.conninfo\" cannot be had:"
					    " /no/such: No such file or directory");
	read_bad(CONNINFO("file:secret"), "t.conf:2: \"databases.m.conninfo\" cannot be had:"
					  " the path in \"file:secret\" must be absolute");
	read_bad(
		CONNINFO("file:/dev/null"), "t.conf:2: \"databases.m.conninfo\" must not be empty");
	read_bad(CONNINFO("file:/dev/zero"), "t.conf:2: \"databases.m.conninfo\" cannot be had:"
					     " /dev/zero: File too large");

	struct arena a = { 0 };
	struct err e;
	char *path = realpath(".", NULL);

	memset(big, 'x', sizeof big);
	write_file("big", big, 64 * 1024);
	assert_non_null(path);
	const char *reference = arena_printf(&a, "file:%s/big", path);

	assert_int_equal(strlen(secret_resolve(&a, reference, &e)), 64 * 1024);
	write_file("big", big, 64 * 1024 + 1);
	assert_null(secret_resolve(&a, reference, &e));
	write_file("big", "a\0b", 3);
	assert_null(secret_resolve(&a, reference, &e));
	assert_non_null(strstr(e.text, "big: holds a zero byte"));
	free(path);
	arena_free(&a);
}

static const char *nearest_of(const char *wrong, const char *a, const char *b)
{
	struct nearest n = { 0 };

	nearest_offer(&n, wrong, a);
	nearest_offer(&n, wrong, b);
	return n.name ? n.name : "none";
}

static void test_nearest(void **state)
{
	static char longest[200];

	(void)state;
	memset(longest, 'x', sizeof longest - 1);
	assert_string_equal(nearest_of("skwe", "skew", "refresh"), "skew");
	assert_string_equal(nearest_of("limits.requets", "limits.window", "limits.requests"),
		"limits.requests");
	assert_string_equal(nearest_of("jwks", "log.file", "auth.jwks"), "auth.jwks");
	assert_string_equal(nearest_of("a", "b", "cd"), "b");
	assert_string_equal(nearest_of("colour", "file", "level"), "none");
	assert_string_equal(nearest_of(longest, longest, "x"), "none");
	assert_string_equal(nearest_of("x", longest, "y"), "y");
	assert_string_equal(nearest_of("", "", "abc"), "");
}

/* Whatever a file is cut down to, it is refused with its name, and nothing is read beyond
 * its end. */
static void test_cut_anywhere(void **state)
{
	static const char text[] = "{" AUTH ", /* c */ \"limits\": {'requests': 5, // d\n"
				   "\"window\": \"1\\u0068\"}," DB
				   ", \"tables\": {\"t\": {\"columns\": [\"a\", \"b\"]}}}";
	struct settings s;
	struct err e;

	(void)state;
	read_good(&s, text);
	settings_free(&s);
	for (size_t len = 0; len < sizeof text - 1; len++) {
		write_file("t.conf", text, len);
		assert_int_equal(settings_read(&s, "t.conf", &e), -1);
		assert_int_equal(strncmp(e.text, "t.conf:", 7), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_short_forms),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_unknown_keys),
		cmocka_unit_test(test_duplicate_keys),
		cmocka_unit_test(test_wrong_types),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_bad_include),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_bad_secrets),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_cut_anywhere),
	};

	return cmocka_run_group_tests(tests, enter_dir, leave_dir);
}
