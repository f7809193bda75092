#include "lib/web/coding.h"

#include <string.h>

#include "lib/web/quality.h"

enum { UNSAID = -1 };

static bool is_coding(const struct quality *element, const char *coding)
{
	if (quality_is(element, coding))
		return true;
	/* An old name that still counts (§8.4.1.3). */
	return !strcmp(coding, "gzip") && quality_is(element, "x-gzip");
}

/* The q of the first element that names the coding, else of the first "*", else UNSAID. */
static int quality_of(const char *accept, const char *coding)
{
	struct quality element;
	int star = UNSAID;

	for (const char *p = accept; (p = quality_next(p, &element));) {
		if (is_coding(&element, coding))
			return element.q;
		if (star == UNSAID && quality_is(&element, "*"))
			star = element.q;
	}
	return star;
}

int coding_choose(const char *accept_encoding, const struct compress_type **out, struct err *e)
{
	const char *accept = accept_encoding ? accept_encoding : "";
	int identity = quality_of(accept, "identity"), best = 0;

	*out = NULL;
	for (const struct compress_type *const *t = compress_types; *t; t++) {
		int q = (*t)->coding ? quality_of(accept, (*t)->coding) : UNSAID;

		if (q > best && q >= identity) {
			best = q;
			*out = *t;
		}
	}
	if (*out || identity != 0)
		return 0;
	return err_set(e, ERR_NOT_ACCEPTABLE,
		"none of the content codings is what Accept-Encoding asks for");
}
