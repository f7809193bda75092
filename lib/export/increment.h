/*
 * Finding an increment (lib/query/increment.h) of a table: its bounds, in the snapshot that its rows are read under, and where
 * the next one begins.
 */
#ifndef SLUICE_EXPORT_INCREMENT_H
#define SLUICE_EXPORT_INCREMENT_H

#include "lib/export/table.h"
#include "lib/query/increment.h"

struct increment_found {
	struct increment range;
	const char *next_cursor;
	const char *
		position; /* of the write-ahead log, no earlier than the snapshot; NULL: on a standby */
};

/* since: INCREMENT_START or a cursor. The source is in the transaction in which the table was entered. Everything lives in the
 * visitor's arena.
 *
 *	ERR_BAD_REQUEST    since is neither
 *	ERR_UNPROCESSABLE  the cursor is another table's; or the table has no increments: a view, a foreign table, one whose
 *	                   xmin the role may not read
 *	ERR_GONE           nobody can tell what has changed since: the cursor is of another cluster or database, of one that has been
 *	                   set back or failed over, of another relation by that name, of other rows (another tenant's), or too old
 */
int increment_find(const struct visitor *v, struct source *s, const struct table *t,
	const char *since, struct increment_found *out, struct err *e);

/* Numbers of transactions that were given out but are not on the server's disk yet are given out again after a crash: rows written
 * under them would be older than the cursor. 1: all before the snapshot are safe; 0: not yet; -1. Any transaction will do. */
int increment_is_safe(struct source *s, const struct increment_found *found, struct err *e);

/* End the source's transaction and begin another, so that the server writes its log to the disk by itself, soon: of a server where
 * nothing else happens it would not for a long time. */
int increment_push(const struct visitor *v, struct source *s, struct err *e);

#endif
