/*
 * Format options as query parameters, for every route that has them.
 */
#ifndef SLUICE_WEB_OPTION_PARAMS_H
#define SLUICE_WEB_OPTION_PARAMS_H

#include "lib/format/format.h"
#include "lib/web/request.h"

/* ERR_BAD_REQUEST when there is a parameter that is neither in the NULL-terminated list nor an
 * option of some format. (option_params_read tells whether it is one of this.) */
int option_params_check(const struct request *rq, const char *const names[], struct err *e);

/* Whether a parameter of that name is in the list, or an option of some format. */
bool option_params_knows(const char *const names[], const char *name);

/* The options that the request asks of the format, as format_options_read has them; free with
 * format_options_free, also after a failure. `own` is a parameter that is the route's here and no
 * option, or NULL. */
int option_params_read(struct request *rq, const struct format_type *type, const char *own,
	struct format_options *options, struct err *e);

#endif
