/*
 * Job download: a file of an export that was run as a job, as it is downloaded (etc/schema/, sluice.job_files).
 */
#ifndef SLUICE_JOB_JOB_DOWNLOAD_H
#define SLUICE_JOB_JOB_DOWNLOAD_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

struct metadata;

enum { JOB_DOWNLOAD_ONLY = 0 }; /* in place of a number: the file of a job that has one */

struct job_download {
	const char *path; /* below stage.dir */
	const char *name; /* as downloaded */
	const char *media;
	const char *sha256; /* 64 hexadecimal digits */
	uint64_t bytes;
	int64_t ended; /* the job, seconds since 1970 */

	/* for the audit; of a job that is there also after a failure */
	const char *tenant;  /* of its owner; NULL: none */
	const char *table;   /* key, as it was asked for */
	const char *format;  /* the same */
	const char *purpose; /* that it was asked for with; NULL: none */

	/* whose rights it was made with; the same */
	const char *principal; /* JSON, as of struct job_wanted */
	const char *request;   /* JSON (job_request.h) */
	const char *
		rights; /* JSON: by key of table, what they were (rights_json.h); NULL: not known */
};

/* job: a UUID; subject: its owner, or NULL for anybody's; n: from 1. The strings live in the arena.
 * ERR_NOT_FOUND: no such job, or no such file: a direct one has none. ERR_EARLY: the job is not done. ERR_CONFLICT: it has
 * failed or was canceled. ERR_GONE: its files have expired. ERR_UNPROCESSABLE: JOB_DOWNLOAD_ONLY of several. */
int job_download_read(struct metadata *m, struct arena *a, const char *job, const char *subject,
	int n, struct job_download *out, struct err *e);

#endif
