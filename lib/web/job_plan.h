/*
 * Job plan: a request for an export, checked before a job is made of it, so that what is wrong with it is told now and not
 * by a job that fails. Whether it has too many rows is found out only when it runs.
 */
#ifndef SLUICE_WEB_JOB_PLAN_H
#define SLUICE_WEB_JOB_PLAN_H

#include <stdint.h>

#include "lib/base/random.h"
#include "lib/access/secret_key.h"
#include "lib/export/table.h"
#include "lib/job/job_request.h"
#include "lib/query/compile.h"
#include "lib/web/app.h"
#include "lib/web/request.h"

struct job_plan {
	struct app *app;
	struct request *rq;
	struct job_request request;
	struct source *source;
	struct table table; /* with the caller's rights */
	struct scope scope;
	struct compile compile;
	int64_t estimated_rows; /* -1: not to be told */
};

enum { JOB_PLAN_PAYLOAD = 2 * SECRET_KEY_BYTES + 1 };

/* Read the text, which must outlive the plan, and look whether the request's caller may have what it asks for. The request's
 * table and what the audit has of it are set, also after a failure. -1 with *pointer where in the text the fault is, or NULL. Free with
 * job_plan_free, also after a failure. app and rq are borrowed. */
int job_plan_open(struct job_plan *p, struct app *app, struct request *rq, const char *json,
	size_t len, const char **pointer, struct err *e);
void job_plan_free(struct job_plan *p);

/* {"subject","issuer","claims","purpose"}: what the rights are found by when it runs. In the request's arena. */
const char *job_plan_principal(struct request *rq);

/* Of what is asked for, what for, by a subject of which issuer, and with which rights on every table of it, in hexadecimal. */
void job_plan_payload(
	const struct job_plan *p, const char *json, size_t len, char hex[JOB_PLAN_PAYLOAD]);

/* Make the job of it, in the caller's name, with the request's Idempotency-Key: as job_create. json: as opened. A payload that
 * makes a direct job is none of another. The audit is told the id. */
int job_plan_make(const struct job_plan *p, const char *json, size_t len, bool is_direct,
	char id[UUID_TEXT], struct err *e);

#endif
