#include <errno.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "lib/job/audit.h"
#include "lib/job/audit_chain.h"
#include "lib/job/audit_rows.h"

/* As the statement has them, behind the fields. */
enum {
	COLUMN_SEQ = 0,
	COLUMN_ACTION = 5,
	COLUMN_DEFINITION = 8,
	COLUMN_TIME = AUDIT_FIELDS,
	COLUMN_PREVIOUS,
	COLUMN_HASH,
	COLUMN_ANCHOR /* its three */
};

#define TIME_AS(column)                                                                            \
	"to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

/* Fields that somebody has made to be what they cannot be are NULL or not as expected, and so break the chain. */
static const char sql[] =
	"SELECT seq, CASE WHEN isfinite(at) THEN (extract(epoch FROM at) * 1000000)::bigint END, "
	"id,"
	" subject, tenant, action, table_key, joined, definition, format, purpose, address, status,"
	" outcome, reason, rows, bytes, ms,"
	" " TIME_AS("at") ", encode(previous, 'hex'), encode(hash, 'hex'),"
			  " (SELECT n.seq FROM sluice.audit_anchor n),"
			  " (SELECT encode(n.hash, 'hex') FROM sluice.audit_anchor n),"
			  " (SELECT " TIME_AS("n.at") " FROM sluice.audit_anchor n)"
						      " FROM sluice.audit ORDER BY audit.seq";

/* Where there is no line that it could stand beside. */
static const char anchor_sql[] =
	"SELECT seq, encode(hash, 'hex'), " TIME_AS("at") " FROM sluice.audit_anchor";

struct verifier {
	FILE *out;
	bool broken;
	const struct audit_mark *head; /* still to be met, or NULL */
	struct audit_mark last;
	char time[32]; /* of the last */
	int64_t lines;
	bool has_anchor;
	struct audit_mark anchor; /* the newest line that retention has removed */
	char removed[32];         /* when */
	char first[32];           /* time of the first line */
	bool is_told;             /* a line says so */
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

/* From the three columns; a row without them has none. */
static void take_anchor(struct verifier *v, const PGresult *r, int column)
{
	const char *seq = field(r, column), *hash = field(r, column + 1),
		   *at = field(r, column + 2);
	char text[AUDIT_HASH_HEX + 24];

	snprintf(text, sizeof text, "%s:%s", seq ? seq : "", hash ? hash : "");
	v->has_anchor = audit_mark_parse(text, &v->anchor);
	snprintf(v->removed, sizeof v->removed, "%s", at ? at : "an unknown time");
	v->last = v->anchor;
}

/* Whether it is the line that was written when the anchor was. */
static bool tells_anchor(const struct verifier *v, const char *const fields[AUDIT_FIELDS])
{
	char hex[AUDIT_HASH_HEX], through[AUDIT_HASH_HEX + 40];

	if (!fields[COLUMN_ACTION] || strcmp(fields[COLUMN_ACTION], "retention") != 0 ||
		!fields[COLUMN_DEFINITION])
		return false;
	audit_hash_hex(v->anchor.hash, hex);
	snprintf(through, sizeof through, "\"through\":\"%lld:%s\"", (long long)v->anchor.seq, hex);
	return strstr(fields[COLUMN_DEFINITION], through);
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
	v->is_told = v->is_told || tells_anchor(v, fields);
	if (v->head && v->head->seq == seq) {
		if (memcmp(v->head->hash, hash, AUDIT_HASH) != 0)
			return "it is not the one that --head names";
		v->head = NULL;
	}
	return NULL;
}

static const char no_anchor[] = "what says where the chain begins (sluice.audit_anchor) is missing";

static bool take(void *to, struct pg_result *r)
{
	struct verifier *v = to;
	const char *seq = field(r, COLUMN_SEQ), *time = field(r, COLUMN_TIME);

	if (!*v->first) {
		snprintf(v->first, sizeof v->first, "%s", time ? time : "an unknown time");
		take_anchor(v, r, COLUMN_ANCHOR);
	}
	const char *wrong = v->has_anchor ? check(v, r) : no_anchor;

	if (wrong) {
		fprintf(v->out, "broken at line %s of %s: %s\n", seq ? seq : "without a number",
			time ? time : "an unknown time", wrong);
		v->broken = true;
		return false;
	}
	snprintf(v->time, sizeof v->time, "%s", time ? time : "");
	return true;
}

/* The table is empty. */
static bool take_only_anchor(void *to, struct pg_result *r)
{
	take_anchor(to, r, 0);
	return true;
}

/* What is wrong with a chain that holds as far as it goes; NULL: nothing. */
static const char *find_missing(const struct verifier *v, struct arena *a)
{
	long long gone = v->anchor.seq, last = v->last.seq;

	if (!v->has_anchor)
		return arena_printf(a, "broken before line 1: %s", no_anchor);
	if (gone > 0 && !v->is_told)
		return arena_printf(a,
			"broken at line %lld of %s: what stood before it is missing, and no line "
			"says that retention has removed it",
			gone + 1, v->lines ? v->first : "an unknown time");
	if (v->head && v->head->seq < gone)
		return arena_printf(a,
			"not known: line %lld, which --head names, is one of the lines 1 to %lld "
			"that "
			"were removed by retention on %s, so that it tells nothing of the rest",
			(long long)v->head->seq, gone, v->removed);
	if (v->head && v->head->seq == gone)
		return memcmp(v->head->hash, v->anchor.hash, AUDIT_HASH) == 0
			       ? NULL
			       : arena_printf(a,
					 "broken before line %lld: what was removed there is not "
					 "what "
					 "--head names",
					 gone + 1);
	if (v->head)
		return arena_printf(a,
			"broken at line %lld: it is missing, with what stood behind it; the last "
			"is line %lld%s%s",
			last + 1, last, v->lines ? " of " : "", v->time);
	return NULL;
}

static void conclude(struct verifier *v)
{
	struct arena a = { 0 };
	const char *missing = find_missing(v, &a);
	char hex[AUDIT_HASH_HEX];

	audit_hash_hex(v->last.hash, hex);
	if (missing)
		fprintf(v->out, "%s\n", missing);
	if (!missing && v->anchor.seq > 0)
		fprintf(v->out, "lines 1 to %lld were removed by retention on %s; ",
			(long long)v->anchor.seq, v->removed);
	if (!missing)
		fprintf(v->out, "%lld lines hold; head %lld:%s\n", (long long)v->lines,
			(long long)v->last.seq, hex);
	v->broken = missing;
	arena_free(&a);
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

	if (status == 0 && !*v.first)
		status = audit_rows(db, anchor_sql, NULL, 0, take_only_anchor, &v, e);
	if (status == 0 && !v.broken)
		conclude(&v);
	*broken = v.broken;
	buf_free(&v.scratch);
	return status;
}
