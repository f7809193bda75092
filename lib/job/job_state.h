/*
 * The states of a job (etc/schema/0005_jobs.sql). A change that is none of these is refused by the database, whoever makes it:
 *
 *	queued     to running, canceled, expired
 *	running    to succeeded, failed, canceled; or to queued: it is tried again
 *	succeeded  to expired
 *
 * A direct job also goes from succeeded and failed to running (etc/schema/0009_direct.sql): it is run whenever it is fetched.
 *
 * What is told of a job does not wait for whoever writes it down: a running one whose lease has passed waits for another worker,
 * and of one whose time is up there is nothing to be had any more.
 */
#ifndef SLUICE_JOB_JOB_STATE_H
#define SLUICE_JOB_JOB_STATE_H

/* The state of a row of sluice.jobs as it is told. */
#define JOB_SHOWN                                                                                  \
	"CASE WHEN expires <= now() AND (state IN ('queued', 'succeeded')"                         \
	"  OR (state = 'running' AND lease_until <= now())) THEN 'expired'"                        \
	" WHEN state = 'running' AND lease_until <= now() THEN 'queued' ELSE state END"

enum job_state {
	JOB_QUEUED,
	JOB_RUNNING,
	JOB_SUCCEEDED,
	JOB_FAILED,
	JOB_CANCELED,
	JOB_EXPIRED,
	JOB_STATES_N
};

/* As in the API and the database. */
const char *job_state_name(enum job_state s);

/* JOB_STATES_N: there is none of that name. */
enum job_state job_state_read(const char *name);

#endif
