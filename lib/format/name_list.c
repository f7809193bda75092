#include "lib/format/name_list.h"

/* Behind the opening quote; NULL when there is no closing one. */
static const char *take_quoted(const char *p, struct buf *name)
{
	for (;; p++) {
		size_t len = strcspn(p, "\"");

		buf_put(name, p, len);
		p += len;
		if (!*p)
			return NULL;
		if (*++p != '"')
			return p;
		buf_putc(name, '"');
	}
}

int name_list_next(const char **list, struct buf *name)
{
	const char *p = *list;

	name->len = 0;
	if (!*p)
		return 0;
	if (*p == '"') {
		p = take_quoted(p + 1, name);
	} else {
		buf_put(name, p, strcspn(p, ",\""));
		p += name->len;
	}
	if (!p || !name->len || (*p && (*p != ',' || !p[1])))
		return -1;
	*list = p + (*p == ',');
	buf_str(name);
	return 1;
}
