/*
 * Draft: a file of the stage that has no final name yet; see stage_file.h.
 */
#ifndef SLUICE_JOB_STAGE_DRAFT_H
#define SLUICE_JOB_STAGE_DRAFT_H

#include "lib/job/stage_dir.h"

struct stage_draft {
	struct stage_job *job;
	int fd;                /* -1: none */
	char temp[STAGE_NAME]; /* its name as yet; "": none */
	uint64_t bytes;        /* written so far */
	uint64_t settled;      /* how many of them when the disk was last looked at */
	bool is_passing;       /* not brought to disk: it becomes a part of another soon */
};

int stage_draft_open(struct stage_draft *d, struct stage_job *j, struct err *e);

/* To be called before `len` more bytes are written: whether there is room on disk. From time to time it also tells the
 * kernel to begin to write, so that the fsync at the end does not wait for all. */
int stage_draft_room(struct stage_draft *d, size_t len, struct err *e);

/* Bring it to disk, unless it is passing, and give it its name; replaces what has that name. */
int stage_draft_name(struct stage_draft *d, const struct stage_name *name, struct err *e);

/* Gone, unless it was named; harmless the second time. */
void stage_draft_close(struct stage_draft *d);

#endif
