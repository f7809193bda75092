/*
 * Files of a job while they are made (stage.h says where).
 *
 * A file is written where nobody sees it: without a name (O_TMPFILE), or under one that ends in .tmp where the
 * file system knows no such files. When it is whole it is brought to disk (fsync), then named, then its
 * directory is brought to disk. A process that dies at any moment leaves the whole file or none under that name.
 *
 * Failures:
 *	ERR_TOO_LARGE   the job's files would be larger than jobs.max_bytes; another attempt would not help
 *	ERR_DISK        the disk is nearly full, jobs.budget is used up, a write failed
 *	ERR_NOT_FOUND   the job's directory was removed meanwhile
 *	ERR_CONFLICT    the lease has passed
 */
#ifndef SLUICE_JOB_STAGE_FILE_H
#define SLUICE_JOB_STAGE_FILE_H

#include "lib/job/stage.h"
#include "lib/sink/digest.h"

/* A digest sink (digest.h) that writes the n-th part or file of the lease's: after finish it is there whole, and replaces one of
 * that name. A passing one is joined with others soon, and is brought to disk with them. The job must outlive it. NULL: the failure
 * is in *e. */
struct sink *stage_file_new(
	struct stage_job *j, enum stage_kind kind, unsigned n, bool is_passing, struct err *e);

struct stage_part {
	struct stage_name name;
	uint64_t bytes;     /* as recorded when it was made: it must have so many still */
	const char *sha256; /* hex, as recorded */
};

struct stage_joined {
	uint64_t bytes;
	char sha256[DIGEST_HEX];
};

/* Called between pieces of a few megabytes, to keep the lease alive; other than 0 ends the work, with its *e. */
struct stage_pulse {
	int (*beat)(void *arg, struct err *e);
	void *arg;
};

/* The n-th file of the lease, put together of parts_n parts (1 or more) in the order in which they are added: they may be added
 * while later ones are still being made. The first part itself grows into the file; the others are copied behind it by the
 * kernel, and removed once they are. The job's bytes stay what they were. */
struct stage_joining *stage_join_begin(struct stage_job *j, size_t parts_n);

/* pulse may be NULL. After a failure nothing more can be added, and some parts are gone. */
int stage_join_add(struct stage_joining *g, const struct stage_part *part,
	const struct stage_pulse *pulse, struct err *e);

/* All have been added: bring it to disk, which may take long, and give it its name. */
int stage_join_end(struct stage_joining *g, unsigned n, const struct stage_pulse *pulse,
	struct stage_joined *out, struct err *e);

/* Unless it has its name, it is removed. NULL is let be. */
void stage_join_free(struct stage_joining *g);

#endif
