#include "lib/job/job_state.h"

#include <string.h>

static const char *const names[JOB_STATES_N] = { "queued", "running", "succeeded", "failed",
	"canceled", "expired" };

const char *job_state_name(enum job_state s)
{
	return names[s];
}

enum job_state job_state_read(const char *name)
{
	int s = 0;

	while (s < JOB_STATES_N && strcmp(names[s], name) != 0)
		s++;
	return (enum job_state)s;
}
