/*
 * sluice purge: for requests of erasure.
 */
#ifndef SLUICE_CGI_PURGE_H
#define SLUICE_CGI_PURGE_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/settings.h"

struct purged { /* how many */
	int64_t exports, schedules;
};

/* Remove all schedules and exports of a subject, or of a tenant; one of them is NULL. Audited; where audit.required says so, nothing is
 * removed while no line can be written. -1 too when only the line failed. */
int purge(const struct settings *s, const char *subject, const char *tenant, struct purged *n,
	struct err *e);

#endif
