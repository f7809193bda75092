/*
 * Pages of a list that is sorted by when things were made, newest first. A page token is base64url of "MICROSECONDS:ID", when
 * and as what the page's last one was made, so that what is made while somebody pages through shifts nothing.
 */
#ifndef SLUICE_JOB_LIST_PAGE_H
#define SLUICE_JOB_LIST_PAGE_H

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"

struct pg_result;

/* Digits of microseconds since 1970, exact as a double (2^53) until the year 2255. */
enum { LIST_PAGE_DIGITS = 16 };

struct list_place {
	char us[LIST_PAGE_DIGITS + 1];
	char id[UUID_TEXT];
};

/* ERR_BAD_REQUEST when the token is none. */
int list_page_read(const char *token, struct list_place *p, struct err *e);

/* Append {"NAME":[…],"nextPageToken":…}, at most `limit` of the rows: each is a JSON object, the microseconds and id of its place,
 * and how many there would be but for LIST_PAGE_SHORT, one more than `limit` where there is a next page. */
void list_page_put(struct buf *json, const char *name, const struct pg_result *r, int limit);

/* In SQL, where the list goes on: by parameters with the place, NULL at the first page. */
#define LIST_PAGE_BEHIND(us, id)                                                                   \
	"(created, id) < (CASE WHEN " us "::bigint IS NULL THEN timestamptz 'infinity' ELSE"       \
	" timestamptz 'epoch' + " us "::bigint * interval '1 microsecond' END,"                    \
	" coalesce(" id "::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))"
/* What people have asked for may be long: behind so many bytes of it (`column`) a page ends before its limit. Around the rows of
 * the page, in their order; the place is then read from the outcome. */
#define LIST_PAGE_SHORT(column, rows)                                                              \
	"(SELECT *, count(*) OVER () AS found, sum(octet_length(" column "::text))"                \
	" OVER (ORDER BY created DESC, id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"  \
	" AS before FROM (" rows ") l)"
#define LIST_PAGE_ROOM  "coalesce(before, 0) < 4 * 1024 * 1024"
#define LIST_PAGE_PLACE "(extract(epoch FROM created) * 1000000)::bigint, id, found"
#define LIST_PAGE_ORDER "ORDER BY created DESC, id DESC"

#endif
