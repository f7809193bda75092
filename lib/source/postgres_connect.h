/*
 * A plain libpq connection, for what is not a source: the metadata store, migrations.
 */
#ifndef SLUICE_SOURCE_POSTGRES_CONNECT_H
#define SLUICE_SOURCE_POSTGRES_CONNECT_H

#include <libpq-fe.h>

#include "lib/base/err.h"
#include "lib/base/settings.h"

/* By the database's settings, in UTF-8, named "sluice" unless its conninfo says otherwise, within
 * connect_timeout. NULL and ERR_UNAVAILABLE when that fails; hangup_fd as in source.h. */
PGconn *postgres_connect(const struct settings_database *db, int hangup_fd, struct err *e);

#endif
