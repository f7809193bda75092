/*
 * The PostgreSQL wire protocol, version 3.0, as far as one big result needs it
 * (https://www.postgresql.org/docs/15/protocol.html: "Message Flow", "Message Formats").
 *
 * libpq connects, authenticates, encrypts and cancels; for the result it lends its idle connection's
 * socket. Rows are read with large non-blocking reads and, when nothing is there, a short nap instead of a
 * blocking read: the server sends 8 KiB at a time, and to be woken for each costs more than
 * the work on it.
 */
#ifndef SLUICE_SOURCE_PGWIRE_H
#define SLUICE_SOURCE_PGWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/rows/batch.h"
#include "lib/rows/statement.h"
#include "lib/source/pgdecode.h"

struct pgwire {
	int fd;        /* of an idle connection; borrowed */
	void *ssl;     /* OpenSSL's SSL, when the connection has TLS; borrowed */
	int hangup_fd; /* -1: nobody to watch */
	uint64_t rows; /* of the result, so far */
	bool counted;  /* the server has said as many */
	bool done;     /* the result has been read to its end */
	uint8_t *in;   /* bytes received: [head, tail) are not yet used */
	size_t head, tail, cap;
};

/* One column of a RowDescription message. */
struct pgwire_field {
	const char *name;
	uint32_t oid;
	int32_t typmod;
};

/* A zeroed struct is empty; lend it a connection. Frees with pgwire_free, which leaves the connection alone. */
void pgwire_lend(struct pgwire *w, int fd, void *ssl, int hangup_fd);
void pgwire_free(struct pgwire *w);

/* Parse the statement as the unnamed one and describe its result; the fields are put into the arena. */
int pgwire_prepare(struct pgwire *w, const char *sql, struct arena *a, struct pgwire_field **fields,
	size_t *n, struct err *e);

/* Bind the parameters (text) and execute; columns_n result formats come from the decoders. */
int pgwire_execute(struct pgwire *w, const struct statement *st, const struct pgcolumn *columns,
	size_t columns_n, struct err *e);

/* Add rows to the batch: 1 when it is full, or when it holds some and the server is slow; 0 at the end, when the
 * connection is idle again (the batch may hold the last rows). After -1 the connection is of no use. */
int pgwire_rows(struct pgwire *w, const struct pgcolumn *columns, struct batch *b, struct err *e);

/* The error that an SQLSTATE and a message stand for. */
int pgwire_error(struct err *e, const char *sqlstate, const char *message);

#endif
