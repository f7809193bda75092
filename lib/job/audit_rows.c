#include "lib/job/audit_rows.h"

#include <libpq-fe.h>
#include <string.h>

#include "lib/source/postgres_connect.h"

static int failed(PGconn *conn, const PGresult *r, struct err *e)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	/* invalid_datetime_format, datetime_field_overflow */
	if (state && (!strcmp(state, "22007") || !strcmp(state, "22008")))
		return err_set(e, ERR_BAD_REQUEST, "there is no such time");
	if (state && (!strcmp(state, "3F000") || !strcmp(state, "42P01")))
		err_set(e, ERR_DATABASE, "there is no audit: run sluice migrate");
	else
		err_set(e, ERR_DATABASE, "reading the audit failed");
	return err_cause(e, "%s", PQerrorMessage(conn));
}

static int take_all(PGconn *conn, audit_rows_take *take, void *to, struct err *e)
{
	for (PGresult *r; (r = PQgetResult(conn)) != NULL; PQclear(r)) {
		ExecStatusType is = PQresultStatus(r);
		int status = 0;

		if (is == PGRES_SINGLE_TUPLE && take(to, r))
			continue;
		if (is != PGRES_SINGLE_TUPLE && is != PGRES_TUPLES_OK)
			status = failed(conn, r, e);
		PQclear(r);
		return status; /* the session ends, and with it what is left */
	}
	return err_set(e, ERR_DATABASE, "the audit's rows have no end");
}

int audit_rows(const struct settings_database *db, const char *sql, const char *const *params,
	int n, audit_rows_take *take, void *to, struct err *e)
{
	PGconn *conn = postgres_connect(db, -1, e);
	int status = -1;

	if (!conn)
		return -1;
	if (PQsendQueryParams(conn, sql, n, NULL, params, NULL, NULL, 0) &&
		PQsetSingleRowMode(conn))
		status = take_all(conn, take, to, e);
	else
		failed(conn, NULL, e);
	PQfinish(conn);
	return status;
}
