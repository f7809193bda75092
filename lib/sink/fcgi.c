#include "lib/sink/fcgi.h"

#include <errno.h>
#include <fastcgi.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/wait.h"

enum { WRONG_VERSION = 0x63, ABORT_US = 2000000 };

/* When to stop waiting, as a monotonic time. */
#define AT_ONCE INT64_C(0)
#define NEVER   INT64_MAX

struct fcgi_sink {
	struct sink base;
	FCGX_Request *request;
	struct buf head; /* freed once sent */
	struct buf rest; /* of records begun */
	size_t rest_at;  /* first byte of it that is not sent */
	int64_t waited_us;
	bool begun;
};

/* A record as it is sent; its parts are taken away from the front as they leave. */
struct record {
	FCGI_Header header;
	struct iovec parts[3];
	struct iovec *first;
	int n;
};

static void fail(struct sink *s, int error)
{
	struct err e;

	if (error == EPIPE || error == ECONNRESET)
		err_set(&e, ERR_CLIENT_GONE, "the client hung up");
	else
		err_set(&e, ERR_INTERNAL, "the web server's connection failed");
	err_cause(&e, "write: %s", strerror(error));
	sink_fail(s, &e);
}

static void record_init(struct record *r, int id, const void *data, size_t len)
{
	static const char zeros[8];
	size_t padding = -len & 7;

	r->header = (FCGI_Header){
		.version = FCGI_VERSION_1,
		.type = FCGI_STDOUT,
		.requestIdB1 = (unsigned char)(id >> 8),
		.requestIdB0 = (unsigned char)id,
		.contentLengthB1 = (unsigned char)(len >> 8),
		.contentLengthB0 = (unsigned char)len,
		.paddingLength = (unsigned char)padding,
	};
	r->parts[0] = (struct iovec){ &r->header, sizeof r->header };
	r->parts[1] = (struct iovec){ (void *)(uintptr_t)data, len };
	r->parts[2] = (struct iovec){ (void *)(uintptr_t)zeros, padding };
	r->first = r->parts;
	r->n = padding ? 3 : 2;
}

static void record_advance(struct record *r, size_t sent)
{
	for (; r->n > 0 && sent >= r->first->iov_len; r->first++, r->n--)
		sent -= r->first->iov_len;
	if (r->n > 0 && sent > 0) {
		r->first->iov_base = (char *)r->first->iov_base + sent;
		r->first->iov_len -= sent;
	}
}

static bool is_begun(const struct record *r)
{
	return r->first != r->parts || r->first->iov_len < sizeof r->header;
}

static void keep(struct fcgi_sink *f, const struct record *r)
{
	for (int i = 0; i < r->n; i++)
		buf_put(&f->rest, r->first[i].iov_base, r->first[i].iov_len);
}

/* False when the time is over, or what was waited for will not come (the sink has failed then). */
static bool wait_for_room(struct fcgi_sink *f, int64_t end_us)
{
	int64_t now = end_us == AT_ONCE ? 0 : clock_monotonic_us(), ms = -1;
	int fd = f->request->ipcFd;
	struct err e;

	if (end_us <= now)
		return false;
	if (end_us != NEVER)
		ms = (end_us - now + 999) / 1000;
	enum wait_result r = wait_fd(fd, POLLOUT, fd, ms < INT_MAX ? (int)ms : INT_MAX);

	f->waited_us += clock_monotonic_us() - now;
	if (r == WAIT_HANGUP) {
		wait_gave_up(&e);
		sink_fail(&f->base, &e);
	}
	return r == WAIT_READY;
}

/* Bytes that left, more than 0; 0 when none could. */
static size_t send_some(struct fcgi_sink *f, struct iovec *v, int n, int64_t end_us)
{
	struct msghdr m = { .msg_iov = v, .msg_iovlen = (size_t)n };

	do {
		ssize_t sent = sendmsg(f->request->ipcFd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent > 0)
			return (size_t)sent;
		if (sent < 0 && errno != EAGAIN && errno != EINTR) {
			fail(&f->base, errno);
			return 0;
		}
	} while (wait_for_room(f, end_us));
	return 0;
}

