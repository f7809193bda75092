#include "lib/access/jwk.h"

#include <json-c/json.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#include "lib/access/strict_json.h"
#include "lib/base/base64url.h"
#include "lib/base/mem.h"

enum {
	RSA_BITS_MIN = 2048, /* RFC 7518 §3.3 */
	RSA_BITS_MAX = 8192, /* beyond it a check takes milliseconds */
	P256_LEN = 32,       /* a coordinate, or half a signature (RFC 7518 §6.2.1.2, §3.4) */
	ES256_DER_MAX = 2 + 2 * (2 + 1 + P256_LEN)
};

static const char *const alg_names[JWK_ALGS_N] = { "RS256", "ES256" };

int jwk_alg_parse(const char *name)
{
	for (int i = 0; i < JWK_ALGS_N; i++)
		if (strcmp(name, alg_names[i]) == 0)
			return i;
	return -1;
}

/* ---- from JSON to a key */

/* Append a member's bytes; false when there are none. */
static bool get_bytes(const struct json_object *o, const char *name, struct buf *out)
{
	const char *text = strict_json_string(o, name);

	return text && base64url_decode(text, strlen(text), out) == 0;
}

static EVP_PKEY *make_key(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *key = NULL;

	if (c && EVP_PKEY_fromdata_init(c) == 1 &&
		EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(c);
	return key;
}

static EVP_PKEY *make_rsa(BIGNUM *n, BIGNUM *e)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (b && n && e && OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, n) &&
		OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, e))
		params = OSSL_PARAM_BLD_to_param(b);
	if (params)
		key = make_key("RSA", params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	return key;
}

/* e is odd and above 1: a signature under e = 1 is the message itself. */
static bool is_sound_rsa(const BIGNUM *n, const BIGNUM *e)
{
	return n && e && BN_num_bits(n) >= RSA_BITS_MIN && BN_num_bits(n) <= RSA_BITS_MAX &&
	       BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e) && BN_num_bits(e) <= 64;
}

static EVP_PKEY *read_rsa(const struct json_object *o)
{
	struct buf nb = { 0 }, eb = { 0 };
	EVP_PKEY *key = NULL;

	if (get_bytes(o, "n", &nb) && get_bytes(o, "e", &eb) && nb.len <= RSA_BITS_MAX / 8 + 1 &&
		eb.len <= nb.len) {
		BIGNUM *n = BN_bin2bn((uint8_t *)nb.data, (int)nb.len, NULL);
		BIGNUM *e = BN_bin2bn((uint8_t *)eb.data, (int)eb.len, NULL);

		if (is_sound_rsa(n, e))
			key = make_rsa(n, e);
		BN_free(n);
		BN_free(e);
	}
	buf_free(&nb);
	buf_free(&eb);
	return key;
}

/* NULL when the point is not on the curve: OpenSSL looks when it reads it. */
static EVP_PKEY *make_p256(uint8_t point[1 + 2 * P256_LEN])
{
	char group[] = "P-256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * P256_LEN),
		OSSL_PARAM_construct_end(),
	};

	return make_key("EC", params);
}

static EVP_PKEY *read_p256(const struct json_object *o)
{
	const char *crv = strict_json_string(o, "crv");
	struct buf point = { 0 }; /* uncompressed (SEC 1 §2.3.3): 4, x, y */
	EVP_PKEY *key = NULL;

	buf_putc(&point, 4);
	if (crv && strcmp(crv, "P-256") == 0 && get_bytes(o, "x", &point) &&
		point.len == 1 + P256_LEN && get_bytes(o, "y", &point) &&
		point.len == 1 + 2 * P256_LEN)
		key = make_p256((uint8_t *)point.data);
	buf_free(&point);
	return key;
}

