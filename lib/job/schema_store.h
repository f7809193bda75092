/*
 * Schema store: the schemas that callers have been given the fingerprints of, so that they can be
 * told later what has changed since (etc/schema/0002_schemas.sql). One that nobody was given for a
 * year is forgotten.
 *
 * Each process writes a schema when it first gives it, and then no more than twice a day.
 */
#ifndef SLUICE_JOB_SCHEMA_STORE_H
#define SLUICE_JOB_SCHEMA_STORE_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

struct metadata;
struct schema_store;

/* NULL when m is: then the calls below must not be made. m must outlive the store. */
struct schema_store *schema_store_open(struct metadata *m);
void schema_store_close(struct schema_store *s);

/* Whether the store needs to be given this schema, and can be. */
bool schema_store_wants(const struct schema_store *s, const char *fingerprint);

/* columns: a JSON array of objects, each with a "name". */
int schema_store_put(
	struct schema_store *s, const char *fingerprint, const char *columns, struct err *e);

/* What has changed from the first known schema of `fingerprints` (a JSON array of strings) to
 * `columns`, as a JSON object of "from" (a fingerprint), "added", "removed", "changed" and
 * "reordered". 1, or 0 when none of them is known. */
int schema_store_difference(struct schema_store *s, const char *fingerprints, const char *columns,
	struct buf *json, struct err *e);

#endif
