#include "lib/job/deliveries.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/job/audit.h"
#include "lib/job/delivery_log.h"
#include "lib/job/metadata.h"

enum {
	YOUNG_US = 60 * 1000000, /* what a worker may take to write its line when it has answered */
	SAVE_LINES = 500,
	STATUS_OK = 200,
	STATUS_PART = 206
};

struct reading {
	struct metadata *metadata;
	struct audit *audit;
	struct deliveries *told;
};

enum taken { TAKEN, LATER, FAILED };

/* ---- one record */

static PGresult *look(struct reading *r, const char *id, struct err *e)
{
	static const char sql[] =
		"SELECT subject, tenant, table_key, joined, definition, format, purpose, address, "
		"bytes,"
		" EXISTS (SELECT FROM sluice.audit d WHERE d.id = a.id AND d.action = 'delivered')"
		" FROM sluice.audit a WHERE id = $1::uuid AND outcome = '" AUDIT_HANDED_OVER "'";
	const char *params[] = { id };

	return metadata_run(r->metadata, sql, params, 1, e);
}

enum column {
	SUBJECT,
	TENANT,
	TABLE,
	JOINED,
	DEFINITION,
	FORMAT,
	PURPOSE,
	ADDRESS,
	BYTES,
	IS_KNOWN
};

static const char *text(const PGresult *download, enum column c)
{
	return PQgetisnull(download, 0, c) ? NULL : PQgetvalue(download, 0, c);
}

/* Where the web server answered otherwise than with the file, nothing of it has left. If it sent more than it was to, that
 * is told. */
static int write_line(struct reading *r, const struct delivery_record *found,
	const PGresult *download, struct err *e)
{
	int64_t asked = strtoll(PQgetvalue(download, 0, BYTES), NULL, 10);
	bool is_file = found->status == STATUS_OK || found->status == STATUS_PART;
	int64_t bytes = is_file ? found->bytes : 0;
	const struct audit_line line = {
		.id = found->id,
		.subject = text(download, SUBJECT),
		.tenant = text(download, TENANT),
		.action = "delivered",
		.table = text(download, TABLE),
		.joined = text(download, JOINED),
		.definition = text(download, DEFINITION),
		.format = text(download, FORMAT),
		.purpose = text(download, PURPOSE),
		.address = text(download, ADDRESS),
		.status = found->status,
		.outcome = is_file && found->is_complete && bytes >= asked ? "ok" : "cut",
		.bytes = bytes,
		.ms = found->ms,
	};

	return audit_write(r->audit, &line, e);
}

static bool is_young(const struct delivery_record *found)
{
	int64_t age = clock_wall_us() - found->ended_us;

	return age < YOUNG_US && age > -YOUNG_US;
}

static enum taken take(struct reading *r, const struct delivery_record *found, struct err *e)
{
	PGresult *download = look(r, found->id, e);
	enum taken taken = TAKEN;

	if (!download)
		return FAILED;
	if (PQntuples(download) == 0 && is_young(found))
		taken = LATER;
	else if (PQntuples(download) == 0)
		r->told->unknown++;
	else if (*PQgetvalue(download, 0, IS_KNOWN) == 't')
		r->told->known++;
	else if (write_line(r, found, download, e) < 0)
		taken = FAILED;
	else
		r->told->noted++;
	PQclear(download);
	return taken;
}

/* ---- one log */

static int save(struct reading *r, const struct delivery_log *l, struct err *e)
{
	static const char sql[] =
		"INSERT INTO sluice.delivery_logs AS l VALUES ($1::uuid, $2::bigint, now())"
		" ON CONFLICT (first) DO UPDATE SET read_to = excluded.read_to, seen = now()"
		" WHERE l.read_to <> excluded.read_to OR l.seen < now() - interval '1 day'";
	char at[24];
	const char *params[] = { l->first, at };

	snprintf(at, sizeof at, "%lld", (long long)l->at);
	PGresult *done = metadata_run(r->metadata, sql, params, 2, e);

	PQclear(done);
	return done ? 0 : -1;
}

/* 0: it is where it was last read to; 1: it is shorter, so that it is an older copy of one that was read. */
static int go_on(struct reading *r, struct delivery_log *l, struct err *e)
{
	static const char sql[] = "SELECT read_to FROM sluice.delivery_logs WHERE first = $1::uuid";
	const char *params[] = { l->first };
	PGresult *found = metadata_run(r->metadata, sql, params, 1, e);
	bool is_there = true;

	if (!found)
		return -1;
	if (PQntuples(found) == 1)
		is_there = delivery_log_seek(l, strtoll(PQgetvalue(found, 0, 0), NULL, 10));
	PQclear(found);
	return !is_there;
}

static int read_on(struct reading *r, struct delivery_log *l, struct err *e)
{
	struct delivery_record found;
	bool is_record;

	for (int n = 1;; n++) {
		int64_t from = l->at;
		enum taken taken = TAKEN;

		if (!delivery_log_next(l, &found, &is_record))
			return save(r, l, e);
		if (is_record)
			taken = take(r, &found, e);
		else
			r->told->garbage++;
		if (taken == FAILED)
			return -1;
		if (taken == LATER) {
			l->at = from;
			return save(r, l, e);
		}
		if (n % SAVE_LINES == 0 && save(r, l, e) < 0)
			return -1;
	}
}

static int read_log(struct reading *r, const char *path, struct err *e)
{
	struct delivery_log l;
	int status = delivery_log_open(&l, path, e);

	if (status <= 0)
		return status;
	status = go_on(r, &l, e);
	if (status == 0)
		status = read_on(r, &l, e);
	delivery_log_close(&l);
	return status < 0 ? -1 : 0;
}

/* ---- all of them */

/* The keys are "deli", "very" in ASCII. */
#define LOCK "(1684368489, 1986359929)"

static int ask(struct reading *r, const char *sql, struct err *e)
{
	PGresult *answer = metadata_run(r->metadata, sql, NULL, 0, e);
	int yes = answer ? PQntuples(answer) == 1 && *PQgetvalue(answer, 0, 0) == 't' : -1;

	PQclear(answer);
	return yes;
}

/* Goes on with the others when one cannot be read. */
static int read_logs(struct reading *r, const char *path, struct err *e)
{
	struct arena a = { 0 };
	const char **paths;
	int status = 0;
	ssize_t n = delivery_log_list(path, &a, &paths, e);

	for (ssize_t i = 0; i < n && (status == 0 || e->code == ERR_CONFIG); i++) {
		struct err why;

		if (read_log(r, paths[i], &why) < 0) {
			status = -1;
			*e = why;
		}
	}
	arena_free(&a);
	return n < 0 ? -1 : status;
}

int deliveries_read(struct metadata *m, struct audit *audit, const char *path, struct deliveries *d,
	struct err *e)
{
	struct reading r = { m, audit, d };
	int alone = ask(&r, "SELECT pg_try_advisory_lock" LOCK, e);

	if (alone <= 0)
		return alone;
	int status = read_logs(&r, path, e);
	struct err later;

	/* Logs that are gone: should one come back, its lines are known. */
	if (status == 0 &&
		ask(&r, "DELETE FROM sluice.delivery_logs WHERE seen < now() - interval '90 days'",
			e) < 0)
		status = -1;
	ask(&r, "SELECT pg_advisory_unlock" LOCK, &later);
	return status;
}
