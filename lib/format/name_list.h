/*
 * Name list: names of columns in one text, separated by commas; a name that holds a comma or a quote stands in
 * "double ""quotes""".
 */
#ifndef SLUICE_FORMAT_NAME_LIST_H
#define SLUICE_FORMAT_NAME_LIST_H

#include "lib/base/mem.h"

/* The next name, NUL-terminated, in place of what `name` holds; *list moves behind it. 0 at the end of the list, -1 when what
 * stands there is no name. */
int name_list_next(const char **list, struct buf *name);

#endif
