/*
 * Fingerprints of schemas: what they cover, and that they stay what they were. The golden ones were computed by
 * others: printf '…' | sha256sum, and base64url of the first 18 bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "lib/rows/fingerprint.h"

static const char *of(const struct field *fields, size_t n)
{
	static char text[8][FINGERPRINT_TEXT];
	static unsigned turn;
	struct schema schema = { (struct field *)(uintptr_t)fields, n };
	struct err e;
	char *to = text[turn++ % 8];

	assert_int_equal(fingerprint(&schema, to, &e), 0);
	assert_int_equal(strlen(to), FINGERPRINT_TEXT - 1);
	return to;
}

static const struct field users[] = {
	{ .name = "id", .type = TYPE_INT64, .source_type = "bigint" },
	{ .name = "price",
		.type = TYPE_DECIMAL128,
		.nullable = true,
		.precision = 12,
		.scale = 2,
		.source_type = "numeric(12,2)" },
	{ .name = "größe\n\t\"x", .type = TYPE_UTF8, .nullable = true, .source_type = "text" },
};

/* printf 'sluice-schema 1\n' and
 * printf 'sluice-schema 1\n2:id int64 - notnull 6:bigint\n5:price decimal128 12,2 null 13:numeric(12,2)\n11:größe\n\t"x utf8 - null 4:text\n' */
static void test_golden(void **state)
{
	(void)state;
	assert_string_equal(of(users, 0), "7-gvko-PDE9tRfJ0ozfX8nix");
	assert_string_equal(of(users, 3), "lEtM-nCX3HxmxW4c2E9l4LH6");
}

/* The names of types are part of what is hashed. */
static void test_golden_of_every_type(void **state)
{
	static const char *const golden[TYPES_N] = {
		[TYPE_BOOL] = "DFIAkquLJl97LKO7DOQJsVAF",
		[TYPE_INT16] = "IIqXyoKkoYz-hHiNaKqkyuhf",
		[TYPE_INT32] = "Uk0LHmwZjk_wf1iHJuoIOpAw",
		[TYPE_INT64] = "X10hjiaJ9sr_NCbn4ejAx8YI",
		[TYPE_FLOAT32] = "ueMfhCZGYw_jMikiZo285U9J",
		[TYPE_FLOAT64] = "YA4-NG1f3UFd_gjOCOPzi30C",
		[TYPE_DECIMAL128] = "fFWpbW9GZMb5TsXAgfGMeU9I",
		[TYPE_DECIMAL_TEXT] = "vFdZ8U---4Wbx1S3j_k8Gq7N",
		[TYPE_DATE32] = "Lyl9DM1kZnFJozX-FnCnO4cd",
		[TYPE_TIME64] = "HfPluqxMmLB_dVSEZXGuqeJO",
		[TYPE_TIMESTAMP] = "jFCVcXDuTUmpTagyB3-ZKU64",
		[TYPE_TIMESTAMPTZ] = "6VRzdp8il0i9Lcv-PRTtLLQp",
		[TYPE_INTERVAL] = "CFcj2SljNPaxFJhRCsF4XqZj",
		[TYPE_UTF8] = "lzU6eta9NPmqGICr8xzUfJN1",
		[TYPE_JSON] = "U307ykMot5s_HUNsrA2K2U1E",
		[TYPE_UUID] = "lDsNs5JvVfV_y3afbOlkE9EK",
		[TYPE_BINARY] = "wF5ACPyKyvbJwdjUbxn6Qi_V",
	};

	(void)state;
	for (int type = 0; type < TYPES_N; type++) {
		struct field f = { .name = "v",
			.type = (enum type)type,
			.precision = 38,
			.scale = 10,
			.source_type = "s" };

		assert_string_equal(of(&f, 1), golden[type]);
	}
}

static void test_each_part_counts(void **state)
{
	struct field changed[][2] = {
		{ users[0], users[1] },
		{ users[0], users[1] },
		{ users[0], users[1] },
		{ users[0], users[1] },
		{ users[0], users[1] },
		{ users[0], users[1] },
		{ users[1], users[0] },
	};
	enum { N = sizeof changed / sizeof changed[0] };
	char seen[N + 1][FINGERPRINT_TEXT];

	(void)state;
	changed[0][1].name = "Price";
	changed[1][1].type = TYPE_DECIMAL_TEXT;
	changed[2][1].nullable = false;
	changed[3][1].precision = 13;
	changed[4][1].scale = 3;
	changed[5][1].source_type = "public.price";
	memcpy(seen[0], of(users, 2), FINGERPRINT_TEXT);
	for (size_t i = 0; i < N; i++) {
		memcpy(seen[i + 1], of(changed[i], 2), FINGERPRINT_TEXT);
		for (size_t k = 0; k <= i; k++)
			assert_string_not_equal(seen[k], seen[i + 1]);
	}
}

/* Precision and scale are a decimal's alone; a mask is not what the schema looks like. */
static void test_the_rest_does_not(void **state)
{
	struct field f = users[0];

	(void)state;
	f.precision = 3;
	f.scale = 1;
	f.masked = true;
	assert_string_equal(of(&f, 1), of(users, 1));
}

/* One column whose name holds what would be the end of one and the beginning of the next. */
static void test_names_cannot_be_forged(void **state)
{
	static const struct field two[] = {
		{ .name = "a", .type = TYPE_INT32, .source_type = "integer" },
		{ .name = "b", .type = TYPE_INT32, .source_type = "integer" },
	};
	static const struct field one[] = {
		{ .name = "a int32 - notnull integer\nb",
			.type = TYPE_INT32,
			.source_type = "integer" },
	};

	(void)state;
	assert_string_not_equal(of(one, 1), of(two, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_golden_of_every_type),
		cmocka_unit_test(test_each_part_counts),
		cmocka_unit_test(test_the_rest_does_not),
		cmocka_unit_test(test_names_cannot_be_forged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
