/*
 * sluice purge: for requests of erasure.
 */
#ifndef SLUICE_CGI_PURGE_H
#define SLUICE_CGI_PURGE_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/settings.h"

/* Remove all exports of a subject, or of a tenant; one of them is NULL. *n: how many. Audited; where audit.required says so, nothing is
 * removed while no line can be written. -1 too when only the line failed. */
int purge(const struct settings *s, const char *subject, const char *tenant, int64_t *n,
	struct err *e);

#endif
