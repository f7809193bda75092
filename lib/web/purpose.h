/*
 * Purpose: what the caller says the data is for, in the header Sluice-Purpose: up to 200 characters
 * of UTF-8 without control characters. It stands in the audit, and some tables are not given
 * without one (tables.*.purpose).
 */
#ifndef SLUICE_WEB_PURPOSE_H
#define SLUICE_WEB_PURPOSE_H

#include "lib/web/request.h"

/* Fills rq->audit.purpose: NULL where there is no header, or nothing in it. ERR_BAD_REQUEST when it
 * is not of the form. */
int purpose_read(struct request *rq, struct err *e);

#endif