/* key_ops, where it stands, is an array that has "verify". */
static bool may_verify(const struct json_object *o)
{
	struct json_object *ops;

	if (!json_object_object_get_ex(o, "key_ops", &ops))
		return true;
	if (!json_object_is_type(ops, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(ops); i++) {
		struct json_object *op = json_object_array_get_idx(ops, i);

		if (json_object_is_type(op, json_type_string) &&
			strcmp(json_object_get_string(op), "verify") == 0)
			return true;
	}
	return false;
}

/* Where the member stands, it says just this. */
static bool agrees(const struct json_object *o, const char *name, const char *value)
{
	const char *text = strict_json_string(o, name);

	return text ? strcmp(text, value) == 0 : !json_object_object_get_ex(o, name, NULL);
}

/* False for a key that is not for us; *k is then untouched. */
static bool read_key(struct jwk *k, const struct json_object *o)
{
	if (!json_object_is_type(o, json_type_object))
		return false;
	const char *kid = strict_json_string(o, "kid"), *kty = strict_json_string(o, "kty");

	if (!kid || !kty || !agrees(o, "use", "sig") || !may_verify(o))
		return false;
	enum jwk_alg alg = strcmp(kty, "RSA") == 0 ? JWK_RS256 : JWK_ES256;

	if ((alg == JWK_ES256 && strcmp(kty, "EC") != 0) || !agrees(o, "alg", alg_names[alg]))
		return false;
	EVP_PKEY *key = alg == JWK_RS256 ? read_rsa(o) : read_p256(o);

	if (!key)
		return false;
	*k = (struct jwk){ mem_strdup(kid), alg, key };
	return true;
}

int jwk_set_parse(struct jwk_set *set, const char *text, size_t len, struct err *e)
{
	struct json_object *root = strict_json_object(text, len), *keys;

	*set = (struct jwk_set){ 0 };
	if (!root)
		return err_cause(e, "the key set is not a JSON object");
	if (json_object_object_get_ex(root, "keys", &keys) &&
		json_object_is_type(keys, json_type_array)) {
		size_t n = json_object_array_length(keys);

		set->keys = mem_zero(n, sizeof *set->keys);
		for (size_t i = 0; i < n; i++)
			if (read_key(&set->keys[set->n], json_object_array_get_idx(keys, i)))
				set->n++;
	}
	json_object_put(root);
	ERR_clear_error(); /* of keys that were left out: the next TLS call would take it for its
			      own */
	if (set->n)
		return 0;
	jwk_set_free(set);
	return err_cause(e, "the key set has no key for RS256 or ES256 that has a kid");
}

void jwk_set_free(struct jwk_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		EVP_PKEY_free(set->keys[i].key);
		free(set->keys[i].kid);
	}
	free(set->keys);
	*set = (struct jwk_set){ 0 };
}

const struct jwk *jwk_set_find(
	const struct jwk_set *set, const char *kid, enum jwk_alg alg, bool *other)
{
	*other = false;
	for (size_t i = 0; i < set->n; i++) {
		if (strcmp(set->keys[i].kid, kid) != 0)
			continue;
		if (set->keys[i].alg == alg)
			return &set->keys[i];
		*other = true;
	}
	return NULL;
}

/* ---- the check */

/* A token has r and s side by side, OpenSSL wants them in DER. Returns the length, 0 when it cannot
 * be. */
static size_t ecdsa_der(const uint8_t *sig, size_t sig_len, uint8_t out[ES256_DER_MAX])
{
	ECDSA_SIG *pair = sig_len == 2 * P256_LEN ? ECDSA_SIG_new() : NULL;
	BIGNUM *r = pair ? BN_bin2bn(sig, P256_LEN, NULL) : NULL;
	BIGNUM *s = pair ? BN_bin2bn(sig + P256_LEN, P256_LEN, NULL) : NULL;
	int len = 0;

	if (r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
		len = i2d_ECDSA_SIG(pair, &out);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(pair);
	return len > 0 ? (size_t)len : 0;
}

bool jwk_verify(
	const struct jwk *k, const void *data, size_t len, const uint8_t *sig, size_t sig_len)
{
	uint8_t der[ES256_DER_MAX];

	if (k->alg == JWK_ES256) {
		sig_len = ecdsa_der(sig, sig_len, der);
		sig = der;
	}
	EVP_MD_CTX *c = sig_len ? EVP_MD_CTX_new() : NULL;
	bool holds = c && EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, k->key) == 1 &&
		     EVP_DigestVerify(c, sig, sig_len, data, len) == 1;

	EVP_MD_CTX_free(c);
	if (!holds)
		ERR_clear_error(); /* the next TLS call would take what is left there for its own */
	return holds;
}
