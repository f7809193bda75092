/*
 * Connecting to PostgreSQL without blocking beyond a time limit (libpq's PQconnectPoll,
 * https://www.postgresql.org/docs/15/libpq-connect.html).
 */
#include <poll.h>

#include "lib/base/clock.h"
#include "lib/base/wait.h"
#include "lib/source/postgres_connect.h"

static int wait_connected(PGconn *conn, int64_t end_us, int hangup_fd, struct err *e)
{
	PostgresPollingStatusType want = PGRES_POLLING_WRITING;

	while (want != PGRES_POLLING_OK) {
		if (want == PGRES_POLLING_FAILED) {
			err_set(e, ERR_UNAVAILABLE, "the database cannot be reached");
			return err_cause(e, "%s", PQerrorMessage(conn));
		}
		int64_t left_ms = (end_us - clock_monotonic_us()) / 1000;
		enum wait_result r =
			left_ms <= 0 ? WAIT_TIMEOUT
				     : wait_fd(PQsocket(conn),
					       want == PGRES_POLLING_READING ? POLLIN : POLLOUT,
					       hangup_fd, (int)left_ms);

		if (r == WAIT_HANGUP)
			return wait_gave_up(e);
		if (r == WAIT_TIMEOUT) {
			err_set(e, ERR_UNAVAILABLE, "the database cannot be reached");
			return err_cause(e, "no connection within the time limit");
		}
		want = PQconnectPoll(conn);
	}
	return 0;
}

PGconn *postgres_connect(const struct settings_database *db, int hangup_fd, struct err *e)
{
	/* What stands before conninfo ("dbname", expanded) can be changed by it, what stands behind cannot. */
	/* A server that has gone without a word must not hold a worker, not even to be told to cancel:
	 * PQcancel blocks, and knows no other limit. Nor must one that is waited for, with nothing sent that it would have to
	 * confirm: the system would ask for it after two hours. */
	static const char *const keys[] = { "fallback_application_name", "tcp_user_timeout",
		"keepalives_idle", "keepalives_interval", "dbname", "client_encoding", NULL };
	const char *const values[] = { "sluice", "20000", "30", "10", db->conninfo, "UTF8", NULL };
	int64_t end_us = clock_monotonic_us() + db->connect_timeout_us;
	PGconn *conn = PQconnectStartParams(keys, values, 1);

	if (!conn || PQstatus(conn) == CONNECTION_BAD) {
		err_set(e, ERR_UNAVAILABLE, "the database cannot be reached");
		err_cause(e, "%s", conn ? PQerrorMessage(conn) : "out of memory");
	} else if (wait_connected(conn, end_us, hangup_fd, e) == 0) {
		return conn;
	}
	PQfinish(conn);
	return NULL;
}
