/*
 * Direct jobs, as who fetches one finds them: a direct job is run by the request for its download, whenever there is one
 * (job_claim with its id), and leaves no files.
 */
#ifndef SLUICE_JOB_JOB_DIRECT_H
#define SLUICE_JOB_JOB_DIRECT_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

struct metadata;

struct job_direct {
	const char *id;
	const char *request; /* JSON (job_request.h) */
	const char *purpose; /* as said when it was asked for; NULL: none */
	bool is_running;     /* another request has it */
};

/* job: a UUID; subject: its owner. 1, the strings in the arena; 0: there is no direct job by that id. ERR_GONE: its time is up.
 * ERR_CONFLICT: it was canceled. */
int job_direct_read(struct metadata *m, struct arena *a, const char *job, const char *subject,
	struct job_direct *out, struct err *e);

#endif
