#include "tests/unit/policy_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/access/strict_json.h"

#define START                                                                                      \
	"{\"auth\": {\"jwks\": \"file:/k\", \"issuer\": \"i\", \"audience\": \"a\"%s},"            \
	"\"secret\": {\"key\": \"0123456789abcdef0123456789abcdef\"}, "
#define DATABASES "\"databases\": {\"main\": {\"conninfo\": \"dbname=x\"}}, "

struct arena arena;
struct settings settings;
struct principal who;
struct err why;

void configure(const char *auth, const char *rest)
{
	char path[] = "/tmp/sluice-policy-XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	assert_non_null(f);
	assert_true(fprintf(f, START, auth) > 0);
	assert_true(fprintf(f, "%s%s}", strstr(rest, "\"databases\"") ? "" : DATABASES, rest) > 0);
	assert_int_equal(fclose(f), 0);
	settings_free(&settings);
	if (settings_read(&settings, path, &why))
		fail_msg("%s: %s", rest, why.text);
	assert_int_equal(unlink(path), 0);
}

int read_claims(const char *json)
{
	struct json_object *claims = strict_json_object(json, strlen(json));

	if (!claims)
		fail_msg("not JSON: %s", json);
	why = (struct err){ 0 };
	who = (struct principal){ .subject = "s", .issuer = "i", .claims = json };
	int failed = principal_read(&settings, claims, &arena, &who, &why);

	json_object_put(claims);
	return failed;
}

void read_good(const char *json)
{
	if (read_claims(json))
		fail_msg("%s: %s", json, why.text);
}

int policy_tear_down(void **state)
{
	(void)state;
	settings_free(&settings);
	arena_free(&arena);
	return 0;
}
