/*
 * Rights as JSON, to be kept with what was made under them and compared later (rights_cover):
 *
 *	{"columns":["email","user_id"],"masks":{"email":"stars"},"rows":1000,
 *	 "tenantColumn":"tenant","tenant":"t1","identity":" role=reader"}
 *
 * null stands for all columns, for any number of rows, and for no tenants. Formats and purposes are not in it.
 */
#ifndef SLUICE_ACCESS_RIGHTS_JSON_H
#define SLUICE_ACCESS_RIGHTS_JSON_H

#include "lib/access/policy.h"

struct json_object;

void rights_json_put(struct buf *b, const struct rights *r);

/* The strings are borrowed from json, the lists live in the arena. -1: it is none of these. */
int rights_json_read(struct arena *a, struct json_object *json, struct rights *out);

#endif
