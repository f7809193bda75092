/*
 * The registry of tables as a live database suggests it: for `sluice catalog init`.
 */
#ifndef SLUICE_SOURCE_POSTGRES_CATALOG_H
#define SLUICE_SOURCE_POSTGRES_CATALOG_H

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/settings.h"

/* Append { "tables": … } as sluice.conf and the files that it includes hold it: every table,
 * partitioned table, view and materialized view that the role may read, with the columns that it
 * may read; not the system's schemas nor Sluice's own, not the partitions of a table that is there
 * itself. schema: this one alone; NULL: all. */
int postgres_catalog(
	const struct settings_database *db, const char *schema, struct buf *out, struct err *e);

#endif
