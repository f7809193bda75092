/*
 * Manifest: what a job's files hold and how whoever has them can tell that they are whole, as a JSON object:
 *
 *	{"version": 1, "createdBy", "job", "request", "snapshot", "schema", "lossy": [NAME …],
 *	 "nextCursor",
 *	 "parts": [{"file", "first", "last", "rows", "bytes", "sha256"} …],
 *	 "files": [{"name", "media", "bytes", "sha256"} …],
 *	 "totals": {"rows", "bytes", "parts", "files"}}
 *
 * A file is made of the parts that name it (by its number, from 1), one behind the other in the manifest's order with nothing
 * between them, or has none that is told.
 */
#ifndef SLUICE_JOB_MANIFEST_H
#define SLUICE_JOB_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

enum { MANIFEST_VERSION = 1, MANIFEST_MAX_BYTES = 64 << 20 };

struct manifest_part {
	size_t file;              /* its number, from 1, not falling from part to part */
	const char *first, *last; /* the range of the key; NULL: there is none */
	uint64_t rows, bytes;
	const char *sha256; /* 64 hexadecimal digits in lower case */
};

struct manifest_file {
	const char *name; /* a plain file name: no slash, not "." or ".." */
	const char *media;
	uint64_t bytes;
	const char *sha256;
};

struct manifest {
	const char *created_by; /* the program and its version */
	const char *job;
	const char *request;     /* JSON object */
	const char *snapshot;    /* NULL: none that was shared */
	const char *schema;      /* fingerprint; NULL: not known */
	const char *lossy;       /* JSON array: names of columns that did not arrive exactly */
	const char *next_cursor; /* NULL: it is no increment */
	const struct manifest_part *parts;
	size_t parts_n;
	const struct manifest_file *files;
	size_t files_n;
	uint64_t rows; /* of all */
};

/* Append it. The JSON texts are put in as they are. */
void manifest_put(const struct manifest *m, struct buf *out);

/* Read one back; everything lives in the arena, and in text. ERR_BAD_REQUEST: it is no manifest of this version, down to each
 * member; the error says where. ERR_UNPROCESSABLE: it contradicts itself: totals, a file's bytes and its parts', two files of
 * one name. */
int manifest_read(struct arena *a, const char *text, size_t len, struct manifest *m, struct err *e);

#endif
