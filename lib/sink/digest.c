#include "lib/sink/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/mem.h"

enum { SHA256_LEN = 32 };

struct digest_sink {
	struct sink base;
	EVP_MD_CTX *context;
	unsigned char value[SHA256_LEN];
};

static void check(struct sink *s, int ok)
{
	struct err e;

	if (ok)
		return;
	err_set(&e, ERR_INTERNAL, "the digest could not be computed");
	sink_fail(s, &e);
}

static void put(struct sink *s, const void *data, size_t len)
{
	check(s, EVP_DigestUpdate(((struct digest_sink *)s)->context, data, len));
	sink_put(s->next, data, len);
}

static void flush(struct sink *s)
{
	sink_flush(s->next);
}

static void finish(struct sink *s)
{
	struct digest_sink *d = (struct digest_sink *)s;
	struct err e;

	check(s, EVP_DigestFinal_ex(d->context, d->value, NULL));
	if (s->err.code == ERR_NONE && sink_finish(s->next, &e) < 0)
		sink_fail(s, &e);
}

static void abort_next(struct sink *s)
{
	sink_abort(s->next);
}

static void free_sink(struct sink *s)
{
	EVP_MD_CTX_free(((struct digest_sink *)s)->context);
	free(s);
}

struct sink *digest_sink_new(struct sink *next)
{
	static const struct sink_ops ops = { put, flush, finish, abort_next, free_sink };
	struct digest_sink *d = mem_zero(1, sizeof *d);

	d->base.ops = &ops;
	d->base.next = next;
	d->context = EVP_MD_CTX_new();
	check(&d->base, d->context && EVP_DigestInit_ex(d->context, EVP_sha256(), NULL));
	return &d->base;
}

void digest_sink_hex(const struct sink *s, char hex[DIGEST_HEX])
{
	const struct digest_sink *d = (const struct digest_sink *)s;

	for (int i = 0; i < SHA256_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", d->value[i]);
}
