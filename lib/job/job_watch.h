/*
 * Watching one job. Changes of its state are told at once; how far it is nobody tells, so whoever watches looks now and then
 * (job_read).
 */
#ifndef SLUICE_JOB_JOB_WATCH_H
#define SLUICE_JOB_JOB_WATCH_H

#include <stdbool.h>

#include "lib/base/err.h"

struct metadata;

struct job_watch {
	struct metadata *metadata; /* NULL: nobody watches */
	const char *id;            /* borrowed */
	bool is_told;
};

/* What is told from now on is heard by this session with the metadata database, for as long as that lasts
 * (metadata_session). To be ended, also after a failure: else what is told would pile up there. */
int job_watch_begin(struct job_watch *w, struct metadata *m, const char *id, struct err *e);
void job_watch_end(struct job_watch *w);

/* 1: something was told of the job; 0: nothing was for so long, or the process is to stop; -1: ERR_UNAVAILABLE. */
int job_watch_wait(struct job_watch *w, int timeout_ms, struct err *e);

#endif
