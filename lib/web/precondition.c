#include "lib/web/precondition.h"

#include <string.h>

#include "lib/web/http_date.h"

enum comparison { STRONG, WEAK };

static bool is_weak(const char *tag)
{
	return tag[0] == 'W' && tag[1] == '/';
}

/* §8.8.3.2. `tag` has len bytes. */
static bool is_same(const char *tag, size_t len, const char *etag, enum comparison how)
{
	bool any_weak = is_weak(tag) || is_weak(etag);

	if (how == STRONG && any_weak)
		return false;
	if (is_weak(tag)) {
		tag += 2;
		len -= 2;
	}
	if (is_weak(etag))
		etag += 2;
	return len == strlen(etag) && !memcmp(tag, etag, len);
}

/* Bytes of the entity tag (§8.8.3) that p begins with; 0: of none. There is no escape within the quotes. */
static size_t tag_len(const char *p)
{
	size_t at = is_weak(p) ? 2 : 0;

	if (p[at] != '"')
		return 0;
	for (at++; p[at] != '"'; at++)
		if ((unsigned char)p[at] <= ' ' || p[at] == 0x7f)
			return 0;
	return at + 1;
}

static bool lists(const char *p, const char *etag, enum comparison how)
{
	p += strspn(p, " \t");
	if (*p == '*' && !p[1 + strspn(p + 1, " \t")])
		return true;
	while (*(p += strspn(p, ", \t"))) {
		size_t len = tag_len(p);

		if (len == 0)
			return false;
		if (is_same(p, len, etag, how))
			return true;
		p += len;
		p += strspn(p, " \t");
		if (*p && *p != ',')
			return false;
	}
	return false;
}

static bool is_failed(const struct conditions *c, const struct validators *v)
{
	int64_t date;

	if (c->if_match)
		return !lists(c->if_match, v->etag, STRONG);
	return http_date_read(c->if_unmodified_since, &date) && v->modified > date;
}

static bool is_not_modified(const struct conditions *c, const struct validators *v)
{
	int64_t date;

	if (c->if_none_match)
		return lists(c->if_none_match, v->etag, WEAK);
	return http_date_read(c->if_modified_since, &date) && v->modified <= date;
}

enum precondition precondition_check(const struct conditions *c, const struct validators *v)
{
	if (is_failed(c, v))
		return PRECONDITION_FAILED;
	return is_not_modified(c, v) ? PRECONDITION_NOT_MODIFIED : PRECONDITION_HOLDS;
}

bool precondition_range(const struct conditions *c, const struct validators *v)
{
	int64_t date;

	if (!c->if_range)
		return true;
	if (http_date_read(c->if_range, &date))
		return date == v->modified;
	return is_same(c->if_range, strlen(c->if_range), v->etag, STRONG);
}
