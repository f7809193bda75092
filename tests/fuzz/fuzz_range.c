/*
 * Range and the conditions from a stranger: the first byte of the input is the size of a file, the rest, up to its first
 * NUL, is taken as Range, If-Match, If-None-Match, If-Range and as a date.
 *
 * A part lies within the file; it is the one that sscanf finds where the header is a single plain range. An entity tag that
 * matches strongly matches weakly too. A date that is read is read the same once it is written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/web/http_date.h"
#include "lib/web/precondition.h"
#include "lib/web/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Of a plain part: what its numbers say, taken apart in another way. */
static void judge_part(const char *field, uint64_t size, const struct range *r)
{
	unsigned long long first, last;

	if (sscanf(field + 6, "%llu-%llu", &first, &last) == 2) {
		check(r->first == first &&
			r->first + r->len - 1 == (last < size ? last : size - 1));
	} else if (field[6] == '-') {
		check(sscanf(field + 7, "%llu", &last) == 1);
		check(r->len == (last < size ? last : size) && r->first == size - r->len);
	} else {
		check(sscanf(field + 6, "%llu-", &first) == 1);
		check(r->first == first && r->first + r->len == size);
	}
}

static void take_range(const char *field, uint64_t size)
{
	struct range r;
	enum range_kind kind = range_read(field, size, &r);

	switch (kind) {
	case RANGE_WHOLE: check(r.first == 0 && r.len == size && !r.is_plain); break;
	case RANGE_PART:
		check(r.len > 0 && r.first < size && r.len <= size - r.first);
		if (r.is_plain)
			judge_part(field, size, &r);
		break;
	case RANGE_UNSATISFIABLE: check(r.len == 0 && !r.is_plain); break;
	}
}

static void take_tags(const char *field)
{
	const struct validators strong = { "\"xyzzy\"", 0 }, weak = { "W/\"xyzzy\"", 0 };
	const struct conditions match = { .if_match = field }, none = { .if_none_match = field },
				range = { .if_range = field };
	bool is_match = precondition_check(&match, &strong) == PRECONDITION_HOLDS;
	bool is_none = precondition_check(&none, &strong) == PRECONDITION_HOLDS;

	check(!is_match || !is_none);
	check(is_none == (precondition_check(&none, &weak) == PRECONDITION_HOLDS));
	if (strstr(field, "xyzzy") == NULL && strchr(field, '*') == NULL)
		check(!is_match && is_none);
	if (precondition_range(&range, &strong))
		check(!strcmp(field, strong.etag) || http_date_read(field, &(int64_t){ 0 }));
}

static void take_date(const char *text)
{
	char written[HTTP_DATE_TEXT];
	int64_t seconds, again;

	if (!http_date_read(text, &seconds))
		return;
	http_date_write(seconds, written);
	check(http_date_read(written, &again) && again == seconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	char *text = mem_alloc(len, 1);

	memcpy(text, data + 1, len - 1);
	text[len - 1] = '\0';
	take_range(text, data[0]);
	take_range(text, (uint64_t)data[0] << 56);
	take_tags(text);
	take_date(text);
	free(text);
	return 0;
}
