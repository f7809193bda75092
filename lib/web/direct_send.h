/*
 * Sending a direct job: the request for its download runs it, as a stream of rows (rows_send.h) with the rights of whoever
 * fetches it. While it is sent the job is running under a lease that is renewed about every second, which also tells of its being
 * canceled: the stream is broken off then, or answered with a problem when nothing has left. One that breaks off, for whatever
 * cause, leaves a job that has failed; that one, and one that has succeeded, can be fetched again.
 */
#ifndef SLUICE_WEB_DIRECT_SEND_H
#define SLUICE_WEB_DIRECT_SEND_H

#include "lib/job/job_direct.h"
#include "lib/web/app.h"
#include "lib/web/response.h"

/* Answers the request. ERR_CONFLICT, with Retry-After, while another request has it. A HEAD runs and claims nothing. */
int direct_send(struct app *app, struct response *rs, const struct job_direct *job, struct err *e);

#endif
