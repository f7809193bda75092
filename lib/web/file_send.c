#include "lib/web/file_send.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sink/compress.h"
#include "lib/sink/fcgi.h"
#include "lib/web/coding.h"
#include "lib/web/front.h"
#include "lib/web/http_date.h"
#include "lib/web/precondition.h"
#include "lib/web/range.h"

enum { SHA256_BYTES = 32 };

struct sending {
	struct response *rs;
	const struct served_file *file;
	struct conditions conditions;
	const char *range_field; /* NULL: none that counts */
	const char *etag;
	const struct compress_type *coding; /* NULL: as it is */
	enum range_kind kind;
	struct range range;
};

/* ---- what is asked */

static void read_request(struct sending *s)
{
	const struct request *rq = s->rs->request;

	s->conditions = (struct conditions){
		.if_match = request_env(rq, "HTTP_IF_MATCH"),
		.if_none_match = request_env(rq, "HTTP_IF_NONE_MATCH"),
		.if_modified_since = request_env(rq, "HTTP_IF_MODIFIED_SINCE"),
		.if_unmodified_since = request_env(rq, "HTTP_IF_UNMODIFIED_SINCE"),
		.if_range = request_env(rq, "HTTP_IF_RANGE"),
	};
	/* Other methods have no ranges (§14.2). */
	s->range_field = request_is_head(s->rs->request) ? NULL : request_env(rq, "HTTP_RANGE");
}

static const char *etag_of(struct sending *s, const struct compress_type *coding)
{
	struct arena *a = &s->rs->request->arena;

	if (coding)
		return arena_printf(a, "W/\"sha256-%.32s-%s\"", s->file->sha256, coding->coding);
	return arena_printf(a, "\"sha256-%.32s\"", s->file->sha256);
}

/* A client that names the tag of the file as it is has that, and wants it or a part of it. */
static bool wants_as_is(const struct sending *s, const struct validators *as_is)
{
	const struct conditions none_match = { .if_none_match = s->conditions.if_none_match };

	return s->range_field || s->conditions.if_match ||
	       precondition_check(&none_match, as_is) == PRECONDITION_NOT_MODIFIED;
}

static int choose_coding(struct sending *s, struct err *e)
{
	const struct request *rq = s->rs->request;
	struct validators as_is = { etag_of(s, NULL), s->file->modified };

	s->etag = as_is.etag;
	if (!s->file->is_codeable || wants_as_is(s, &as_is))
		return 0;
	if (coding_choose(request_env(rq, "HTTP_ACCEPT_ENCODING"), &s->coding, e) < 0)
		return -1;
	if (s->coding && front_needs_length(rq))
		s->coding = NULL;
	s->etag = etag_of(s, s->coding);
	return 0;
}

/* ---- headers */

static void put_digest(struct response *rs, const char *hex)
{
	unsigned char bytes[SHA256_BYTES], text[4 * (SHA256_BYTES + 2) / 3 + 1];
	size_t len;

	if (OPENSSL_hexstr2buf_ex(bytes, sizeof bytes, &len, hex, '\0') != 1)
		return;
	EVP_EncodeBlock(text, bytes, (int)len);
	response_header(rs, "Repr-Digest", "sha-256=:%s:", (const char *)text);
}

/* What a 304 has too (§15.4.5). */
static void put_validators(struct sending *s)
{
	char date[HTTP_DATE_TEXT];

	http_date_write(s->file->modified, date);
	response_header(s->rs, "ETag", "%s", s->etag);
	response_header(s->rs, "Last-Modified", "%s", date);
	response_header(s->rs, "Cache-Control", "private, no-store");
	response_header(
		s->rs, "Vary", "Authorization%s", s->file->is_codeable ? ", Accept-Encoding" : "");
}

