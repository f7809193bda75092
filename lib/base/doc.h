/*
 * Doc: a JSON file with comments, and the line on which each of its keys stands.
 *
 * json-c reads the values; it keeps no positions and lets the last of two equal keys win. So the
 * text that it has accepted is walked once more for the places of the keys, which also finds the
 * keys that stand twice.
 *
 * A key's name is its path with dots: "tables.users.columns"; an array's items are
 * "tables.users.columns[0]".
 */
#ifndef SLUICE_BASE_DOC_H
#define SLUICE_BASE_DOC_H

#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

struct json_object;

struct doc_place {
	const char *key;
	int line; /* of the key, or of an item's value; from 1 */
};

struct doc {
	const char *path;         /* as given */
	struct json_object *root; /* an object */
	struct doc_place *places; /* sorted by key */
	size_t places_n;
};

/* Strings are kept in the arena. -1 with ERR_CONFIG "PATH: …" or "PATH:LINE: …", and *d empty,
 * when the file cannot be read, is not JSON, is no object, or holds a key twice. */
int doc_read(struct doc *d, struct arena *a, const char *path, struct err *e);
void doc_free(struct doc *d);

/* 0 when the file has no such key. */
int doc_line(const struct doc *d, const char *key);

#endif
