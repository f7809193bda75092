#include "lib/web/page_link.h"

#include <ctype.h>
#include <string.h>

/* RFC 3986 §2.3: everything but the unreserved characters; some others stand for themselves in a path, or in a query
 * (§3.4), which lists of columns are full of. */
static void put_encoded(struct buf *b, const char *s, bool path)
{
	const char *plain = path ? "-._~/" : "-._~,:";

	for (; *s; s++)
		if (isalnum((unsigned char)*s) || strchr(plain, *s))
			buf_putc(b, *s);
		else
			buf_printf(b, "%%%02X", (unsigned char)*s);
}

const char *page_link(struct request *rq, int64_t page, const char *bounds)
{
	const char *prefix = request_env(rq, "SLUICE_PREFIX");
	struct buf b = { 0 };

	put_encoded(&b, prefix ? prefix : "", true);
	put_encoded(&b, rq->path, true);
	buf_printf(&b, "?page=%lld&bounds=%s", (long long)page, bounds);
	for (size_t i = 0; i < rq->params_n; i++) {
		const struct request_param *p = &rq->params[i];

		if (!strcmp(p->name, "page") || !strcmp(p->name, "bounds"))
			continue;
		buf_putc(&b, '&');
		put_encoded(&b, p->name, false);
		buf_putc(&b, '=');
		put_encoded(&b, p->value, false);
	}
	const char *link = arena_strdup(&rq->arena, buf_str(&b));

	buf_free(&b);
	return link;
}
