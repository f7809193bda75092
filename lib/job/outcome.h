/*
 * Outcomes: how each export ended, kept in the metadata schema so that it can be asked afterwards
 * (etc/schema/).
 *
 * A row is written when the export begins ('running') and changed when it ends. While it runs, its
 * process holds a session advisory lock; a 'running' row whose lock nobody holds was left by a
 * process that died, and reads as failed. (So does, until it ends, one whose connection here was
 * lost while it ran.) The metadata database must therefore be reached without a pooler, or through
 * one in session mode.
 */
#ifndef SLUICE_JOB_OUTCOME_H
#define SLUICE_JOB_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/settings.h"

struct metadata;
struct outcome_store;

struct outcome_begin {
	const char *id;      /* UUID */
	const char *subject; /* who asked */
	const char *route;
	const char *table;
	const char *format;
};

struct outcome_end {
	const char *id;
	const struct err *err; /* NULL: succeeded */
	uint64_t rows;
	uint64_t bytes;     /* of the body as sent */
	const char *sha256; /* hex, or NULL when it was not asked for */
	const char
		*fingerprint; /* of the schema; it and lossy NULL: failed before they were known */
	const char *lossy;    /* JSON: names of the columns that did not arrive exactly */
};

/* NULL when m is: then outcomes are not kept, and the calls below must not be made. m must outlive
 * the store. */
struct outcome_store *outcome_open(struct metadata *m, const struct settings *s);
void outcome_close(struct outcome_store *o);

int outcome_begin(struct outcome_store *o, const struct outcome_begin *b, struct err *e);
int outcome_end(struct outcome_store *o, const struct outcome_end *end, struct err *e);

/* The outcome as a JSON object; ERR_NOT_FOUND when there is none by that id, it has expired, or it
 * is not subject's. */
int outcome_read(struct outcome_store *o, const char *id, const char *subject, struct buf *json,
	struct err *e);

/* Forget the outcomes that have expired, of which every so many exports forget some too. *n: how many. */
int outcome_purge(struct metadata *m, int64_t *n, struct err *e);

#endif
