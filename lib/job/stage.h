/*
 * Stage: the files of jobs, below stage.dir.
 *
 *	stage.dir/jobs/ID/part-0001.7     a part that was made under the job's lease number 7
 *	stage.dir/jobs/ID/file-1.7        what its owner downloads
 *	stage.dir/jobs/ID/….tmp           being written, where the file system knows no files without a name
 *
 * A file has its name only when it is whole and on disk (stage_file.h). The lease number (the fence) is part of the
 * name, so that a worker that slept past its lease writes beside what its successor writes, and into nothing that was
 * recorded. Names that callers give to files are for downloads and never come here.
 *
 * No symbolic link is followed below stage.dir. Removing what another removes at the same time is no
 * failure, and what counts as removed is what this call has removed.
 *
 * Who may read: files and directories are 0600 and 0700 whatever the umask, but 0640 and 0710 of stage.dir's group
 * where that directory may be passed by its group and by nobody else (0710, 0750). So an administrator who gives it the
 * web server's group lets the web server send the files. The process must be a member of it. What root makes is given to the owner of stage.dir.
 *
 * Failures are ERR_DISK unless said otherwise.
 */
#ifndef SLUICE_JOB_STAGE_H
#define SLUICE_JOB_STAGE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/settings.h"

struct stage;
struct stage_job;

enum stage_kind { STAGE_PART, STAGE_FILE };

struct stage_name {
	enum stage_kind kind;
	unsigned n;     /* from 1 on */
	uint64_t fence; /* of the lease it was made under */
};

enum { STAGE_PATH = 128 };

/* Makes stage.dir/jobs where it is missing. Takes from the settings what it needs. */
struct stage *stage_open(const struct settings *s, struct err *e);

/* The same for those who make nothing. ERR_NOT_FOUND: nobody has made stage.dir/jobs yet. */
struct stage *stage_find(const struct settings *s, struct err *e);
void stage_close(struct stage *st);

/* The file's path below stage.dir: "jobs/ID/file-1.7". */
void stage_path(const char *job, const struct stage_name *name, char path[STAGE_PATH]);

/* Open a file to read it, by such a path: its descriptor, and its bytes. ERR_NOT_FOUND when there is none by that path, and
 * for any other path. */
int stage_read(struct stage *st, const char *path, uint64_t *bytes, struct err *e);

/* ---- of one job */

struct stage_entry {
	const char *name; /* without the directory */
	uint64_t bytes;
};

/* What lies in the job's directory, in no order, in the arena: how many, 0 when there is no directory. */
ssize_t stage_list(struct stage *st, const char *job, struct arena *a, struct stage_entry **entries,
	struct err *e);

/* Remove the job's directory and all in it; harmless when there is none. Whoever still writes there fails. */
int stage_remove(struct stage *st, const char *job, struct err *e);

/* For those who write under a lease: its directory, which is made where it is missing. The bytes that count against
 * jobs.max_bytes are 0 at first, and are counted together with processes forked later. */
struct stage_job *stage_job_open(struct stage *st, const char *job, uint64_t fence, struct err *e);
void stage_job_close(struct stage_job *j);

/* The lease lasts until then (monotonic): nothing gets a final name after that (ERR_CONFLICT), here and in processes forked
 * before or later. Not set: it lasts. */
void stage_job_until(struct stage_job *j, int64_t until_us);

/* A process that may be killed counts what it has written in *own too, in memory shared with whoever then takes it back
 * from the bytes of the job. */
void stage_job_count_in(struct stage_job *j, _Atomic uint64_t *own);
void stage_job_uncount(struct stage_job *j, uint64_t bytes);

/* Remove everything but these files, which need not be there: what earlier attempts left. What was made under a later lease
 * is another's, and stays. The bytes of the job are then those of the files that were named. Due at the begin of an
 * attempt and at its end. */
int stage_job_keep(struct stage_job *j, const struct stage_name *names, size_t n, struct err *e);

/* Remove what was made under this lease: due when it turns out to have passed. */
int stage_job_discard(struct stage_job *j, struct err *e);

/* ---- of all jobs */

/* The bytes of all files. */
int stage_used(struct stage *st, uint64_t *bytes, struct err *e);

enum { STAGE_LITTER_S = 3600 }; /* age of what is certainly nobody's */

struct stage_swept {
	size_t dirs;    /* of no job */
	size_t files;   /* in them, and half-written ones elsewhere */
	uint64_t bytes; /* of those */
};

/* Remove what is of none of these jobs, and files that nobody writes any more, if it has not changed for STAGE_LITTER_S.
 * The list must hold every job whose files are still wanted: one that could not be read whole is no list.
 * Goes on after a failure, and tells the first. */
int stage_sweep(struct stage *st, const char *const *jobs, size_t n, struct stage_swept *swept,
	struct err *e);

#endif