static void put_headers(struct sending *s)
{
	response_header(s->rs, "Content-Type", "%s", s->file->media);
	response_attachment(s->rs, s->file->name);
	response_header(s->rs, "X-Content-Type-Options", "nosniff");
	if (s->coding)
		response_header(s->rs, "Content-Encoding", "%s", s->coding->coding);
	else
		put_digest(s->rs, s->file->sha256);
}

static void put_extent(struct sending *s)
{
	unsigned long long first = s->range.first, len = s->range.len, all = s->file->bytes;

	response_header(s->rs, "Accept-Ranges", "%s", s->coding ? "none" : "bytes");
	if (s->coding)
		return;
	response_header(s->rs, "Content-Length", "%llu", len);
	if (s->kind == RANGE_PART)
		response_header(s->rs, "Content-Range", "bytes %llu-%llu/%llu", first,
			first + len - 1, all);
}

/* ---- the web server sends */

/* Whether a web server that knows our validators finds the same answer in this request. */
static bool is_plain(const struct sending *s)
{
	const struct conditions *c = &s->conditions;

	return !c->if_match && !c->if_unmodified_since && s->range.is_plain &&
	       (!c->if_range || *c->if_range == '"');
}

/* As part of a URL. */
static const char *encoded(struct request *rq, const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "/-_.";
	struct buf b = { 0 };

	for (const char *p = path; *p; p++)
		if (strchr(plain, *p))
			buf_putc(&b, *p);
		else
			buf_printf(&b, "%%%02X", (unsigned char)*p);
	const char *text = arena_strdup(&rq->arena, buf_str(&b));

	buf_free(&b);
	return text;
}

/* Puts the header that makes the web server send the file; false where it does not do that. (That it takes ranges nginx says
 * by itself, Apache does not.) */
static bool put_hand_over(struct sending *s)
{
	struct request *rq = s->rs->request;
	const char *how = request_env(rq, "SLUICE_SENDFILE");

	if (!how || s->coding || !is_plain(s))
		return false;
	if (!strcmp(how, "x-accel")) {
		response_header(s->rs, "X-Accel-Redirect", "%s%s", FILE_SEND_LOCATION,
			encoded(rq, s->file->path));
	} else if (!strcmp(how, "x-sendfile")) {
		response_header(s->rs, "Accept-Ranges", "bytes");
		response_header(s->rs, "X-Sendfile", "%s/%s", encoded(rq, s->file->dir),
			encoded(rq, s->file->path));
	} else {
		return false;
	}
	response_header(s->rs, "Sluice-Delivery", "%s", rq->id);
	return true;
}

/* The status is 200 for the web server, which makes the part by itself; the log has what the client gets. */
static int hand_over(struct sending *s, int status)
{
	response_empty(s->rs, 200);
	s->rs->status = status;
	if (s->rs->state != RESPONSE_DONE)
		return 0; /* the web server was gone */
	s->rs->bytes = s->range.len;
	s->rs->handed_over = true;
	return 0;
}

/* ---- this process sends */

static int put_bytes(int fd, const struct range *r, struct sink *out, struct err *e)
{
	char *piece = mem_alloc(FCGI_SINK_RECORD, 1);
	uint64_t at = r->first, end = r->first + r->len;
	ssize_t n = 0;

	while (at < end && n >= 0 && !sink_failed(out, NULL)) {
		size_t want = end - at < FCGI_SINK_RECORD ? end - at : FCGI_SINK_RECORD;

		n = pread(fd, piece, want, (off_t)at);
		if (n > 0) {
			sink_put(out, piece, (size_t)n);
			at += (uint64_t)n;
		} else if (n < 0 && errno == EINTR) {
			n = 0;
		} else {
			err_set(e, ERR_INTERNAL, "the file could not be read to its end");
			err_cause(e, "%s", n < 0 ? strerror(errno) : "it has become shorter");
			n = -1;
		}
	}
	free(piece);
	return n < 0 || sink_failed(out, e) ? -1 : 0;
}

