/*
 * Nearest: which of the known names was probably meant.
 */
#ifndef SLUICE_BASE_NEAREST_H
#define SLUICE_BASE_NEAREST_H

#include <stddef.h>

/* {0} before the first offer. */
struct nearest {
	const char *name; /* the best so far, borrowed; NULL: none is near */
	size_t distance;
};

/* Compare `wrong` with one more known name. Of dotted names the last part alone may match too, so
 * that a key in the wrong section finds its own. A name is near when at most a third of the last
 * part differs. */
void nearest_offer(struct nearest *n, const char *wrong, const char *known);

#endif
