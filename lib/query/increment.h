/*
 * Increment: the rows of a table that were inserted or changed since an earlier export of it, told by the transaction that
 * wrote each row's version (the system column xmin: https://www.postgresql.org/docs/15/ddl-system-columns.html).
 *
 * An increment has the versions of the transactions from `from` to before `to`, and `to` is the next one's `from`. All transactions
 * before `to` had ended when its snapshot was taken (pg_snapshot_xmin), so that what commits later, however late, belongs
 * to a later increment: each version comes once. A version that was replaced before its turn does not come; the one that
 * replaced it does.
 *
 * xmin has the low 32 bits of a transaction's number; it is taken for the last such transaction before `next`. A row
 * that has not changed for 2^32 transactions is so taken for a younger one, and comes again: twice rather than never.
 */
#ifndef SLUICE_QUERY_INCREMENT_H
#define SLUICE_QUERY_INCREMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

/* The increment that begins with the table's first row, as a request says it. */
#define INCREMENT_START "start"

enum {
	INCREMENT_REACH_MAX =
		2 * 1000 * 1000 * 1000 /* transactions: before 2^31, where xmin is in doubt */
};

struct increment {
	bool is_start; /* no row is older than it: `from` says nothing */
	uint64_t from, to;
	uint64_t next; /* the first number that the snapshot knows nothing of */
	/* Of a table with partitions or children, oid[] literals: those that were part of it before `from`, whose rows come by
	 * their own age; and those that became so since, of which all rows before `to` come. NULL: the table has none. */
	const char *old_members, *new_members;
};

/* The condition on the table's own rows; made of numbers alone. */
const char *increment_condition(struct arena *a, const struct increment *i);

/* SQL: how many transactions before `next` (at least 1), a text of SQL that is a bigint, an xid lies. */
const char *increment_distance(struct arena *a, const char *xid, const char *next);

/* Where the next increment begins, and of what. */
struct increment_cursor {
	uint64_t system;          /* pg_control_system().system_identifier */
	uint32_t timeline;        /* of its write-ahead log */
	uint32_t database, table; /* object ids */
	uint64_t rows;            /* digest of what chooses the rows that its caller sees */
	uint64_t from;
	int64_t made_us; /* since 1970: makes each cursor another, also where nothing has happened in between */
	const char *key; /* of the table */
};

/*
 * As text: base64url of, integers little endian, version (1 byte: 1), system (8), timeline, database, table (4 each), rows,
 * from, made_us (8 each), the key's bytes, and the first 8 bytes of the SHA-256 of all before. Nothing in it is secret, and
 * whoever makes one up gets no row but those that they may have; the digest is against damage.
 */
const char *increment_cursor_write(struct arena *a, const struct increment_cursor *c);

/* ERR_BAD_REQUEST when the text is no cursor. The key is in the arena. */
int increment_cursor_read(
	struct arena *a, const char *text, struct increment_cursor *c, struct err *e);

#endif
