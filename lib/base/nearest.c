#include "lib/base/nearest.h"

#include <string.h>

enum { NAME_MAX_LEN = 80 }; /* longer names get no suggestion */

/* Levenshtein's distance: insertions, deletions and replacements of one byte. */
static size_t distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_LEN + 1], len = strlen(b);

	for (size_t j = 0; j <= len; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < len; j++) {
			size_t best = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (diagonal + 1 < best)
				best = diagonal + 1;
			row[j + 1] = best;
		}
	}
	return row[len];
}

static const char *last_part(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

void nearest_offer(struct nearest *n, const char *wrong, const char *known)
{
	if (strlen(wrong) > NAME_MAX_LEN || strlen(known) > NAME_MAX_LEN)
		return;
	size_t whole = distance(wrong, known);
	size_t last = distance(last_part(wrong), last_part(known)) + 1;
	size_t d = whole < last ? whole : last;

	if (d > (strlen(last_part(wrong)) + 2) / 3)
		return;
	if (!n->name || d < n->distance)
		*n = (struct nearest){ known, d };
}
