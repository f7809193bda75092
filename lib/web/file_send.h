/*
 * Sends a file that lies on disk: GET and HEAD with validators, conditions, ranges and a digest (RFC 9110 §8.8, §13, §14;
 * RFC 9530), as a download.
 *
 * The bytes are sent by the web server where it has said that it does so (FastCGI parameter SLUICE_SENDFILE: "x-accel" for
 * X-Accel-Redirect below FILE_SEND_LOCATION, "x-sendfile" for X-Sendfile), else by this process. What the answer is, is
 * decided here alone: a request of which a web server could think otherwise (unusual ranges, If-Match, dates in If-Range) is
 * not handed over to it. Entity tag and date are ours on every way. What really left it writes down by itself, under the
 * request's id, which it is told as Sluice-Delivery (lib/job/deliveries.h).
 *
 * A file that a coding makes smaller is coded on the way for a client that asks for that (Accept-Encoding), but never a part of
 * it, and not where a transfer without a length could not be seen to break off. That answer has a weak entity tag of its own.
 */
#ifndef SLUICE_WEB_FILE_SEND_H
#define SLUICE_WEB_FILE_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/web/response.h"

/* etc/nginx.conf has this location, an alias for stage.dir. */
#define FILE_SEND_LOCATION "/sluice-stage/"

struct served_file {
	const char *dir;    /* stage.dir */
	const char *path;   /* below it; no segment is "." or ".." */
	uint64_t bytes;     /* as it was when it was made */
	const char *sha256; /* 64 hexadecimal digits */
	const char *media;
	const char *name; /* as downloaded, UTF-8 */
	int64_t modified; /* seconds since 1970 */
	bool is_codeable; /* text; not compressed */

	/* Asked once it is sure that bytes of the file are to leave, before the first of them: not of a HEAD, nor of an answer
	 * without the file. from_start: its first byte is among them. -1 with the error to answer with. NULL: they may. */
	int (*may_leave)(void *of, bool from_start, struct err *e);
	void *of;
};

/* Answers the request. ERR_GONE where the file is not there, ERR_INTERNAL where its size is not the one it was made
 * with, both before the first byte; ERR_PRECONDITION, ERR_RANGE, ERR_NOT_ACCEPTABLE. response.bytes is what was sent, or what
 * the web server was told to send; response.status is the client's. */
int file_send(struct response *rs, const struct served_file *file, struct err *e);

#endif
