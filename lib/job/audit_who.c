/*
 * Who exported a table, as the audit has it.
 */
#include <libpq-fe.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/job/audit.h"
#include "lib/job/audit_rows.h"

static const char *const names[] = { "time", "subject", "tenant", "action", "rows", "bytes",
	"outcome", "purpose", "address" };

enum { COLUMNS_N = sizeof names / sizeof names[0] };

/* Of what the web server sent by itself it is the second line that knows. */
static const char sql[] =
	"SELECT to_char(a.at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), a.subject,"
	" a.tenant, a.action, a.rows, coalesce(d.bytes, a.bytes), coalesce(d.outcome, a.outcome),"
	" a.purpose, a.address FROM sluice.audit a LEFT JOIN sluice.audit d"
	"  ON a.outcome = '" AUDIT_HANDED_OVER "' AND d.id = a.id AND d.action = 'delivered'"
	" WHERE a.action IN ('export', 'query', 'job', 'download', 'link')"
	" AND (a.table_key = $1 OR $1 = ANY (string_to_array(a.joined, ',')))"
	" AND ($2::timestamptz IS NULL OR a.at >= $2::timestamptz) ORDER BY a.seq";

static void put_escaped(FILE *out, const char *s)
{
	static const char special[] = "\t\n\r\\", names_of[] = "tnr\\";

	for (; *s; s++) {
		const char *at = strchr(special, *s);

		if (at)
			fputc('\\', out);
		fputc(at ? names_of[at - special] : *s, out);
	}
}

struct table_out {
	FILE *out;
	bool has_names;
};

/* Not before the statement has been understood, so that a failure prints nothing. */
static void put_names(struct table_out *t)
{
	for (int i = 0; i < COLUMNS_N && !t->has_names; i++)
		fprintf(t->out, "%s%c", names[i], i + 1 < COLUMNS_N ? '\t' : '\n');
	t->has_names = true;
}

static bool take(void *to, struct pg_result *r)
{
	struct table_out *t = to;

	put_names(t);
	for (int i = 0; i < COLUMNS_N; i++) {
		put_escaped(t->out, PQgetvalue(r, 0, i));
		fputc(i + 1 < COLUMNS_N ? '\t' : '\n', t->out);
	}
	return !ferror(t->out);
}

/* '0' stands for a digit; what is no digit or sign stands for itself. */
static const char *skip_shape(const char *s, const char *shape)
{
	for (; *shape; s++, shape++)
		if (*shape == '0' ? *s < '0' || *s > '9' : *s != *shape)
			return NULL;
	return s;
}

/* The form of RFC 3339 §5.6, or of its full-date alone; whether there is such a time is asked of the server. */
static bool is_time(const char *s, bool *is_date)
{
	s = skip_shape(s, "0000-00-00");
	*is_date = s && !*s;
	if (!s || *is_date)
		return s;
	s = *s == 't' || *s == ' ' ? s + 1 : skip_shape(s, "T");
	s = s ? skip_shape(s, "00:00:00") : NULL;
	if (s && *s == '.') {
		size_t digits = strspn(++s, "0123456789");

		s = digits ? s + digits : NULL;
	}
	if (s && (*s == 'Z' || *s == 'z'))
		return !s[1];
	return s && (*s == '+' || *s == '-') && (s = skip_shape(s + 1, "00:00")) && !*s;
}

int audit_who_exported(const struct settings_database *db, const char *table, const char *since,
	FILE *out, struct err *e)
{
	struct table_out t = { .out = out };
	struct arena a = { 0 };
	bool is_date = false;

	if (since && !is_time(since, &is_date))
		return err_set(e, ERR_BAD_REQUEST,
			"--since must be a date or a time with its offset: 2026-01-02T03:04:05Z");
	const char *params[] = { table, is_date ? arena_printf(&a, "%sT00:00:00Z", since) : since };
	int status = audit_rows(db, sql, params, 2, take, &t, e);

	if (status == 0)
		put_names(&t);

	arena_free(&a);
	return status;
}
