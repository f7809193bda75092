#include "lib/rows/fingerprint.h"

#include <openssl/evp.h>
#include <string.h>

#include "lib/base/base64url.h"
#include "lib/base/mem.h"

enum { FINGERPRINT_BYTES = 18 };

static void put_counted(struct buf *b, const char *s)
{
	buf_printf(b, "%zu:", strlen(s));
	buf_puts(b, s);
}

static void put_field(struct buf *b, const struct field *f)
{
	put_counted(b, f->name);
	buf_printf(b, " %s ", type_name(f->type));
	if (f->type == TYPE_DECIMAL128)
		buf_printf(b, "%d,%d", f->precision, f->scale);
	else
		buf_putc(b, '-');
	buf_printf(b, " %s ", f->nullable ? "null" : "notnull");
	put_counted(b, f->source_type ? f->source_type : "");
	buf_putc(b, '\n');
}

int fingerprint(const struct schema *schema, char text[FINGERPRINT_TEXT], struct err *e)
{
	unsigned char sha256[EVP_MAX_MD_SIZE];
	struct buf b = { 0 };

	buf_puts(&b, "sluice-schema 1\n");
	for (size_t i = 0; i < schema->n; i++)
		put_field(&b, &schema->fields[i]);
	int ok = EVP_Digest(b.data, b.len, sha256, NULL, EVP_sha256(), NULL);

	b.len = 0;
	if (ok) {
		base64url_encode(&b, sha256, FINGERPRINT_BYTES);
		memcpy(text, b.data, b.len);
		text[b.len] = '\0';
	}
	buf_free(&b);
	return ok ? 0 : err_set(e, ERR_INTERNAL, "the schema's fingerprint could not be computed");
}
