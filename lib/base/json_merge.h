/*
 * JSON Merge Patch (RFC 7396): what a patch makes of a JSON text. A member that is null in the patch is taken away,
 * objects are merged member by member, and all else takes the place of what was there.
 */
#ifndef SLUICE_BASE_JSON_MERGE_H
#define SLUICE_BASE_JSON_MERGE_H

#include "lib/base/json_tree.h"
#include "lib/base/mem.h"

/* Append the text of the result. target NULL: there was nothing. Values that the patch leaves alone keep their spelling. */
void json_merge(struct buf *out, const struct json_node *target, const struct json_node *patch);

#endif
