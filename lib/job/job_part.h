/*
 * Making one part of an export, in a process of its own: its rows are read under the snapshot that all parts share, into a file
 * that gets its name when it is whole.
 */
#ifndef SLUICE_JOB_JOB_PART_H
#define SLUICE_JOB_JOB_PART_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/export/reading.h"
#include "lib/job/job_request.h"
#include "lib/job/stage_file.h"
#include "lib/query/page.h"

struct part_task {
	struct reading_by by; /* id: of the job */
	const struct job_request *request;
	const struct increment *increment; /* or NULL */
	const struct page_key *key;        /* the range of the key; NULL: the whole query */
	const struct page_bounds *bounds;
	int32_t number; /* from 1: the range, and the file */
	bool is_joined; /* it becomes a part of one file with others: it passes (stage_file.h) */
	bool is_later;  /* of these, not the first: it has no header */
};

/* What a part's process tells, in memory that it shares with who waits for it. */
struct part_seen {
	_Atomic uint64_t rows;    /* so far */
	_Atomic uint64_t counted; /* bytes written so far */
	_Atomic bool is_under;    /* it has the snapshot */
	char sha256[DIGEST_HEX];  /* of the file, once it is whole */
	uint64_t bytes;
	struct err err; /* of what failed; ERR_NONE: it is whole */
};

/* Make the part; connects by itself. The file has its name once this is 0. */
int part_make(
	const struct part_task *t, struct stage_job *stage, struct part_seen *seen, struct err *e);

#endif
