#include "lib/sink/fcgi.h"

#include <errno.h>
#include <fastcgi.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/base/mem.h"
#include "lib/base/stop.h"
#include "lib/base/wait.h"

/* Content of one record: the most that two bytes of length can say, less what would need padding (§3.3). */
enum { RECORD_MAX = 65528, WRONG_VERSION = 0x63 };

struct fcgi_sink {
	struct sink base;
	FCGX_Request *request;
	struct buf head; /* freed once sent */
	bool begun;
};

static void fail(struct sink *s, int error)
{
	struct err e;

	if (error == EPIPE || error == ECONNRESET)
		err_set(&e, ERR_CLIENT_GONE, "the client hung up");
	else if (error == EINTR)
		wait_gave_up(&e);
	else
		err_set(&e, ERR_INTERNAL, "the web server's connection failed");
	err_cause(&e, "write: %s", strerror(error));
	sink_fail(s, &e);
}

static void write_all(struct sink *s, struct iovec *v, int n)
{
	int fd = ((struct fcgi_sink *)s)->request->ipcFd;

	while (n > 0) {
		struct msghdr m = { .msg_iov = v, .msg_iovlen = (size_t)n };
		ssize_t done = sendmsg(fd, &m, MSG_NOSIGNAL);

		if (done < 0 && errno == EAGAIN) {
			wait_fd(fd, POLLOUT, -1, -1);
			continue;
		}
		if (done < 0 && (errno != EINTR || stop_overdue())) {
			fail(s, errno);
			return;
		}
		if (done < 0)
			continue;
		for (; n > 0 && done >= (ssize_t)v->iov_len; v++, n--)
			done -= (ssize_t)v->iov_len;
		if (n > 0 && done > 0) {
			v->iov_base = (char *)v->iov_base + done;
			v->iov_len -= (size_t)done;
		}
	}
}

static void write_record(struct sink *s, const void *data, size_t len)
{
	static const char zeros[8];
	int id = ((struct fcgi_sink *)s)->request->requestId;
	size_t padding = -len & 7;
	FCGI_Header header = {
		.version = FCGI_VERSION_1,
		.type = FCGI_STDOUT,
		.requestIdB1 = (unsigned char)(id >> 8),
		.requestIdB0 = (unsigned char)id,
		.contentLengthB1 = (unsigned char)(len >> 8),
		.contentLengthB0 = (unsigned char)len,
		.paddingLength = (unsigned char)padding,
	};
	struct iovec v[] = {
		{ &header, sizeof header },
		{ (void *)(uintptr_t)data, len },
		{ (void *)(uintptr_t)zeros, padding },
	};

	write_all(s, v, padding ? 3 : 2);
}

static void write_records(struct sink *s, const char *p, size_t len)
{
	for (size_t n; len > 0 && s->err.code == ERR_NONE; p += n, len -= n) {
		n = len < RECORD_MAX ? len : RECORD_MAX;
		write_record(s, p, n);
	}
}

static void send_head(struct fcgi_sink *f)
{
	if (f->begun)
		return;
	f->begun = true;
	write_records(&f->base, f->head.data, f->head.len);
	buf_free(&f->head);
}

static void put(struct sink *s, const void *data, size_t len)
{
	send_head((struct fcgi_sink *)s);
	write_records(s, data, len);
}

static void flush(struct sink *s)
{
	send_head((struct fcgi_sink *)s);
}

static void abort_body(struct sink *s)
{
	struct fcgi_sink *f = (struct fcgi_sink *)s;
	FCGI_Header wrong = { .version = WRONG_VERSION };
	struct iovec v = { &wrong, sizeof wrong };

	if (f->begun && s->err.code == ERR_NONE)
		write_all(s, &v, 1);
}

static void free_sink(struct sink *s)
{
	buf_free(&((struct fcgi_sink *)s)->head);
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
