#include "lib/source/pgwire.h"

#include <endian.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "lib/base/mem.h"
#include "lib/base/wait.h"

enum {
	IN_LEN = 128 * 1024,   /* first size of the input buffer: what a unix socket holds */
	IN_KEEP = 1024 * 1024, /* given back when a larger message is done with */
	NAP_NS = 60 * 1000,    /* about 15 KiB at the speed of a server's COPY */
	NAPS = 20,             /* then the server is waiting for something: sleep in poll */
	SLOW_MS = 200          /* rows at hand travel on after so long without more */
};

void pgwire_lend(struct pgwire *w, int fd, void *ssl, int hangup_fd)
{
	w->fd = fd;
	w->ssl = ssl;
	w->hangup_fd = hangup_fd;
	w->head = w->tail = 0;
	if (!w->in) {
		w->in = mem_alloc(IN_LEN, 1);
		w->cap = IN_LEN;
	}
}

void pgwire_free(struct pgwire *w)
{
	free(w->in);
	*w = (struct pgwire){ 0 };
}

static int lost(struct err *e, const char *why)
{
	err_set(e, ERR_DATABASE, "the connection to the database was lost");
	return err_cause(e, "%s", why);
}

/* ---- sending */

/* As send(2) and recv(2): bytes, 0 at the end, -1 with errno EAGAIN, or *events to wait for with TLS. */
static ssize_t transfer(struct pgwire *w, void *to, const void *from, size_t len, short *events)
{
	if (!w->ssl)
		return to ? recv(w->fd, to, len, MSG_DONTWAIT)
			  : send(w->fd, from, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	size_t done;

	ERR_clear_error();
	int ok = to ? SSL_read_ex(w->ssl, to, len, &done) : SSL_write_ex(w->ssl, from, len, &done);

	if (ok)
		return (ssize_t)done;
	switch (SSL_get_error(w->ssl, ok)) {
	case SSL_ERROR_WANT_READ: *events = POLLIN; break;
	case SSL_ERROR_WANT_WRITE: *events = POLLOUT; break;
	case SSL_ERROR_ZERO_RETURN: return 0;
	default: errno = ECONNRESET; return -1;
	}
	errno = EAGAIN;
	return -1;
}

static int send_all(struct pgwire *w, const struct buf *b, struct err *e)
{
	for (size_t done = 0; done < b->len;) {
		short events = POLLOUT;
		ssize_t n = transfer(w, NULL, b->data + done, b->len - done, &events);

		if (n > 0) {
			done += (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return lost(e, strerror(errno));
		if (wait_fd(w->fd, events, w->hangup_fd, -1) == WAIT_HANGUP)
			return wait_gave_up(e);
	}
	return 0;
}

static void put16(struct buf *b, size_t v)
{
	uint16_t be = htobe16((uint16_t)v);

	buf_put(b, &be, sizeof be);
}

static void put32(struct buf *b, uint32_t v)
{
	uint32_t be = htobe32(v);

	buf_put(b, &be, sizeof be);
}

static size_t begin_message(struct buf *b, char type)
{
	buf_putc(b, type);
	put32(b, 0);
	return b->len - 4;
}

static void end_message(struct buf *b, size_t at)
{
	uint32_t be = htobe32((uint32_t)(b->len - at));

	memcpy(b->data + at, &be, sizeof be);
}

static void put_text(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s) + 1);
}

static void put_sync(struct buf *b)
{
	end_message(b, begin_message(b, 'S'));
}

/* ---- receiving */

struct message {
	char type;
	const uint8_t *body;
	size_t len; /* of the body */
};

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return be32toh(v);
}

