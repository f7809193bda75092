/*
 * Running one job: from its claim to its end.
 *
 * The process that holds the lease leads: it finds the rights of whoever asked anew, opens a transaction whose snapshot
 * the parts are read under, cuts the query into ranges of the key, and has each made by a process of its own
 * (job_part.h), as many at once as were asked for. It keeps the lease alive while it waits for them. A part whose process dies is made again while the
 * leader lives; when the leader dies, its parts die with it and the job begins anew under another snapshot, which
 * its notes say.
 *
 * Parts of formats that can be joined (CSV, TSV, NDJSON; as they are, or as gzip or zstd) become one file; of the others
 * each is a file.
 */
#ifndef SLUICE_JOB_JOB_RUN_H
#define SLUICE_JOB_JOB_RUN_H

#include "lib/base/err.h"
#include "lib/base/settings.h"
#include "lib/job/job_queue.h"
#include "lib/job/stage.h"

struct job_runner {
	const struct settings *settings;
	struct job_queue *queue;
	struct stage *stage;
	const uint8_t *mask_key; /* SECRET_KEY_BYTES */
};

/* What became of it is noted with the job; *became. -1 only when that could not be noted (the lease was lost, the database is
 * gone): what was made under it has been removed. SIGCHLD must be blocked. */
int job_run(
	struct job_runner *r, const struct job_claimed *c, enum job_state *became, struct err *e);

#endif
