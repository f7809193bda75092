/*
 * Job rights: who may have a file of a job. It holds what its owner might see when it was made; so it is given to those alone to
 * whom the configuration gives all of that now, in the name of the same issuer, and by a link for as long as it gives that to its
 * owner's claims.
 */
#ifndef SLUICE_WEB_JOB_RIGHTS_H
#define SLUICE_WEB_JOB_RIGHTS_H

#include "lib/job/job_download.h"
#include "lib/web/app.h"
#include "lib/web/request.h"

/* f: as read, with success or without, of a job that is there. caller: who takes the file, or NULL: whoever has its owner's link.
 * ERR_FORBIDDEN; of a link ERR_GONE. */
int job_rights_check(const struct app *app, struct arena *a, const struct job_download *f,
	const struct principal *caller, struct err *e);

#endif
