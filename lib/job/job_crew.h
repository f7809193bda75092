/*
 * Crew: the processes that make a job's parts, as their leader has them. One that is lost, or that the database broke off, is made
 * again, three times at most, and the job's notes say so; those that are whole are recorded.
 */
#ifndef SLUICE_JOB_JOB_CREW_H
#define SLUICE_JOB_JOB_CREW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/job/job_hold.h"
#include "lib/job/job_part.h"
#include "lib/job/stage.h"

/* A part that is made, or waits for it. */
struct part {
	pid_t pid; /* 0: no process has it */
	int tries;
	bool is_done;
	bool is_sure;       /* that its snapshot is the leader's */
	int64_t due_us;     /* monotonic, not begun before */
	int64_t stopped_us; /* monotonic, since when its process does nothing; 0: it does */
	struct part_task task;
	struct part_seen *seen; /* shared with its process */
};

/* A zeroed struct has nobody. */
struct crew {
	struct job_hold hold;
	struct stage_job *stage;
	struct source *source; /* the leader's, in the transaction whose snapshot the parts share */
	struct page_bounds bounds;
	int64_t parallel; /* as many at once */
	struct part *parts;
	struct part_seen *seen; /* n of them, mapped */
	size_t n;
};

/* Make room for n parts; the tasks are the caller's to fill in. */
int crew_hire(struct crew *c, struct arena *a, size_t n, struct err *e);

/* Take what has ended, begin what can be begun, in the order of the key. -1: the job cannot go on. */
int crew_look(struct crew *c, struct err *e);

/* Until a process has ended, or it is time to look. */
void crew_pause(void);

/* Add how far the parts are. */
void crew_progress(const struct crew *c, struct job_progress *p);

/* End all; whoever is deaf, after some seconds, by force. */
void crew_stop(struct crew *c);
void crew_close(struct crew *c);

#endif
