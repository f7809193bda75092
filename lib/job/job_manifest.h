/*
 * Job manifest: the manifest of an export that was run as a job, from what is kept of it (etc/schema/0005_jobs.sql).
 */
#ifndef SLUICE_JOB_JOB_MANIFEST_H
#define SLUICE_JOB_JOB_MANIFEST_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

struct metadata;

struct job_manifest_asked {
	const char *job;     /* a UUID */
	const char *subject; /* who asks */
	bool is_admin;       /* may ask for any job */
};

/* Append it; ranges of the key, which are values of rows, are told to the job's owner alone. It is there as long as the job is
 * shown, also when its files have expired: who has them still wants to check them.
 * ERR_NOT_FOUND: no such job, or it is another's, or direct. ERR_EARLY: the job is not done. ERR_CONFLICT: it has failed or was canceled.
 * ERR_GONE: it expired before it was run. */
int job_manifest_read(struct metadata *m, const struct job_manifest_asked *asked, struct buf *json,
	struct err *e);

#endif
