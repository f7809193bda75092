/*
 * Audit rows: the result of one statement about sluice.audit, row by row, however long it is.
 */
#ifndef SLUICE_JOB_AUDIT_ROWS_H
#define SLUICE_JOB_AUDIT_ROWS_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/settings.h"

struct pg_result;

/* Gets each row, as a result of one; false: enough. */
typedef bool audit_rows_take(void *to, struct pg_result *row);

/* On a session of its own, with text parameters. ERR_BAD_REQUEST when a parameter is no time, else
 * ERR_DATABASE or ERR_UNAVAILABLE; rows may have been taken by then. */
int audit_rows(const struct settings_database *db, const char *sql, const char *const *params,
	int n, audit_rows_take *take, void *to, struct err *e);

#endif
