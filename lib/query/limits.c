#include "lib/query/limits.h"

#include <string.h>

enum { DEPTH_MAX = 500, ITEMS_MAX = 1000 * 1000 };

size_t query_depth_most(const struct settings *s)
{
	return s->limits_query_depth < DEPTH_MAX ? (size_t)s->limits_query_depth : DEPTH_MAX;
}

size_t query_items_most(const struct settings *s)
{
	return s->limits_query_items < ITEMS_MAX ? (size_t)s->limits_query_items : ITEMS_MAX;
}

const char *query_pattern_fault(struct arena *a, const struct settings *s, const char *pattern)
{
	size_t len = strlen(pattern), backslashes = 0;

	if (len > (size_t)s->limits_query_pattern)
		return arena_printf(a, "a pattern has at most %lld bytes, here are %zu",
			(long long)s->limits_query_pattern, len);
	while (backslashes < len && pattern[len - 1 - backslashes] == '\\')
		backslashes++;
	return backslashes % 2 ? "a pattern cannot end with a backslash that escapes nothing"
			       : NULL;
}
