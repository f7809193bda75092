/*
 * A file of an export that was run as a job, as file_send sends it.
 */
#ifndef SLUICE_WEB_JOB_FILE_H
#define SLUICE_WEB_JOB_FILE_H

#include "lib/job/job_download.h"
#include "lib/web/app.h"
#include "lib/web/file_send.h"

/* Borrows the strings of f. */
struct served_file job_file_served(const struct app *app, const struct job_download *f);

/* What the audit is to know of a request for the file: whose rows they are, of which table, in which format, and what
 * for, where it does not say so itself. Borrows the strings.
 * The request's principal is of the file's tenant from then on, where it was of none. */
void job_file_audit(struct request *rq, const struct job_download *f);

#endif
