/*
 * Migrations: the SQL files, NNNN_name.sql, that bring the schema `sluice` of the metadata
 * database to what this version needs. Each is applied once, in the order of its number, in a
 * transaction of its own, and noted in sluice.migrations with the SHA-256 of its text.
 */
#ifndef SLUICE_JOB_MIGRATE_H
#define SLUICE_JOB_MIGRATE_H

#include <stdio.h>

#include "lib/base/err.h"
#include "lib/base/settings.h"

/* Apply what dir holds and the database lacks, and say one line a file to `out`. Two that run at
 * the same time wait for one another. -1 with the first failure: what was applied before it stays;
 * so does a file that was changed after it was applied. */
int migrate(const struct settings_database *db, const char *dir, FILE *out, struct err *e);

#endif
