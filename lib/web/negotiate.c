#include "lib/web/negotiate.h"

#include <string.h>
#include <strings.h>

#include "lib/web/quality.h"

static int specificity(const struct quality *range, const char *media)
{
	size_t type_len = strcspn(media, "/") + 1;

	if (quality_is(range, "*/*"))
		return 1;
	if (range->len == type_len + 1 && range->name[type_len] == '*' &&
		!strncasecmp(range->name, media, type_len))
		return 2;
	return quality_is(range, media) ? 3 : 0;
}

int negotiate_quality(const char *accept, const char *media)
{
	struct quality range;
	int best = 0, q = 0;

	for (const char *p = accept; (p = quality_next(p, &range));) {
		int how = specificity(&range, media);

		if (how > best) {
			best = how;
			q = range.q;
		}
	}
	return q;
}

/* The best of a format's comma-separated media types. */
static int format_quality(const char *accept, const struct format_type *f)
{
	int best = 0;

	for (const char *p = f->accept; *p;) {
		char media[64];
		size_t len = strcspn(p, ", ");

		if (len < sizeof media) {
			memcpy(media, p, len);
			media[len] = '\0';
			int quality = negotiate_quality(accept, media);

			best = quality > best ? quality : best;
		}
		p += len;
		p += strspn(p, ", ");
	}
	return best;
}

const struct format_type *negotiate_format(const char *accept)
{
	const struct format_type *best = NULL;
	int quality = 0;

	if (!accept || !accept[strspn(accept, " \t")])
		return format_types[0];
	for (size_t i = 0; format_types[i]; i++) {
		int q = format_quality(accept, format_types[i]);

		if (q > quality) {
			quality = q;
			best = format_types[i];
		}
	}
	return best;
}
