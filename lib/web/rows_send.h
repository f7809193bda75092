/*
 * Sending rows: a planned query as a stream in a format, noted as an export.
 *
 * Up to the first batch of rows a failure is answered with a problem; after it the transfer is
 * broken off.
 */
#ifndef SLUICE_WEB_ROWS_SEND_H
#define SLUICE_WEB_ROWS_SEND_H

#include "lib/source/source.h"
#include "lib/web/app.h"
#include "lib/web/response.h"
#include "lib/web/rows_ask.h"
#include "lib/web/rows_plan.h"

/* The source is in the transaction that the plan was made in, and in none afterwards. */
int rows_send(struct app *app, struct response *rs, const struct rows_ask *ask,
	const struct rows_plan *plan, struct source *source, struct err *e);

#endif
