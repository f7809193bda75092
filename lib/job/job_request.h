/*
 * Job request: what an export as a job is to be, as JSON:
 *
 *	{ "queryDefinition": { … },            a definition (lib/query/definition.h) without page, count and validateOnly
 *	  "format": "csv",                     needed
 *	  "compression": "gzip", "level": 1,   none unless it is said
 *	  "options": { "delimiter": ";" },     of the format, as in a URL (lib/format/options.h)
 *	  "fileName": "users of today",        as downloaded, without what its format and compression add; else the table's key
 *	  "parallel": 2,                       connections that parts are read by, 1 to JOB_PARALLEL_MAX; 1
 *	  "expiresIn": "7d",                   how long its files are kept, at most jobs.keep; jobs.keep
 *	  "since": "start" }                   the rows so far, with the cursor of what comes after them; or such a
 *	                                       cursor (lib/query/increment.h); all rows, without one
 *
 * It is read when the job is created, so that what is wrong is told then, and again by whoever runs it.
 */
#ifndef SLUICE_JOB_JOB_REQUEST_H
#define SLUICE_JOB_JOB_REQUEST_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/settings.h"
#include "lib/format/format.h"
#include "lib/query/query.h"
#include "lib/sink/compress.h"

enum {
	JOB_PARALLEL_MAX = 16,
	JOB_NAME_MAX = 200 /* characters of fileName */
};

struct job_request {
	struct query query;
	const struct format_type *format;
	struct format_options options;
	const struct compress_type *compress; /* NULL: none */
	int level;
	const char *file_name; /* with its suffixes; no '/', no control characters */
	int64_t parallel;
	int64_t keep_us;
	const char *since; /* INCREMENT_START or a cursor; NULL: not asked for */
};

/* Everything but the options lives in the arena, which json must outlive. ERR_BAD_REQUEST, and *pointer where. Free with
 * job_request_free, also after a failure. */
int job_request_read(struct arena *a, const struct settings *s, const char *json, size_t len,
	struct job_request *out, const char **pointer, struct err *e);
void job_request_free(struct job_request *r);

/* Of its files. */
const char *job_request_media(const struct job_request *q);

/* Of the file at i, from 0, of n: "users.csv" of one; "users-2.parquet" of several. In the arena, or the request's. */
const char *job_request_file_name(struct arena *a, const struct job_request *q, size_t i, size_t n);

#endif
