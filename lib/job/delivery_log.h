/*
 * Delivery log: what a web server writes down of each download that it was told to send, one JSON object a line
 * (etc/nginx.conf, etc/apache-*.conf):
 *
 *	id          of the request, as Sluice-Delivery told it
 *	time        when it ended, seconds since 1970
 *	seconds     that it took; or microseconds
 *	status      of HTTP
 *	bytes       of the body
 *	completed   nginx ($request_completion): "OK", or "" where the client did not take all of it
 *	connection  Apache (%X): "X" where the client did not take all of it. Then `bytes` tells what it was to get, and
 *	wire        (%O) what left, with the head of the answer and what TLS adds
 *
 * Other members are for people. Times and sizes are the web server's word; what is not of this form is no record.
 */
#ifndef SLUICE_JOB_DELIVERY_LOG_H
#define SLUICE_JOB_DELIVERY_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"

enum { DELIVERY_LINE_MAX = 4096 }; /* bytes; what is longer is no record */

struct delivery_record {
	char id[UUID_TEXT]; /* in lower case, as the audit has it */
	int64_t ended_us;   /* since 1970 */
	int64_t ms;         /* that it took */
	int status;
	int64_t bytes;    /* of the body that left; where it was cut, at most so many */
	bool is_complete; /* all that the web server was to send */
};

/* A line without its end. */
bool delivery_record_read(const char *line, size_t len, struct delivery_record *out);

/* {0} is a log that is not open, and may be closed. */
struct delivery_log {
	FILE *file;
	char first[UUID_TEXT]; /* the id in its first record */
	int64_t at;            /* where the next line begins */
};

/* 1: it is open at its beginning; 0: there is no such file, or no record near its beginning yet; -1: ERR_CONFIG, it cannot be
 * read. */
int delivery_log_open(struct delivery_log *l, const char *path, struct err *e);
void delivery_log_close(struct delivery_log *l);

/* From there on. False: the file is shorter. */
bool delivery_log_seek(struct delivery_log *l, int64_t at);

/* The next line that has its end; *is_record: it is one. False: there is none yet. l->at is behind it then. */
bool delivery_log_next(struct delivery_log *l, struct delivery_record *out, bool *is_record);

/* path and, before it, the files that were made from it by rotation and are not compressed: those in its directory whose
 * names go on from its own with a dot or a hyphen. In the arena; none where
 * the directory is not there. -1: ERR_CONFIG, it cannot be read. */
ssize_t delivery_log_list(const char *path, struct arena *a, const char ***out, struct err *e);

#endif
