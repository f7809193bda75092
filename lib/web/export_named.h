/*
 * The export that a request's path names, {id} being its first capture.
 */
#ifndef SLUICE_WEB_EXPORT_NAMED_H
#define SLUICE_WEB_EXPORT_NAMED_H

#include "lib/web/app.h"
#include "lib/web/request.h"

/* ERR_NOT_FOUND when there are no exports as jobs, since there is nowhere to keep them. */
int export_need_metadata(const struct app *app, struct err *e);

/* The request has no parameters, there is a metadata database, and {id} is a UUID. Whether there is such an export is not asked. */
int export_named(const struct app *app, const struct request *rq, struct err *e);

#endif
