#include "lib/job/slot.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/job/metadata.h"

int slot_take(struct slot *s, struct metadata *m, enum slot_kind kind, int64_t most, struct err *e)
{
	/* Rows are tried one by one until there is one: no more than one lock is taken. */
	static const char sql[] = "SELECT n FROM generate_series(1, $2::int) n"
				  " WHERE pg_try_advisory_lock($1::int, n) LIMIT 1";
	char first[24], last[24];
	const char *params[] = { first, last };

	*s = (struct slot){ .metadata = m, .kind = kind };
	snprintf(first, sizeof first, "%d", (int)kind);
	snprintf(last, sizeof last, "%lld", (long long)(most < INT32_MAX ? most : INT32_MAX));
	PGresult *r = metadata_run(m, sql, params, 2, e);

	if (!r)
		return -1;
	if (PQntuples(r) == 1)
		s->number = strtoll(PQgetvalue(r, 0, 0), NULL, 10);
	s->session = metadata_session(m);
	PQclear(r);
	return s->number > 0;
}

bool slot_is_held(const struct slot *s)
{
	return s->number > 0 && metadata_session(s->metadata) == s->session;
}

void slot_give(struct slot *s)
{
	char first[24], last[24];
	const char *params[] = { first, last };
	struct err ignored; /* without a session there is no lock */

	if (slot_is_held(s)) {
		snprintf(first, sizeof first, "%d", (int)s->kind);
		snprintf(last, sizeof last, "%lld", (long long)s->number);
		PGresult *r = metadata_run(s->metadata,
			"SELECT pg_advisory_unlock($1::int, $2::int)", params, 2, &ignored);

		if (!r)
			metadata_disconnect(s->metadata);
		PQclear(r);
	}
	s->number = 0;
}
