/*
 * Job rights: who may have a file of a job. It holds what its owner might see when it was made; so it is given to those alone who
 * may see all of that now, and to nobody once the configuration gives it to nobody of its owner's claims.
 */
#ifndef SLUICE_WEB_JOB_RIGHTS_H
#define SLUICE_WEB_JOB_RIGHTS_H

#include "lib/job/job_download.h"
#include "lib/web/app.h"
#include "lib/web/request.h"

/* f: as read with success. caller: who takes the file, or NULL: whoever has its owner's link. ERR_FORBIDDEN; of a link
 * ERR_GONE. */
int job_rights_check(const struct app *app, struct arena *a, const struct job_download *f,
	const struct principal *caller, struct err *e);

#endif
