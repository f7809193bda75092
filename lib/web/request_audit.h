/*
 * What the audit (lib/job/audit.h) is told about a request. The route begins it, the handler may
 * say more in rq->audit, and the line is written when the answer has been sent.
 */
#ifndef SLUICE_WEB_REQUEST_AUDIT_H
#define SLUICE_WEB_REQUEST_AUDIT_H

#include "lib/web/route.h"

/* From now on the request leaves a line. Of the table too that it asks for and is refused. */
void request_audit_begin(const struct app *app, const struct route *r, struct request *rq);

/* Whether the value of a parameter may be kept: it is about no column that is masked or a
 * tenant's. */
typedef bool request_audit_shows(const void *of, const char *param);

/* The parameters of the query as a JSON object, or NULL where there are none. Values of options and
 * of what is known to hold none of the table's are shown; of the others those that `shows` says may
 * be (NULL: none), else "***". */
const char *request_audit_params(struct request *rq, request_audit_shows *shows, const void *of);

/* After the request was released. A line that cannot be written is a warning in the log, and an
 * error with audit.required. */
void request_audit_end(
	struct app *app, const struct request *rq, const struct response *rs, const struct err *e);

#endif
