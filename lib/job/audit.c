#include "lib/job/audit.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/job/audit_chain.h"
#include "lib/job/metadata.h"

struct audit {
	struct metadata *metadata; /* borrowed */
	bool required;
};

struct audit *audit_open(struct metadata *m, const struct settings *s)
{
	if (!m)
		return NULL;
	struct audit *a = mem_zero(1, sizeof *a);

	a->metadata = m;
	a->required = !strcmp(s->audit_required, "required");
	return a;
}

void audit_close(struct audit *a)
{
	free(a);
}

/* A reason may have been cut within a character, and the server would refuse the whole line for it. */
static const char *clean(struct arena *scratch, const char *text)
{
	size_t len = text ? strlen(text) : 0;
	struct buf b = { 0 };

	if (utf8_valid(text, len))
		return text;
	for (size_t i = 0, n; i < len; i += n) {
		/* A character is one to four bytes of which no shorter beginning is one. */
		for (n = 1; n <= 4 && i + n <= len && !utf8_valid(text + i, n); n++)
			;
		if (n <= 4 && i + n <= len) {
			buf_put(&b, text + i, n);
		} else {
			buf_puts(&b, "\xef\xbf\xbd");
			n = 1;
		}
	}
	const char *cleaned = arena_strdup(scratch, buf_str(&b));

	buf_free(&b);
	return cleaned;
}

/* Ends when what was committed before it is on disk; the message itself is for nobody. */
static int wait_for_disk(struct audit *a, struct err *e)
{
	PGresult *r = metadata_run(a->metadata,
		"SELECT set_config('synchronous_commit', 'on', true),"
		" pg_logical_emit_message(true, 'sluice', '')",
		NULL, 0, e);

	PQclear(r);
	return r ? 0 : -1;
}

static int append(struct audit *a, const struct audit_line *l, struct err *e)
{
	static const char sql[] = "SELECT sluice.audit_append($1, $2, $3, $4, $5, $6, $7, $8, $9,"
				  " $10, $11, $12, $13, $14, $15, $16, $17)";
	enum { TEXT = 16 };
	struct arena s = { 0 };
	struct buf text = { 0 };
	/* In the order of the chain's text. */
	const char *params[TEXT + 1] = { l->id, clean(&s, l->subject), clean(&s, l->tenant),
		l->action, l->table, l->joined, clean(&s, l->definition), l->format,
		clean(&s, l->purpose), clean(&s, l->address), arena_printf(&s, "%d", l->status),
		l->outcome, clean(&s, l->reason), arena_printf(&s, "%lld", (long long)l->rows),
		arena_printf(&s, "%lld", (long long)l->bytes),
		arena_printf(&s, "%lld", (long long)l->ms) };

	audit_chain_text(&text, params, TEXT);
	params[TEXT] = buf_str(&text);
	PGresult *r = metadata_run(a->metadata, sql, params, TEXT + 1, e);

	buf_free(&text);
	arena_free(&s);
	PQclear(r);
	return r ? 0 : -1;
}

int audit_write(struct audit *a, const struct audit_line *line, struct err *e)
{
	if (metadata_is_lost(a->metadata)) {
		err_set(e, ERR_UNAVAILABLE, "the metadata database cannot be reached");
		return err_cause(e, "metadata: could not be connected to moments ago");
	}
	if (append(a, line, e) < 0)
		return -1;
	return a->required ? wait_for_disk(a, e) : 0;
}

int audit_prune(struct metadata *m, int64_t keep_us, int64_t *n, struct err *e)
{
	/* No longer than times go back, which is longer than anybody keeps anything. */
	static const char sql[] =
		"SELECT sluice.audit_prune(least($1::bigint, 100000000000) * interval '1 second', "
		"10000)";
	char keep[24];
	const char *params[] = { keep };

	snprintf(keep, sizeof keep, "%lld", (long long)(keep_us / 1000000));
	return metadata_run_out(m, sql, params, 1, n, e);
}

/* A server that takes no lines, as a standby, is no better than one that is down. */
static int can_append(struct audit *a, struct err *e)
{
	PGresult *r = metadata_run(a->metadata,
		"SELECT has_table_privilege('sluice.audit', 'INSERT')"
		" AND current_setting('transaction_read_only') = 'off'",
		NULL, 0, e);
	bool can = r && *PQgetvalue(r, 0, 0) == 't';

	if (r && !can)
		err_cause(e, "metadata: this role or server adds no lines to sluice.audit");
	PQclear(r);
	return can ? 0 : -1;
}

int audit_ready(struct audit *a, struct err *e)
{
	struct err why = { 0 };

	if (!a || !a->required || can_append(a, &why) == 0)
		return 0;
	err_set(e, ERR_UNAVAILABLE, "what is taken must be audited, which is not possible now");
	return err_cause(e, "%s", why.cause);
}
