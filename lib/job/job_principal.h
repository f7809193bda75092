/*
 * The principal of a job: who has asked for it, as it is kept with it: {"subject","issuer","claims":{…},"purpose"}.
 */
#ifndef SLUICE_JOB_JOB_PRINCIPAL_H
#define SLUICE_JOB_JOB_PRINCIPAL_H

#include "lib/access/principal.h"

/* With the grants that the settings give the claims now. *purpose: NULL where none was said. Everything lives in the arena.
 * ERR_INTERNAL when it is none; else as principal_read. */
int job_principal_read(const struct settings *s, struct arena *a, const char *json,
	struct principal *p, const char **purpose, struct err *e);

#endif
