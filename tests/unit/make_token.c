#include "tests/unit/make_token.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/base64url.h"

enum { SIGNATURE_MAX = 1024, P256_LEN = 32 };

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s failed\n", what);
	exit(99);
}

EVP_PKEY *make_rsa_key(unsigned bits)
{
	EVP_PKEY *key = EVP_RSA_gen(bits);

	need(key, "EVP_RSA_gen");
	return key;
}

EVP_PKEY *make_ec_key(const char *curve)
{
	EVP_PKEY *key = EVP_EC_gen(curve);

	need(key, "EVP_EC_gen");
	return key;
}

const char *make_base64url(struct arena *a, const void *bytes, size_t len)
{
	struct buf b = { 0 };

	base64url_encode(&b, bytes, len);
	const char *text = arena_strndup(a, b.data, b.len);

	buf_free(&b);
	return text;
}

/* A number of the key; len 0: as many bytes as it needs. */
static const char *number(struct arena *a, const EVP_PKEY *key, const char *param, int len)
{
	BIGNUM *n = NULL;
	uint8_t bytes[SIGNATURE_MAX];

	need(EVP_PKEY_get_bn_param(key, param, &n) == 1, param);
	if (!len)
		len = BN_num_bytes(n);
	need(BN_bn2binpad(n, bytes, len) == len, "BN_bn2binpad");
	BN_free(n);
	return make_base64url(a, bytes, (size_t)len);
}

const char *make_jwk(struct arena *a, const EVP_PKEY *key, const char *kid, const char *more)
{
	char curve[32];
	size_t len;

	if (EVP_PKEY_is_a(key, "RSA"))
		return arena_printf(a,
			"{\"kty\":\"RSA\",\"kid\":\"%s\",%s\"n\":\"%s\",\"e\":\"%s\"}", kid, more,
			number(a, key, OSSL_PKEY_PARAM_RSA_N, 0),
			number(a, key, OSSL_PKEY_PARAM_RSA_E, 0));
	need(EVP_PKEY_get_group_name(key, curve, sizeof curve, &len) == 1, "group name");
	int size = (EVP_PKEY_get_bits(key) + 7) / 8;

	return arena_printf(a,
		"{\"kty\":\"EC\",\"crv\":\"%s\",\"kid\":\"%s\",%s\"x\":\"%s\",\"y\":\"%s\"}",
		size == P256_LEN ? "P-256" : "P-384", kid, more,
		number(a, key, OSSL_PKEY_PARAM_EC_PUB_X, size),
		number(a, key, OSSL_PKEY_PARAM_EC_PUB_Y, size));
}

const char *make_pem(struct arena *a, const EVP_PKEY *key)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *text;

	need(b && PEM_write_bio_PUBKEY(b, (EVP_PKEY *)(uintptr_t)key), "PEM_write_bio_PUBKEY");
	long len = BIO_get_mem_data(b, &text);
	const char *pem = arena_strndup(a, text, (size_t)len);

	BIO_free(b);
	return pem;
}

/* From DER to r and s side by side (RFC 7518 §3.4). */
static size_t unpack(uint8_t *sig, size_t len, int half)
{
	const uint8_t *p = sig;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &p, (long)len);
	uint8_t out[SIGNATURE_MAX];

	need(pair, "d2i_ECDSA_SIG");
	need(BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, half) == half, "r");
	need(BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + half, half) == half, "s");
	ECDSA_SIG_free(pair);
	memcpy(sig, out, 2 * (size_t)half);
	return 2 * (size_t)half;
}

static const char *sign(struct arena *a, EVP_PKEY *key, const char *text, size_t text_len)
{
	uint8_t sig[SIGNATURE_MAX];
	size_t len = sizeof sig;
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	need(c && EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key) == 1 &&
			EVP_DigestSign(c, sig, &len, (const uint8_t *)text, text_len) == 1,
		"EVP_DigestSign");
	EVP_MD_CTX_free(c);
	if (EVP_PKEY_is_a(key, "EC"))
		len = unpack(sig, len, (EVP_PKEY_get_bits(key) + 7) / 8);
	return make_base64url(a, sig, len);
}

const char *make_signature(struct arena *a, EVP_PKEY *key, const char *text)
{
	return sign(a, key, text, strlen(text));
}

const char *make_token_len(struct arena *a, EVP_PKEY *key, const char *header, size_t header_len,
	const char *payload, size_t payload_len)
{
	const char *text = arena_printf(a, "%s.%s", make_base64url(a, header, header_len),
		make_base64url(a, payload, payload_len));

	return arena_printf(a, "%s.%s", text, sign(a, key, text, strlen(text)));
}

const char *make_token(struct arena *a, EVP_PKEY *key, const char *header, const char *payload)
{
	return make_token_len(a, key, header, strlen(header), payload, strlen(payload));
}
