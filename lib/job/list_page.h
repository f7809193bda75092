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

/* Append {"NAME":[…],"nextPageToken":…}, at most `limit` of the rows, which are one more where there is a next page: each is a
 * JSON object, and the microseconds and id of its place. */
void list_page_put(struct buf *json, const char *name, const struct pg_result *r, int limit);

/* In SQL, where the list goes on: by parameters with the place, NULL at the first page. */
#define LIST_PAGE_BEHIND(us, id)                                                                   \
	"(created, id) < (CASE WHEN " us "::bigint IS NULL THEN timestamptz 'infinity' ELSE"       \
	" timestamptz 'epoch' + " us "::bigint * interval '1 microsecond' END,"                    \
	" coalesce(" id "::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))"
#define LIST_PAGE_PLACE "(extract(epoch FROM created) * 1000000)::bigint, id"
#define LIST_PAGE_ORDER "ORDER BY created DESC, id DESC"

#endif
