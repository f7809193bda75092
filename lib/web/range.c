#include "lib/web/range.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char unit[] = "bytes=";

/* Digits that fit 64 bits with room to spare; web servers do not agree on what is longer. */
enum { PLAIN_DIGITS = 18 };

/* One element of the set: FIRST-LAST, FIRST- or -LENGTH. */
struct spec {
	bool has_first, has_last;
	uint64_t first, last;
	bool is_plain;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* A number that is too large for 64 bits is as good as the largest: no file is that long. */
static const char *read_number(const char *p, bool *has, uint64_t *value, bool *is_plain)
{
	const char *begin = p;

	for (*value = 0; isdigit((unsigned char)*p); p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		*value = *value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *value * 10 + digit;
	}
	*has = p > begin;
	*is_plain = *is_plain && p - begin <= PLAIN_DIGITS;
	return p;
}

/* Returns what follows, NULL for what is no such element. */
static const char *read_spec(const char *p, struct spec *s)
{
	*s = (struct spec){ .is_plain = true };
	p = read_number(p, &s->has_first, &s->first, &s->is_plain);
	if (*p++ != '-')
		return NULL;
	p = read_number(p, &s->has_last, &s->last, &s->is_plain);
	if (!s->has_first && !s->has_last)
		return NULL;
	if (s->has_first && s->has_last && s->last < s->first)
		return NULL;
	return p;
}

/* The set's elements are parted by commas, with spaces around them; empty ones do not count (§5.6.1.2). Returns how many
 * there are, -1 where one is none; *only is the last. */
static int read_set(const char *p, struct spec *only)
{
	bool is_plain = true;
	int n = 0;

	*only = (struct spec){ 0 };
	for (;;) {
		const char *begin = p;

		while (is_space(*p) || *p == ',')
			p++;
		is_plain = is_plain && p == begin;
		if (!*p)
			break;
		p = read_spec(p, only);
		if (!p)
			return -1;
		begin = p;
		while (is_space(*p))
			p++;
		is_plain = is_plain && p == begin;
		if (*p && *p != ',')
			return -1;
		n = n < 2 ? n + 1 : n;
	}
	only->is_plain = only->is_plain && is_plain;
	return n == 0 ? -1 : n;
}

static enum range_kind unsatisfiable(struct range *out)
{
	out->len = 0;
	return RANGE_UNSATISFIABLE;
}

static enum range_kind apply(const struct spec *s, uint64_t size, struct range *out)
{
	if (s->has_first && s->first >= size)
		return unsatisfiable(out);
	if (!s->has_first && s->last == 0)
		return unsatisfiable(out);
	if (size == 0)
		return RANGE_WHOLE;
	if (s->has_first) {
		uint64_t last = s->has_last && s->last < size ? s->last : size - 1;

		out->first = s->first;
		out->len = last - s->first + 1;
	} else {
		out->len = s->last < size ? s->last : size;
		out->first = size - out->len;
	}
	out->is_plain = s->is_plain;
	return RANGE_PART;
}

enum range_kind range_read(const char *field, uint64_t size, struct range *out)
{
	struct spec only;

	*out = (struct range){ .len = size, .is_plain = !field };
	if (!field || strncasecmp(field, unit, strlen(unit)) != 0)
		return RANGE_WHOLE;
	int n = read_set(field + strlen(unit), &only);

	if (n < 0)
		return unsatisfiable(out);
	return n == 1 ? apply(&only, size, out) : RANGE_WHOLE;
}
