#include "lib/base/unit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char too_large[] = "is too large";

struct unit {
	const char *name;
	int64_t factor;
};

/* Largest first: printing takes the first that divides. */
static const struct unit durations[] = {
	{ "y", INT64_C(365) * 86400000000 },
	{ "d", INT64_C(86400000000) },
	{ "h", INT64_C(3600000000) },
	{ "min", INT64_C(60000000) },
	{ "s", INT64_C(1000000) },
	{ "ms", INT64_C(1000) },
	{ NULL, 0 },
};

static const struct unit sizes[] = {
	{ "T", INT64_C(1) << 40 },
	{ "G", INT64_C(1) << 30 },
	{ "M", INT64_C(1) << 20 },
	{ "K", INT64_C(1) << 10 },
	{ "", 1 },
	{ NULL, 0 },
};

/* Digits at the front of text; *rest is what follows them. NULL, or what is wrong. */
static const char *read_digits(
	const char *text, int64_t *number, const char **rest, const char *wrong)
{
	char *end;

	/* strtoll would take blanks and a sign too. */
	if (*text < '0' || *text > '9')
		return wrong;
	errno = 0;
	*number = strtoll(text, &end, 10);
	*rest = end;
	return errno == ERANGE ? too_large : NULL;
}

static const char *read_unit(
	const char *text, const struct unit *units, int64_t *out, const char *wrong)
{
	const char *rest, *complaint;
	int64_t number;

	complaint = read_digits(text, &number, &rest, wrong);
	if (complaint)
		return complaint;
	for (const struct unit *u = units; u->name; u++)
		if (!strcmp(rest, u->name)) {
			if (__builtin_mul_overflow(number, u->factor, &number))
				return too_large;
			*out = number;
			return NULL;
		}
	return wrong;
}

const char *unit_read_duration(const char *text, int64_t *out)
{
	if (!strcmp(text, "0")) {
		*out = 0;
		return NULL;
	}
	return read_unit(text, durations, out,
		"must be a duration: a whole number with ms, s, min, h, d or y, such as \"30s\"");
}

const char *unit_read_size(const char *text, int64_t *out)
{
	return read_unit(text, sizes, out,
		"must be a size: a whole number of bytes, or with K, M, G or T, such as \"64M\"");
}

const char *unit_read_integer(const char *text, int64_t *out)
{
	static const char wrong[] = "must be a whole number, 0 or more";
	const char *rest, *complaint;
	int64_t number;

	complaint = read_digits(text, &number, &rest, wrong);
	if (complaint || *rest)
		return complaint ? complaint : wrong;
	*out = number;
	return NULL;
}

static void put_unit(struct buf *b, int64_t value, const struct unit *units)
{
	for (const struct unit *u = units; u->name; u++)
		if (value && value % u->factor == 0) {
			buf_printf(b, "%" PRId64 "%s", value / u->factor, u->name);
			return;
		}
	buf_putc(b, '0');
}

void unit_put_duration(struct buf *b, int64_t us)
{
	put_unit(b, us, durations);
}

void unit_put_size(struct buf *b, int64_t bytes)
{
	put_unit(b, bytes, sizes);
}
