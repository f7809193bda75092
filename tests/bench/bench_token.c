/*
 * Bench: what it takes to know who asks and what they may see, with the issuer's keys at hand.
 *
 *	make tests/bench/bench_token && tests/bench/bench_token
 *
 * A token of each algorithm is checked as verifier_check does it for a request (base64url, JSON,
 * key, signature, claims, grants), then a policy is asked about one table. Figures are wall clock.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/access/policy.h"
#include "lib/access/token.h"
#include "tests/unit/make_token.h"

enum { WARM_UP = 500, ROUNDS = 20000 };

static const char *columns[] = { "user_id", "name", "email", "country_code" };
static const char *masks[] = { "email:partial" };
static const char *roles[] = { "analyst" };
static const char *tables[] = { "users" };
static const char *algorithms[] = { "RS256", "ES256" };

static struct settings_database database = {
	.key = "main", .conninfo = "", .wire = "fast", .role_claim = ""
};
static struct settings_table users = { .key = "users",
	.database = "main",
	.name = "public.users",
	.tenant_column = "tenant_id",
	.purpose = "optional" };
static struct settings_policy policy = { "analysts", { tables, 1 }, { roles, 1 }, { columns, 4 },
	{ masks, 1 }, 10000, { NULL, 0 } };

static void need(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_token: %s\n", what);
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void report(const char *name, int64_t *ns)
{
	qsort(ns, ROUNDS, sizeof *ns, compare);
	printf("%-8s  p50 %6.1f us   p99 %6.1f us\n", name, (double)ns[ROUNDS / 2] / 1e3,
		(double)ns[ROUNDS / 100 * 99] / 1e3);
}

/* Of each round the check and the policy. */
static void measure(
	const struct settings *s, struct verifier *v, const char *authorization, int64_t *ns[2])
{
	for (int i = -WARM_UP; i < ROUNDS; i++) {
		struct arena a = { 0 };
		struct principal who;
		struct rights rights;
		struct err e = { 0 };
		int64_t begin = now_ns();

		need(!verifier_check(v, authorization, &a, &who, &e), e.text);
		int64_t checked = now_ns();

		need(!policy_rights(s, &users, &who, &a, &rights, &e), e.text);
		int64_t known = now_ns();

		if (i >= 0) {
			ns[0][i] = checked - begin;
			ns[1][i] = known - checked;
		}
		arena_free(&a);
	}
}

/* The path of a new file with both keys. */
static const char *write_keys(struct arena *a, EVP_PKEY *rsa, EVP_PKEY *ec)
{
	char *path = arena_strdup(a, "/tmp/sluice-bench-XXXXXX");
	int fd = mkstemp(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	need(f != NULL, "no file in /tmp");
	fprintf(f, "{\"keys\":[%s,%s]}", make_jwk(a, rsa, "RS256", ""),
		make_jwk(a, ec, "ES256", ""));
	need(fclose(f) == 0, path);
	return path;
}

static const char *authorize(struct arena *a, EVP_PKEY *key, const char *alg)
{
	const char *header =
		arena_printf(a, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"at+jwt\"}", alg, alg);
	const char *payload = "{\"iss\":\"https://issuer\",\"aud\":\"sluice\",\"sub\":\"alice\","
			      "\"exp\":9999999999,\"nbf\":0,\"iat\":0,\"jti\":\"0123456789\","
			      "\"roles\":[\"analyst\",\"exporter\"],\"scope\":\"sluice.view\","
			      "\"tenant_id\":\"north\",\"client_id\":\"reports\"}";

	return arena_printf(a, "Bearer %s", make_token(a, key, header, payload));
}

int main(void)
{
	struct arena a = { 0 };
	struct err e = { 0 };
	EVP_PKEY *keys[] = { make_rsa_key(2048), make_ec_key("P-256") };
	const char *path = write_keys(&a, keys[0], keys[1]);
	int64_t *ns[] = { mem_zero(ROUNDS, sizeof **ns), mem_zero(ROUNDS, sizeof **ns) };
	struct settings s = {
		.auth_jwks = arena_printf(&a, "file:%s", path),
		.auth_issuer = "https://issuer",
		.auth_audience = "sluice",
		.auth_algorithms = { algorithms, 2 },
		.auth_max_bytes = 262144,
		.auth_nbf = "required",
		.auth_role_claim = "roles",
		.auth_scope_claim = "scope",
		.auth_tenant_claim = "tenant_id",
		.databases = &database,
		.databases_n = 1,
		.policies = &policy,
		.policies_n = 1,
	};
	struct verifier *v = verifier_new(&s, &e);

	need(v != NULL, e.text);
	for (int i = 0; i < 2; i++) {
		measure(&s, v, authorize(&a, keys[i], algorithms[i]), ns);
		report(algorithms[i], ns[0]);
	}
	report("policy", ns[1]);
	verifier_free(v);
	unlink(path);
	for (int i = 0; i < 2; i++) {
		EVP_PKEY_free(keys[i]);
		free(ns[i]);
	}
	arena_free(&a);
	return 0;
}