static size_t get16(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

/* The next whole message at hand, or false. A length that no message has counts as one of type 0. */
static inline bool take(struct pgwire *w, struct message *m)
{
	size_t have = w->tail - w->head;
	const uint8_t *p = w->in + w->head;

	if (have < 5)
		return false;
	uint32_t len = get32(p + 1);

	if (len < 4 || len > INT32_MAX) {
		*m = (struct message){ 0 };
		return true;
	}
	if (have < 1 + (size_t)len)
		return false;
	*m = (struct message){ (char)p[0], p + 5, len - 4 };
	w->head += 1 + (size_t)len;
	return true;
}

/* Room behind tail for more of the message that begins at head. */
static void make_room(struct pgwire *w)
{
	size_t have = w->tail - w->head, need = IN_LEN;

	if (have >= 5 && (size_t)get32(w->in + w->head + 1) + 1 > need)
		need = (size_t)get32(w->in + w->head + 1) + 1;
	if (w->head) {
		memmove(w->in, w->in + w->head, have);
		w->head = 0;
		w->tail = have;
	}
	if (w->cap < need || (w->cap > IN_KEEP && need == IN_LEN && have <= IN_LEN)) {
		w->in = mem_grow(w->in, need, 1);
		w->cap = need;
	}
}

static void nap(void)
{
	struct timespec t = { 0, NAP_NS };

	nanosleep(&t, NULL);
}

/* More bytes behind tail: 1, or 0 when `slow` allows to give up after SLOW_MS without any. */
static int receive(struct pgwire *w, bool slow, struct err *e)
{
	if (w->head == w->tail)
		w->head = w->tail = 0;
	if (w->cap - w->tail < IN_LEN / 2 || w->cap > IN_KEEP)
		make_room(w);
	for (int tries = 0;; tries++) {
		short events = POLLIN;
		ssize_t n = transfer(w, w->in + w->tail, NULL, w->cap - w->tail, &events);

		if (n > 0) {
			w->tail += (size_t)n;
			return 1;
		}
		if (n == 0)
			return lost(e, "end of file from the server");
		if (errno != EAGAIN && errno != EINTR)
			return lost(e, strerror(errno));
		if (tries < NAPS) {
			nap();
			continue;
		}
		switch (wait_fd(w->fd, events, w->hangup_fd, slow ? SLOW_MS : -1)) {
		case WAIT_HANGUP: return wait_gave_up(e);
		case WAIT_TIMEOUT: return 0;
		case WAIT_READY: break;
		}
	}
}

/* A field of an ErrorResponse ("Error and Notice Message Fields"), or "". */
static const char *error_field(const struct message *m, char key)
{
	const char *p = (const char *)m->body, *end = p + m->len;

	while (p < end && *p) {
		size_t len = strnlen(p + 1, (size_t)(end - p - 1));

		if (p + 1 + len >= end)
			break;
		if (*p == key)
			return p + 1;
		p += len + 2;
	}
	return "";
}

static int protocol_error(struct err *e, char type)
{
	err_set(e, ERR_DATABASE, "the database sent an answer that cannot be read");
	return err_cause(e, "unexpected message of type 0x%02x", (unsigned char)type);
}

/* What may come at any time, or is an error: 0 to go on, -1. */
static int other_message(const struct message *m, struct err *e)
{
	switch (m->type) {
	case 'A': /* NotificationResponse */
	case 'N': /* NoticeResponse */
	case 'S': /* ParameterStatus */ return 0;
	case 'E': return pgwire_error(e, error_field(m, 'C'), error_field(m, 'M'));
	default: return protocol_error(e, m->type);
	}
}

static int next_message(struct pgwire *w, struct message *m, struct err *e)
{
	while (!take(w, m))
		if (receive(w, false, e) < 0)
			return -1;
	return 0;
}

/* RowDescription: int16 n; for each: name, int32 table, int16 column, int32 type, int16 length,
 * int32 typmod, int16 format. */
static int read_fields(const struct message *m, struct arena *a, struct pgwire_field **fields,
	size_t *n, struct err *e)
{
	const uint8_t *p = m->body + 2, *end = m->body + m->len;
	size_t count = m->len < 2 ? 0 : get16(m->body);
	struct pgwire_field *f = arena_zero(a, count, sizeof *f);

	for (size_t i = 0; i < count; i++) {
		size_t len = strnlen((const char *)p, (size_t)(end - p));

		if ((size_t)(end - p) < len + 19)
			return protocol_error(e, 'T');
		f[i].name = arena_strndup(a, (const char *)p, len);
		p += len + 1;
		f[i].oid = get32(p + 6);
		f[i].typmod = (int32_t)get32(p + 12);
		p += 18;
	}
	*fields = f;
	*n = count;
	return 0;
}

int pgwire_prepare(struct pgwire *w, const char *sql, struct arena *a, struct pgwire_field **fields,
	size_t *n, struct err *e)
{
	struct buf out = { 0 };
	struct message m;
	size_t at = begin_message(&out, 'P');

	*fields = NULL;
	*n = 0;
	put_text(&out, ""); /* the unnamed statement: poolers keep none for us */
	put_text(&out, sql);
	put16(&out, 0);
	end_message(&out, at);
	at = begin_message(&out, 'D');
	buf_putc(&out, 'S');
	put_text(&out, "");
	end_message(&out, at);
	put_sync(&out);
	int r = send_all(w, &out, e);

	buf_free(&out);
	while (r == 0 && (r = next_message(w, &m, e)) == 0 && m.type != 'Z')
		if (m.type == 'T')
			r = read_fields(&m, a, fields, n, e);
		else if (m.type != '1' && m.type != 't' && m.type != 'n')
			r = other_message(&m, e);
	return r;
}

int pgwire_execute(struct pgwire *w, const struct statement *st, const struct pgcolumn *columns,
	size_t columns_n, struct err *e)
{
	struct buf out = { 0 };
	size_t at = begin_message(&out, 'B');

	w->done = w->counted = false;
	w->rows = 0;
	put_text(&out, ""); /* portal */
	put_text(&out, ""); /* statement */
	put16(&out, 0);     /* parameters are all text */
	put16(&out, st->params_n);
	for (size_t i = 0; i < st->params_n; i++) {
		const char *value = st->params[i];

		put32(&out, value ? (uint32_t)strlen(value) : UINT32_MAX);
		if (value)
			buf_puts(&out, value);
	}
	put16(&out, columns_n);
	for (size_t i = 0; i < columns_n; i++)
		put16(&out, pgdecode_is_binary(&columns[i]));
	end_message(&out, at);
	at = begin_message(&out, 'E');
	put_text(&out, "");
	put32(&out, 0); /* all rows */
	end_message(&out, at);
	put_sync(&out);
	int r = send_all(w, &out, e);

	buf_free(&out);
	return r;
}

/* CommandComplete: "SELECT n", or "EXPLAIN" without a number. A result that is not as long as the
 * server says has lost rows on the way. */
static int check_count(struct pgwire *w, const struct message *m, struct err *e)
{
	char tag[64];
	size_t len = m->len < sizeof tag ? m->len : sizeof tag - 1;

	memcpy(tag, m->body, len);
	tag[len] = '\0';
	w->counted = strncmp(tag, "SELECT ", 7) || strtoull(tag + 7, NULL, 10) == w->rows;
	if (w->counted)
		return 0;
	err_set(e, ERR_DATABASE, "rows were lost on the way from the database");
	return err_cause(e, "%llu rows received, %s", (unsigned long long)w->rows, tag);
}

int pgwire_rows(struct pgwire *w, const struct pgcolumn *columns, struct batch *b, struct err *e)
{
	struct message m;

	while (!w->done) {
		while (take(w, &m)) {
			if (m.type == 'D') {
				if (pgdecode_row(columns, b, m.body, m.len, e) < 0)
					return -1;
				w->rows++;
				if (batch_is_full(b))
					return 1;
			} else if (m.type == 'Z') {
				w->done = true;
				return w->rows == 0 || w->counted ? 0 : protocol_error(e, m.type);
			} else if (m.type == 'C') {
				if (check_count(w, &m, e) < 0)
					return -1;
			} else if (m.type != '2' && m.type != 'I') {
				if (other_message(&m, e) < 0)
					return -1;
			}
		}
		int r = receive(w, b->rows > 0, e);

		if (r < 0)
			return -1;
		if (r == 0)
			return 1;
	}
	return 0;
}

/* ---- errors */

int pgwire_error(struct err *e, const char *sqlstate, const char *message)
{
	/* Class or code -> what it means to the caller (Appendix A, "PostgreSQL Error Codes"); the first match holds. PASSING: the
	 * server's trouble of the moment; of the others of ERR_DATABASE the next try would be told the same. */
	enum { FINAL, PASSING };
	static const struct {
		const char *prefix;
		enum err_code code;
		const char *text;
		int how;
	} meanings[] = {
		{ "57014", ERR_TIMEOUT,
			"the database ended the query: it took too long, or was canceled", FINAL },
		{ "57", ERR_DATABASE, "the database ended the connection", PASSING },
		{ "40001", ERR_DATABASE,
			"the database ended the query: it conflicts with recovery on this replica, "
			"or with another transaction",
			PASSING },
		{ "40", ERR_DATABASE, "the database ended the transaction", PASSING },
		{ "25P", ERR_DATABASE, "the database ended the transaction", PASSING },
		{ "55", ERR_DATABASE, "the database has locked what the query needs", PASSING },
		{ "42501", ERR_DATABASE, "the database does not let Sluice read this", FINAL },
		{ "42P01", ERR_DATABASE, "the database has no such table (any more)", FINAL },
		{ "42703", ERR_DATABASE, "the database has no such column (any more)", FINAL },
		{ "42803", ERR_UNPROCESSABLE,
			"a column stands neither in groupBy nor in an aggregate", FINAL },
		{ "42883", ERR_UNPROCESSABLE, "the database has no such operation on these types",
			FINAL },
		{ "42846", ERR_UNPROCESSABLE, "the database has no such cast", FINAL },
		{ "42804", ERR_UNPROCESSABLE, "the database cannot match these types", FINAL },
		{ "42P22", ERR_UNPROCESSABLE, "the database cannot tell which collation to use",
			FINAL },
		{ "0A000", ERR_UNPROCESSABLE, "the database cannot do this with these types",
			FINAL },
		{ "54", ERR_UNPROCESSABLE, "the query is larger than the database can do", FINAL },
		{ "53300", ERR_UNAVAILABLE, "the database has no connection to spare", PASSING },
		{ "53", ERR_DATABASE, "the database ran out of resources", PASSING },
		{ "58", ERR_DATABASE, "the database's machine failed it", PASSING },
		{ "22", ERR_UNPROCESSABLE, "the database could not compute a value", FINAL },
		{ "08", ERR_UNAVAILABLE, "the database cannot be reached", PASSING },
		{ "", ERR_DATABASE, "the database refused the query", FINAL },
	};
	size_t i = 0;

	while (strncmp(sqlstate, meanings[i].prefix, strlen(meanings[i].prefix)))
		i++;
	err_set(e, meanings[i].code, "%s", meanings[i].text);
	e->is_final = meanings[i].how == FINAL;
	/* Data exceptions, and what functions raise, quote row values, which the log must not hold. */
	if (!strncmp(sqlstate, "22", 2) || !strncmp(sqlstate, "P0", 2))
		return err_cause(e, "SQLSTATE %s", sqlstate);
	return err_cause(e, "SQLSTATE %s: %s", sqlstate, message);
}
