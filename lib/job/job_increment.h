/*
 * The increment of a job that asks for one: found by the leader in the transaction that the parts share, waited for before
 * the job ends.
 */
#ifndef SLUICE_JOB_JOB_INCREMENT_H
#define SLUICE_JOB_JOB_INCREMENT_H

#include "lib/export/increment.h"
#include "lib/job/stage_file.h"

/* Wait until the server's log holds on its disk all that the next cursor counts on; what waits calls `pulse` now and then. *at
 * is the leader's session, whose transaction is ended. ERR_UNAVAILABLE when it takes too long. */
int job_increment_settle(const struct visitor *v, struct source **at,
	const struct increment_found *found, const struct stage_pulse *pulse, struct err *e);

#endif
