/*
 * Pages: a table cut by ranges of its key, so that pages can be fetched one by one or side by side
 * and together hold every row once.
 *
 * Integer keys: equal segments of MIN..MAX, half-open but for the last, which ends with MAX. Text,
 * uuid, date and timestamp keys: bounds read from the data, so that the pages have about equal
 * rows. The last page also takes the rows whose key is NULL, where the key can be. Bounds are
 * closed at MIN and MAX: rows with keys outside of them, inserted later, belong to none of these
 * pages.
 *
 * The bounds travel as an opaque token, so that every page asked with it tiles the same range. This
 * file knows SQL text and parameters, no connection: the caller runs the statements, in a session
 * with DateStyle ISO, TimeZone UTC and client encoding UTF8.
 */
#ifndef SLUICE_QUERY_PAGE_H
#define SLUICE_QUERY_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/rows/batch.h"
#include "lib/rows/statement.h"

enum {
	PAGE_TOTAL_MAX = 500,
	PAGE_TOKEN_MAX = 6000 /* characters; what fits a request line with room to spare */
};

enum page_kind { PAGE_INTEGER, PAGE_TEXT, PAGE_UUID, PAGE_DATE, PAGE_TIMESTAMP, PAGE_TIMESTAMPTZ };

struct page_key {
	const char *table;  /* quoted, qualified: "public"."users" */
	const char *column; /* quoted: "user_id" */
	const char *type;   /* of the parameters: bigint, text, bpchar, uuid … */
	enum page_kind kind;
	bool nullable;
	int64_t rows;              /* the planner's estimate; -1 unknown */
	int64_t blocks;            /* the same; 0 unknown, or cannot be sampled: a view */
	const char *tenant_column; /* SQL: only rows of this tenant count; NULL: all */
	const char *tenant;
};

/* Page i (from 1) begins with values[i-1] and ends before values[i], the last page with
 * values[total] included. Where two neighbours are equal, the page between them is empty unless
 * it is the last. */
struct page_bounds {
	int32_t total;       /* pages, 1 .. PAGE_TOTAL_MAX */
	bool empty;          /* no row has a key: every page but the last is empty */
	const char **values; /* total + 1 texts; NULL when empty */
};

struct page_predicate {
	const char *sql; /* stands alone or between ANDs */
	const char *params[2];
	size_t params_n;
};

/* Is the SQL type (format_type's spelling without modifiers: "bigint", "character varying") one
 * that can be paged by? Sets kind and type. */
bool page_key_type(const char *sql_type, struct page_key *key);

/* The statement that reads the bounds. Its result is one row of utf8 columns: MIN, MAX, and, for
 * kinds that are not integers, the inner bounds in order as a JSON array of strings (NULL when
 * there are none). From 200,000 rows on, as key->rows says, the inner bounds come from a sample. */
void page_bounds_statement(
	struct arena *a, const struct page_key *key, int32_t total, struct statement *out);

/* result: that one row, borrowed for the call. ERR_DATABASE when it has another shape. */
int page_bounds_read(struct arena *a, const struct page_key *key, int32_t total,
	const struct batch *result, struct page_bounds *out, struct err *e);

/* The bounds of an integer key from its MIN and MAX, min <= max. */
void page_bounds_integer(
	struct arena *a, int64_t min, int64_t max, int32_t total, struct page_bounds *out);

/* The condition that selects page 1 .. b->total. first: the number of the predicate's first
 * parameter. A page that is empty for certain reads `false` and has no parameters. */
void page_predicate(struct arena *a, const struct page_key *key, const struct page_bounds *b,
	int32_t page, int first, struct page_predicate *out);

/* The token holds the bounds, tied to the table, key and number of pages. Reading it gives back
 * exactly what was written. Writing fails with ERR_UNPROCESSABLE when it would be longer than
 * PAGE_TOKEN_MAX (long text keys): the text says to ask for fewer pages. Reading fails with
 * ERR_BAD_REQUEST when the token is damaged or was made for another table, key or number of
 * pages. The token is not a secret from, nor proof against, who holds it: whatever it says, its
 * bounds are values of the key's type. It shows some keys, so it goes only to who may read the
 * column. */
int page_token_write(struct arena *a, const struct page_key *key, const struct page_bounds *b,
	const char **token, struct err *e);
int page_token_read(struct arena *a, const struct page_key *key, int32_t total, const char *token,
	struct page_bounds *out, struct err *e);

#endif