static int send_bytes(struct sending *s, int fd, int status, struct err *e)
{
	struct sink *out = response_stream(s->rs, status);

	if (s->coding) {
		out = s->coding->new (out, s->coding->level_default, s->file->name);
		response_chain(s->rs, out);
	}
	posix_fadvise(fd, (off_t)s->range.first, (off_t)s->range.len, POSIX_FADV_SEQUENTIAL);
	return put_bytes(fd, &s->range, out, e) < 0 ? -1 : response_finish(s->rs, e);
}

/* ---- the answer */

static int answer(struct sending *s, int fd, struct err *e)
{
	int status = s->kind == RANGE_PART ? 206 : 200;

	put_validators(s);
	put_headers(s);
	if (request_is_head(s->rs->request)) {
		put_extent(s);
		response_empty(s->rs, status);
		return 0;
	}
	if (s->file->may_leave && s->file->may_leave(s->file->of, s->range.first == 0, e) < 0)
		return -1;
	if (put_hand_over(s))
		return hand_over(s, status);
	put_extent(s);
	return send_bytes(s, fd, status, e);
}

static int refuse_range(struct sending *s, struct err *e)
{
	unsigned long long all = s->file->bytes;

	response_header(s->rs, "Content-Range", "bytes */%llu", all);
	return err_set(e, ERR_RANGE,
		"the file has %llu bytes, and what Range asks for is not one of "
		"its parts",
		all);
}

static int decide(struct sending *s, int fd, struct err *e)
{
	read_request(s);
	if (choose_coding(s, e) < 0)
		return -1;
	const struct validators v = { s->etag, s->file->modified };

	switch (precondition_check(&s->conditions, &v)) {
	case PRECONDITION_FAILED:
		return err_set(e, ERR_PRECONDITION,
			"the file is not the one that If-Match or If-Unmodified-Since names");
	case PRECONDITION_NOT_MODIFIED:
		put_validators(s);
		response_empty(s->rs, 304);
		return 0;
	case PRECONDITION_HOLDS: break;
	}
	bool counts = precondition_range(&s->conditions, &v);

	s->kind = range_read(counts ? s->range_field : NULL, s->file->bytes, &s->range);
	return s->kind == RANGE_UNSATISFIABLE ? refuse_range(s, e) : answer(s, fd, e);
}

/* The web server looks for the file by its name once more, so that it must be a file of the stage and no other. */
static bool is_below(const char *path)
{
	if (*path == '/' || *path == '\0')
		return false;
	for (const char *p = path; *p; p += strcspn(p, "/"), p += *p == '/') {
		size_t len = strcspn(p, "/");

		if (len == 0 || (len <= 2 && !strncmp(p, "..", len)))
			return false;
	}
	return true;
}

static int open_file(struct sending *s, struct err *e)
{
	const struct served_file *f = s->file;
	const char *path = arena_printf(&s->rs->request->arena, "%s/%s", f->dir, f->path);
	struct stat st;

	if (!is_below(f->path)) {
		err_set(e, ERR_INTERNAL, "the file cannot be sent");
		return err_cause(e, "not a path below stage.dir: %s", f->path);
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		err_set(e, ERR_GONE, "the file is no longer there");
		return err_cause(e, "%s: %s", path, strerror(errno));
	}
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		(uint64_t)st.st_size == f->bytes)
		return fd;
	err_set(e, ERR_INTERNAL, "the file is not what it was when it was made");
	if (fd < 0)
		return err_cause(e, "%s: %s", path, strerror(errno));
	close(fd);
	return err_cause(e, "%s: not a file of %llu bytes", path, (unsigned long long)f->bytes);
}

int file_send(struct response *rs, const struct served_file *file, struct err *e)
{
	struct sending s = { .rs = rs, .file = file };

	response_header(rs, "Referrer-Policy", "no-referrer");
	int fd = open_file(&s, e);

	if (fd < 0)
		return -1;
	int status = decide(&s, fd, e);

	close(fd);
	return status;
}
