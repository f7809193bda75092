/*
 * Link store: what is kept about links to files of jobs (etc/schema/, sluice.links): which file, for how many uses, for whom,
 * and whether they still hold. That a link was given out here its token says (lib/access/link.h).
 */
#ifndef SLUICE_JOB_LINK_STORE_H
#define SLUICE_JOB_LINK_STORE_H

#include <stdint.h>

#include "lib/access/link.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"

struct metadata;

enum { LINK_ANY_USES = 0, LINK_USES_MAX = 1000000 };

struct link_new {
	const char *job; /* UUID */
	int file;        /* from 1 */
	const char *created_by;
	int64_t expires_s;   /* since 1970 */
	int uses;            /* LINK_ANY_USES, or up to LINK_USES_MAX */
	const char *address; /* of the client, or a network (192.0.2.0/24); NULL: any */
};

/* What is asked of a link. A use counts when it is taken, so that is asked last, when the file is sure to be sent. */
enum link_how {
	LINK_LOOK, /* HEAD, and what ends without the file: uses nothing up */
	LINK_CONTINUE, /* a range behind the first byte: a use only for an address that has used the link never */
	LINK_TAKE /* the whole, or a range from the first byte on: a use */
};

struct link_target {
	char job[UUID_TEXT];
	int file;
	const char *created_by; /* in the arena */
};

/* Keep a new link; t: what to sign. ERR_NOT_FOUND: the job has no such file. ERR_UNPROCESSABLE: the address is none, or the
 * number of uses. */
int link_create(struct metadata *m, const struct link_new *l, struct link_token *t, struct err *e);

/* By the id of a token that holds. client: REMOTE_ADDR; NULL, or no address: it is not known. ERR_GONE: the link has expired, is
 * revoked or used up, or its file is no longer there. ERR_FORBIDDEN: it is not for that client. Of many at once no more
 * get through than there are uses. */
int link_use(struct metadata *m, struct arena *a, const char *id, const char *client,
	enum link_how how, struct link_target *out, struct err *e);

/* No longer, from now on; once more is no error. ERR_NOT_FOUND: the job has no such link. id: a UUID. */
int link_revoke(struct metadata *m, const char *job, const char *id, struct err *e);

/* The job's links, newest first, as a JSON array of {"id", "file", "createdAt", "createdBy", "expiresAt", "usesLeft", "address",
 * "state": "active", "expired", "revoked" or "used"}. */
int link_list(struct metadata *m, const char *job, struct buf *json, struct err *e);

#endif
