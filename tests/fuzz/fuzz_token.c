/*
 * Tokens from a stranger. The input is taken three times: as the value of the Authorization header,
 * which must be refused, since whoever wrote it has no key; as the header of a token that is signed
 * all the same; and as the payload of one that is. What is accepted must say who it is for.
 */
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/access/token.h"
#include "lib/base/base64url.h"
#include "lib/base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { P256_LEN = 32 };

static const char good_header[] = "{\"alg\":\"ES256\",\"kid\":\"k\"}";
static const char good_payload[] =
	"{\"iss\":\"i\",\"aud\":\"a\",\"sub\":\"s\",\"exp\":9999999999,\"nbf\":0}";

static EVP_PKEY *key;
static struct verifier *verifier;

static void need(bool ok)
{
	if (!ok)
		abort();
}

/* ---- an issuer */

static void put_number(struct buf *b, const char *name, const char *param)
{
	BIGNUM *n = NULL;
	uint8_t bytes[P256_LEN];

	need(EVP_PKEY_get_bn_param(key, param, &n) == 1);
	need(BN_bn2binpad(n, bytes, P256_LEN) == P256_LEN);
	BN_free(n);
	buf_printf(b, ",\"%s\":\"", name);
	base64url_encode(b, bytes, P256_LEN);
	buf_putc(b, '"');
}

/* The key set, in a file that no folder knows. Returns what auth.jwks calls it. */
static const char *make_key_set(void)
{
	static char setting[64];
	struct buf b = { 0 };
	int fd = memfd_create("jwks", 0);

	buf_puts(&b, "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"k\"");
	put_number(&b, "x", OSSL_PKEY_PARAM_EC_PUB_X);
	put_number(&b, "y", OSSL_PKEY_PARAM_EC_PUB_Y);
	buf_puts(&b, "}]}");
	need(fd >= 0 && write(fd, b.data, b.len) == (ssize_t)b.len);
	need(snprintf(setting, sizeof setting, "file:/proc/self/fd/%d", fd) > 0);
	buf_free(&b);
	return setting;
}

static void set_up(void)
{
	static const char *algorithms[] = { "ES256", "RS256" };
	static struct settings s = {
		.auth_issuer = "i",
		.auth_audience = "a",
		.auth_algorithms = { algorithms, 2 },
		.auth_max_bytes = 4096,
		.auth_nbf = "optional",
	};

	need(log_open(NULL, LOG_ERROR) == 0);
	key = EVP_EC_gen("P-256");
	need(key);
	s.auth_jwks = make_key_set();
	verifier = verifier_new(&s, NULL);
	need(verifier);
}

static void put_signature(struct buf *b, size_t from)
{
	uint8_t der[80], pair[2 * P256_LEN];
	const uint8_t *p = der;
	size_t der_len = sizeof der;
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	need(c && EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key) == 1);
	need(EVP_DigestSign(c, der, &der_len, (uint8_t *)b->data + from, b->len - from) == 1);
	EVP_MD_CTX_free(c);
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)der_len);

	need(sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), pair, P256_LEN) == P256_LEN);
	need(BN_bn2binpad(ECDSA_SIG_get0_s(sig), pair + P256_LEN, P256_LEN) == P256_LEN);
	ECDSA_SIG_free(sig);
	buf_putc(b, '.');
	base64url_encode(b, pair, sizeof pair);
}

/* ---- the three ways */

static bool accepts(const char *authorization)
{
	struct arena a = { 0 };
	struct principal p = { 0 };
	struct err e = { 0 };
	int failed = verifier_check(verifier, authorization, &a, &p, &e);

	need(failed ? e.code == ERR_UNAUTHORIZED && e.text[0]
		    : p.subject[0] && p.issuer[0] == 'i' && p.claims[0]);
	arena_free(&a);
	return !failed;
}

static bool accepts_signed(const void *header, size_t header_len, const void *payload, size_t len)
{
	struct buf b = { 0 };

	buf_puts(&b, "Bearer ");
	size_t from = b.len;

	base64url_encode(&b, header, header_len);
	buf_putc(&b, '.');
	base64url_encode(&b, payload, len);
	put_signature(&b, from);
	bool accepted = accepts(buf_str(&b));

	buf_free(&b);
	return accepted;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf text = { 0 };

	if (!verifier) {
		set_up();
		need(accepts_signed(good_header, sizeof good_header - 1, good_payload,
			sizeof good_payload - 1));
	}
	buf_put(&text, data, len);
	need(!accepts(buf_str(&text)));
	buf_free(&text);
	accepts_signed(data, len, good_payload, sizeof good_payload - 1);
	accepts_signed(good_header, sizeof good_header - 1, data, len);
	return 0;
}
