/*
 * What the files of the stage share among themselves; see stage.h.
 */
#ifndef SLUICE_JOB_STAGE_DIR_H
#define SLUICE_JOB_STAGE_DIR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "lib/base/random.h"
#include "lib/job/stage.h"

struct stage {
	int jobs;           /* the directory stage.dir/jobs */
	bool is_shared;     /* with stage.dir's group */
	uid_t owner;        /* stage.dir's */
	gid_t group;        /* the same */
	uint64_t max_bytes; /* of a job */
	uint64_t budget;    /* bytes of all; 0: any */
};

struct stage_shared {             /* with forked processes */
	_Atomic uint64_t bytes;   /* written so far */
	_Atomic int64_t until_us; /* monotonic, the end of the lease; 0: not said */
};

struct stage_job {
	struct stage *stage;
	int dir;
	uint64_t fence;
	struct stage_shared *shared;
	_Atomic uint64_t *own; /* of the bytes, this process's; NULL: not told apart */
};

enum { STAGE_NAME = 64 };
#define STAGE_TEMP ".tmp" /* how the names of half-written files end */

void stage_file_name(const struct stage_name *name, char out[STAGE_NAME]);

/* Give a new file, or a directory, the mode and group of the stage; -1 with errno. */
int stage_share(const struct stage *st, int fd);

/* ERR_DISK with errno as its cause. */
int stage_failed(struct err *e, const char *call);

/* Call `visit` for each entry of the directory, links unfollowed, until it returns other than 0. Entries that vanish
 * meanwhile are passed over. Returns what it returned last, or -1 with errno. */
typedef int stage_visit(void *arg, int dir, const char *name, const struct stat *st);
int stage_each(int dir, stage_visit *visit, void *arg);

/* Remove what bears that name, a whole tree if it is one; adds to *swept. -1 with errno. */
int stage_remove_tree(int dir, const char *name, struct stage_swept *swept);

/* The same for a file alone. */
int stage_remove_file(int dir, const char *name, uint64_t bytes, struct stage_swept *swept);

#endif
