#include <errno.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "lib/job/audit.h"
#include "lib/job/audit_chain.h"
#include "lib/job/audit_rows.h"

/* As the statement has them, behind the fields. */
enum { COLUMN_SEQ = 0, COLUMN_TIME = AUDIT_FIELDS, COLUMN_PREVIOUS, COLUMN_HASH };

/* Fields that somebody has made to be what they cannot be are NULL or not as expected, and so break the chain. */
static const char sql[] =
	"SELECT seq, CASE WHEN isfinite(at) THEN (extract(epoch FROM at) * 1000000)::bigint END, "
	"id,"
	" subject, tenant, action, table_key, joined, definition, format, purpose, address, status,"
	" outcome, reason, rows, bytes, ms,"
	" to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
	" encode(previous, 'hex'), encode(hash, 'hex')"
	" FROM sluice.audit ORDER BY seq";

struct verifier {
	FILE *out;
	bool broken;
	const struct audit_mark *head; /* still to be met, or NULL */
	struct audit_mark last;
	char time[32]; /* of the last */
	int64_t lines;
	struct buf scratch;
};

static const char *field(const PGresult *r, int column)
{
	return PQgetisnull(r, 0, column) ? NULL : PQgetvalue(r, 0, column);
}

static bool is_hash(const char *hex, const uint8_t hash[AUDIT_HASH])
{
	char expected[AUDIT_HASH_HEX];

	audit_hash_hex(hash, expected);
	return hex && !strcmp(hex, expected);
}

/* What is wrong with the line, or NULL: then it is the last. */
static const char *check(struct verifier *v, const PGresult *r)
{
	const char *fields[AUDIT_FIELDS];
	uint8_t hash[AUDIT_HASH];

	for (int i = 0; i < AUDIT_FIELDS; i++)
		fields[i] = field(r, i);
	int64_t seq = fields[COLUMN_SEQ] ? strtoll(fields[COLUMN_SEQ], NULL, 10) : 0;

	if (seq > v->last.seq + 1)
		return "what stood before it is missing";
	if (seq != v->last.seq + 1)
		return "its number is not the next";
	audit_chain_hash(v->last.hash, fields, &v->scratch, hash);
	if (!is_hash(field(r, COLUMN_HASH), hash))
		return is_hash(field(r, COLUMN_PREVIOUS), v->last.hash)
			       ? "it is not as it was written"
			       : "the line before is not the one it was written behind";
	if (!is_hash(field(r, COLUMN_PREVIOUS), v->last.hash))
		return "it is not as it was written";
	v->last.seq = seq;
	memcpy(v->last.hash, hash, AUDIT_HASH);
	v->lines++;
	if (v->head && v->head->seq == seq) {
		if (memcmp(v->head->hash, hash, AUDIT_HASH) != 0)
			return "it is not the one that --head names";
		v->head = NULL;
	}
	return NULL;
}

static bool take(void *to, struct pg_result *r)
{
	struct verifier *v = to;
	const char *seq = field(r, COLUMN_SEQ), *time = field(r, COLUMN_TIME);
	const char *wrong = check(v, r);

	if (wrong) {
		fprintf(v->out, "broken at line %s of %s: %s\n", seq ? seq : "without a number",
			time ? time : "an unknown time", wrong);
		v->broken = true;
		return false;
	}
	snprintf(v->time, sizeof v->time, "%s", time ? time : "");
	return true;
}

/* Of a chain that holds as far as it goes. */
static void conclude(struct verifier *v)
{
	char hex[AUDIT_HASH_HEX];

	if (v->head) {
		fprintf(v->out,
			"broken at line %lld: it is missing, with what stood behind it; the last "
			"is line %lld%s%s\n",
			(long long)v->last.seq + 1, (long long)v->last.seq, v->lines ? " of " : "",
			v->time);
		v->broken = true;
		return;
	}
	audit_hash_hex(v->last.hash, hex);
	fprintf(v->out, "%lld lines hold; head %lld:%s\n", (long long)v->lines,
		(long long)v->last.seq, hex);
}

int audit_verify(const struct settings_database *db, const char *head, FILE *out, bool *broken,
	struct err *e)
{
	struct audit_mark mark;
	struct verifier v = { .out = out };

	if (head && !audit_mark_parse(head, &mark))
		return err_set(e, ERR_BAD_REQUEST,
			"--head must be what an earlier verify printed: SEQ:HASH");
	/* Before the first line there is nothing that could be missing. */
	if (head && mark.seq > 0)
		v.head = &mark;
	int status = audit_rows(db, sql, NULL, 0, take, &v, e);

	if (status == 0 && !v.broken)
		conclude(&v);
	*broken = v.broken;
	buf_free(&v.scratch);
	return status;
}
