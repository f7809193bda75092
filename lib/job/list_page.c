#include "lib/job/list_page.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base64url.h"

int list_page_read(const char *token, struct list_place *p, struct err *e)
{
	struct buf b = { 0 };
	int status = base64url_decode(token, strlen(token), &b);
	const char *text = buf_str(&b);
	size_t digits = strspn(text, "0123456789");

	if (status == 0 && strlen(text) == b.len && digits > 0 && digits <= LIST_PAGE_DIGITS &&
		text[digits] == ':' && uuid_valid(text + digits + 1)) {
		snprintf(p->us, sizeof p->us, "%.*s", (int)digits, text);
		snprintf(p->id, sizeof p->id, "%s", text + digits + 1);
	} else {
		status = err_set(e, ERR_BAD_REQUEST, "that is not a page token of this list");
	}
	buf_free(&b);
	return status;
}

static void put_token(struct buf *json, const char *us, const char *id)
{
	struct buf b = { 0 };

	buf_printf(&b, "%s:%s", us, id);
	buf_putc(json, '"');
	base64url_encode(json, b.data, b.len);
	buf_putc(json, '"');
	buf_free(&b);
}

void list_page_put(struct buf *json, const char *name, const PGresult *r, int limit)
{
	int n = PQntuples(r), shown = n < limit ? n : limit;
	long found = n > 0 ? strtol(PQgetvalue(r, 0, 3), NULL, 10) : 0;

	buf_printf(json, "{\"%s\":[", name);
	for (int i = 0; i < shown; i++) {
		if (i > 0)
			buf_putc(json, ',');
		buf_puts(json, PQgetvalue(r, i, 0));
	}
	buf_puts(json, "],\"nextPageToken\":");
	if (found > shown)
		put_token(json, PQgetvalue(r, shown - 1, 1), PQgetvalue(r, shown - 1, 2));
	else
		buf_puts(json, "null");
	buf_putc(json, '}');
}
