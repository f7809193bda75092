/*
 * The plain path: rows by libpq's single-row mode (https://www.postgresql.org/docs/15/libpq-single-row-mode.html),
 * all columns in binary format. Slower than pgwire.c by half, and the judge of it in tests.
 *
 * libpq asks for all columns in one format, so a column without a binary decoder is turned into
 * text in a query around the statement.
 */
#include <stdlib.h>

#include "lib/source/postgres.h"

/* Take results until libpq has no more; the first failed one is the error. *kept is the last good one, the caller's. */
static int take_all(struct postgres *pg, PGresult **kept, struct err *e)
{
	PGresult *r;
	int status = 0;

	*kept = NULL;
	for (;;) {
		if (postgres_result(pg, &r, e) < 0)
			return -1;
		if (!r)
			return status;
		if (status == 0 && PQresultStatus(r) != PGRES_COMMAND_OK)
			status = postgres_error(pg, r, e);
		PQclear(*kept);
		*kept = r;
	}
}

/* Prepare as the unnamed statement and describe: fields in the arena. */
static int prepare(struct postgres *pg, const char *sql, struct pgwire_field **fields, size_t *n,
	struct err *e)
{
	PGresult *r;

	if (!PQsendPrepare(pg->conn, "", sql, 0, NULL))
		return postgres_error(pg, NULL, e);
	int status = take_all(pg, &r, e);

	PQclear(r);
	if (status < 0)
		return -1;
	if (!PQsendDescribePrepared(pg->conn, ""))
		return postgres_error(pg, NULL, e);
	status = take_all(pg, &r, e);
	if (status == 0 && r) {
		*n = (size_t)PQnfields(r);
		*fields = arena_zero(&pg->arena, *n, sizeof **fields);
		for (int i = 0; i < (int)*n; i++)
			(*fields)[i] = (struct pgwire_field){
				.name = arena_strdup(&pg->arena, PQfname(r, i)),
				.oid = PQftype(r, i),
				.typmod = PQfmod(r, i),
			};
	}
	PQclear(r);
	return status;
}

/* By concat, which uses the type's output function, as the text format does. A cast need not:
 * inet's adds a mask, xml's the declaration of an encoding. */
static const char *spell_as_text(struct postgres *pg, const char *sql)
{
	struct buf b = { 0 };

	buf_puts(&b, "SELECT ");
	for (size_t i = 0; i < pg->schema.n; i++)
		if (pgdecode_may_be_binary(&pg->columns[i]))
			buf_printf(&b, "%sc%zu", i ? ", " : "", i);
		else
			buf_printf(&b, "%sCASE WHEN num_nulls(c%zu) = 0 THEN concat(c%zu) END",
				i ? ", " : "", i, i);
	buf_printf(&b, " FROM (%s) AS s(", sql);
	for (size_t i = 0; i < pg->schema.n; i++)
		buf_printf(&b, "%sc%zu", i ? ", " : "", i);
	buf_puts(&b, ")");
	const char *spelled = arena_strdup(&pg->arena, buf_str(&b));

	buf_free(&b);
	return spelled;
}

int postgres_plain_open(struct postgres *pg, const struct statement *st, struct err *e)
{
	struct pgwire_field *fields = NULL;
	size_t n = 0;
	bool all_binary = true;

	if (prepare(pg, st->sql, &fields, &n, e) < 0)
		return -1;
	postgres_describe(pg, fields, n);
	for (size_t i = 0; i < n; i++)
		all_binary = all_binary && pgdecode_may_be_binary(&pg->columns[i]);
	if (!all_binary && prepare(pg, spell_as_text(pg, st->sql), &fields, &n, e) < 0)
		return -1;
	if (!PQsendQueryPrepared(pg->conn, "", (int)st->params_n, st->params, NULL, NULL, 1) ||
		!PQsetSingleRowMode(pg->conn))
		return postgres_error(pg, NULL, e);
	pg->single_row = true;
	return 0;
}

static int put_row(struct postgres *pg, const PGresult *r, struct batch *b, struct err *e)
{
	for (int i = 0; i < (int)b->columns_n; i++) {
		const char *value = PQgetisnull(r, 0, i) ? NULL : PQgetvalue(r, 0, i);
		size_t len = (size_t)PQgetlength(r, 0, i);

		if (pgdecode_cell(&pg->columns[i], &b->columns[i], b->rows, (const uint8_t *)value,
			    len, e) < 0)
			return -1;
		b->bytes += len;
	}
	b->rows++;
	return 0;
}

int postgres_plain_rows(struct postgres *pg, struct batch *b, struct err *e)
{
	PGresult *r;

	while (pg->single_row && !batch_is_full(b)) {
		if (postgres_result(pg, &r, e) < 0)
			return -1;
		if (!r) {
			pg->single_row = false;
			break;
		}
		ExecStatusType is = PQresultStatus(r);
		int status = is == PGRES_SINGLE_TUPLE ? put_row(pg, r, b, e)
			     : is == PGRES_TUPLES_OK || is == PGRES_COMMAND_OK
				     ? 0
				     : postgres_error(pg, r, e);

		PQclear(r);
		if (status < 0)
			return -1;
	}
	return b->rows > 0;
}