static bool send_rest(struct fcgi_sink *f, int64_t end_us)
{
	while (f->rest_at < f->rest.len) {
		struct iovec v = { f->rest.data + f->rest_at, f->rest.len - f->rest_at };
		size_t sent = send_some(f, &v, 1, end_us);

		if (sent == 0)
			return false;
		f->rest_at += sent;
	}
	f->rest.len = f->rest_at = 0;
	return true;
}

/* Whether the record was taken: all of it has left, or a part and the other is kept. */
static bool send_record(struct fcgi_sink *f, const void *data, size_t len, int64_t end_us)
{
	struct record r;

	record_init(&r, f->request->requestId, data, len);
	while (r.n > 0) {
		size_t sent = send_some(f, r.first, r.n, end_us);

		if (sent == 0 && !is_begun(&r))
			return false;
		if (sent == 0) {
			keep(f, &r);
			return true;
		}
		record_advance(&r, sent);
	}
	return true;
}

static size_t record_len(size_t len)
{
	return len < FCGI_SINK_RECORD ? len : FCGI_SINK_RECORD;
}

/* The head is short: it is kept as a whole, to leave ahead of the body. */
static void begin(struct fcgi_sink *f)
{
	struct record r;

	if (f->begun)
		return;
	f->begun = true;
	for (size_t n, at = 0; at < f->head.len; at += n) {
		n = record_len(f->head.len - at);
		record_init(&r, f->request->requestId, f->head.data + at, n);
		keep(f, &r);
	}
	buf_free(&f->head);
}

static size_t send_data(struct fcgi_sink *f, const char *data, size_t len, int64_t end_us)
{
	size_t at = 0;

	begin(f);
	while (f->base.err.code == ERR_NONE && send_rest(f, end_us) && at < len) {
		size_t n = record_len(len - at);

		if (!send_record(f, data + at, n, end_us))
			break;
		at += n;
	}
	return at;
}

size_t fcgi_sink_offer(struct sink *s, const void *data, size_t len, int64_t end_us)
{
	size_t taken = send_data((struct fcgi_sink *)s, data, len, end_us);

	s->bytes += taken;
	return taken;
}

/* Of a put that fails, what had left counts. */
static void put(struct sink *s, const void *data, size_t len)
{
	struct fcgi_sink *f = (struct fcgi_sink *)s;
	size_t taken = send_data(f, data, len, NEVER), held = f->rest.len - f->rest_at;

	if (s->err.code != ERR_NONE && taken > held)
		s->bytes += taken - held;
}

static void flush(struct sink *s)
{
	send_data((struct fcgi_sink *)s, NULL, 0, NEVER);
}

static void abort_body(struct sink *s)
{
	struct fcgi_sink *f = (struct fcgi_sink *)s;
	FCGI_Header wrong = { .version = WRONG_VERSION };

	if (!f->begun || s->err.code != ERR_NONE)
		return;
	buf_put(&f->rest, &wrong, sizeof wrong);
	send_rest(f, clock_monotonic_us() + ABORT_US);
}

static void free_sink(struct sink *s)
{
	struct fcgi_sink *f = (struct fcgi_sink *)s;

	buf_free(&f->head);
	buf_free(&f->rest);
	free(s);
}

struct sink *fcgi_sink_new(FCGX_Request *request, const char *head, size_t head_len)
{
	static const struct sink_ops ops = { put, flush, flush, abort_body, free_sink };
	struct fcgi_sink *f = mem_zero(1, sizeof *f);

	f->base.ops = &ops;
	f->request = request;
	buf_put(&f->head, head, head_len);
	return &f->base;
}

bool fcgi_sink_holds(const struct sink *s)
{
	return ((const struct fcgi_sink *)s)->rest.len > 0;
}

int64_t fcgi_sink_waited_us(const struct sink *s)
{
	return ((const struct fcgi_sink *)s)->waited_us;
}

bool fcgi_sink_has_begun(const struct sink *s)
{
	return ((const struct fcgi_sink *)s)->begun;
}

void fcgi_release(FCGX_Request *request, bool aborted)
{
	if (aborted)
		FCGX_Free(request, 1);
	else
		FCGX_Finish_r(request);
}
