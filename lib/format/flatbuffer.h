/*
 * FlatBuffers writer (https://flatbuffers.dev/internals): tables, strings and vectors, from the
 * front to the back: a table stands before what it refers to, since references only point onward.
 *
 * A reference is a place (a position within the bytes) that is filled when what it points to is
 * written; one that never is stays 0, and its table must then be without that field. Places
 * count from the beginning and so outlive the growth of the buffer.
 *
 *	flatbuffer_begin(&fb);
 *	t = flatbuffer_table(&fb, FLATBUFFER_ROOT, "84");	a long and a reference
 *	flatbuffer_set(&fb, &t, 0, 2048);
 *	flatbuffer_string(&fb, t.field[1], "text");
 */
#ifndef SLUICE_FORMAT_FLATBUFFER_H
#define SLUICE_FORMAT_FLATBUFFER_H

#include "lib/base/mem.h"

enum {
	FLATBUFFER_ROOT = 0,  /* the place of the root's reference */
	FLATBUFFER_FIELDS = 8 /* of a table, at most */
};

struct flatbuffer {
	struct buf bytes; /* begins where 8 divides the address of whoever reads it */
};

struct flatbuffer_table {
	const char *layout;              /* borrowed */
	size_t field[FLATBUFFER_FIELDS]; /* the place of each */
};

/* {0} is an empty one. Forgets what was written, keeps the memory. */
void flatbuffer_begin(struct flatbuffer *fb);
void flatbuffer_free(struct flatbuffer *fb);

/* A table that `ref` points to. layout: a digit a field in the order of the schema: its bytes (1, 2, 4, 8; a reference
 * has 4), or 0 for one that is not there. The fields are 0. */
struct flatbuffer_table flatbuffer_table(struct flatbuffer *fb, size_t ref, const char *layout);

/* The field's lowest bytes. */
void flatbuffer_set(
	struct flatbuffer *fb, const struct flatbuffer_table *t, size_t field, int64_t value);

void flatbuffer_string(struct flatbuffer *fb, size_t ref, const char *text);

/* A vector that `ref` points to, of n elements of so many bytes, all 0, the first at a multiple of `align`. Returns the
 * place of the first; of references, each is a place. */
size_t flatbuffer_vector(struct flatbuffer *fb, size_t ref, size_t n, size_t size, size_t align);

/* The same of a vector whose elements the caller puts behind these bytes. */
void flatbuffer_vector_last(struct flatbuffer *fb, size_t ref, size_t n, size_t align);

/* An integer of a struct within a vector; 4 or 8 bytes. */
void flatbuffer_put(struct flatbuffer *fb, size_t place, int64_t value, size_t size);

#endif
