/*
 * The cache in Redis: SET key value PX milliseconds, and GET (https://redis.io/docs/latest/develop/reference/protocol-spec/).
 *
 * hiredis connects, writes commands and reads replies. The bytes are moved here: its own time limits are those of one
 * call of the kernel, of which a large value takes many.
 */
#include "lib/job/cache_store.h"

#include "config.h"

#ifdef HAVE_HIREDIS

#include <curl/curl.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/base/clock.h"
#include "lib/base/wait.h"

enum {
	PORT = 6379,
	IN_BYTES = 256 * 1024,
	ARGUMENTS_MAX = 5,
	REPLY_EXTRA = 4096 /* of a reply beside the value: its length, or an error */
};

struct redis_store {
	struct cache_store base;
	struct arena arena; /* owns the strings below */
	const char *path;   /* of a unix socket; NULL: host and port */
	const char *host;
	int port;
	const char *user;     /* NULL: that of old, who has only a password */
	const char *password; /* NULL: none is asked for */
	const char *db;       /* NULL: the first */
	const char *keep_ms;
	size_t reply_max;
	redisContext *conn; /* NULL: not connected */
	int64_t end_us;     /* monotonic, of the call at hand */
	bool was_closed;    /* why the last call failed: by the other end, without an answer */
	char in[IN_BYTES];
};

static void disconnect(struct redis_store *s)
{
	if (s->conn)
		redisFree(s->conn);
	s->conn = NULL;
}

/* The connection is of no more use. */
static int lost(struct redis_store *s, struct err *e, const char *why)
{
	err_set(e, ERR_UNAVAILABLE, "the cache cannot be reached");
	err_cause(e, "redis: %s", why);
	disconnect(s);
	return -1;
}

/* ---- one command */

static int wait_for(struct redis_store *s, short events, struct err *e)
{
	int64_t left_ms = (s->end_us - clock_monotonic_us()) / 1000;

	if (left_ms > 0 && wait_fd(s->conn->fd, events, -1, (int)left_ms) == WAIT_READY)
		return 0;
	return lost(s, e, "no answer within the time limit");
}

static int broken(struct redis_store *s, struct err *e, int error)
{
	s->was_closed = error == 0 || error == EPIPE || error == ECONNRESET;
	return lost(s, e, error ? strerror(error) : "the server has closed the connection");
}

static int send_all(struct redis_store *s, const char *data, size_t len, struct err *e)
{
	while (len > 0) {
		ssize_t n = send(s->conn->fd, data, len, MSG_NOSIGNAL);

		if (n >= 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			if (wait_for(s, POLLOUT, e) < 0)
				return -1;
		} else if (errno != EINTR) {
			return broken(s, e, errno);
		}
	}
	return 0;
}

/* The next reply, the caller's to free. */
static redisReply *receive(struct redis_store *s, struct err *e)
{
	void *reply = NULL;

	for (size_t total = 0;;) {
		if (redisReaderGetReply(s->conn->reader, &reply) != REDIS_OK) {
			lost(s, e, s->conn->reader->errstr);
			return NULL;
		}
		if (reply)
			return reply;
		ssize_t n = recv(s->conn->fd, s->in, sizeof s->in, 0);

		if (n > 0) {
			total += (size_t)n;
			redisReaderFeed(s->conn->reader, s->in, (size_t)n);
			if (total > s->reply_max) {
				disconnect(s);
				err_set(e, ERR_TOO_LARGE, "redis: holds more than cache.max_bytes");
				return NULL;
			}
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			broken(s, e, n == 0 ? 0 : errno);
			return NULL;
		} else if (wait_for(s, POLLIN, e) < 0) {
			return NULL;
		}
	}
}

struct argument {
	const char *data;
	size_t len;
};

static struct argument word(const char *s)
{
	return (struct argument){ s, strlen(s) };
}

/* The reply to a command; NULL when there is none: then the connection has been dropped. */
static redisReply *ask(struct redis_store *s, const struct argument *args, int n, struct err *e)
{
	const char *data[ARGUMENTS_MAX];
	size_t lens[ARGUMENTS_MAX];
	char *command;

	for (int i = 0; i < n; i++) {
		data[i] = args[i].data;
		lens[i] = args[i].len;
	}
	long long len = redisFormatCommandArgv(&command, n, data, lens);

	if (len < 0) {
		lost(s, e, "out of memory");
		return NULL;
	}
	int failed = send_all(s, command, (size_t)len, e);

	redisFreeCommand(command);
	return failed ? NULL : receive(s, e);
}

/* ---- connecting */

static int check_ok(struct redis_store *s, redisReply *r, struct err *e)
{
	int failed = !r ? -1 : r->type == REDIS_REPLY_ERROR ? lost(s, e, r->str) : 0;

	freeReplyObject(r);
	return failed;
}

static int enter(struct redis_store *s, struct err *e)
{
	struct argument args[3];
	int n = 0;

	if (s->password) {
		args[n++] = word("AUTH");
		if (s->user)
			args[n++] = word(s->user);
		args[n++] = word(s->password);
		if (check_ok(s, ask(s, args, n, e), e) < 0)
			return -1;
	}
	if (!s->db)
		return 0;
	args[0] = word("SELECT");
	args[1] = word(s->db);
	return check_ok(s, ask(s, args, 2, e), e);
}

static int connect_store(struct redis_store *s, struct err *e)
{
	s->conn = s->path ? redisConnectUnixNonBlock(s->path)
			  : redisConnectNonBlock(s->host, s->port);
	if (!s->conn)
		return lost(s, e, "out of memory");
	if (s->conn->err)
		return lost(s, e, s->conn->errstr);
	return enter(s, e);
}

/* A connection that was used before may have been closed since then: another is tried. */
static redisReply *run(struct redis_store *s, const struct argument *args, int n, struct err *e)
{
	s->end_us = clock_monotonic_us() + (int64_t)CACHE_WAIT_MS * 1000;
	for (bool fresh = false;; fresh = true) {
		if (!s->conn) {
			if (connect_store(s, e) < 0)
				return NULL;
			fresh = true;
		}
		s->was_closed = false;
		redisReply *r = ask(s, args, n, e);

		if (r || fresh || !s->was_closed)
			return r;
		*e = (struct err){ 0 };
	}
}

/* What no reply, or one that is not what was hoped for, comes to. */
static int refusal(const redisReply *r, struct err *e)
{
	if (!r)
		return e->code == ERR_TOO_LARGE ? 0 : -1;
	if (r->type == REDIS_REPLY_ERROR) {
		err_set(e, ERR_UNAVAILABLE, "the cache refuses");
		err_cause(e, "redis: %s", r->str);
	}
	return 0;
}

/* ---- the operations */

static const char *full_key(char out[128], const char *key)
{
	snprintf(out, 128, "sluice:q:%s", key);
	return out;
}

static int get(struct cache_store *base, const char *key, struct buf *value, struct err *e)
{
	struct redis_store *s = (struct redis_store *)base;
	char name[128];
	const struct argument args[] = { word("GET"), word(full_key(name, key)) };
	redisReply *r = run(s, args, 2, e);
	int found = r && r->type == REDIS_REPLY_STRING ? 1 : refusal(r, e);

	if (found > 0)
		buf_put(value, r->str, r->len);
	freeReplyObject(r);
	return found;
}

static int put(
	struct cache_store *base, const char *key, const void *value, size_t len, struct err *e)
{
	struct redis_store *s = (struct redis_store *)base;
	char name[128];
	const struct argument args[] = { word("SET"), word(full_key(name, key)), { value, len },
		word("PX"), word(s->keep_ms) };
	redisReply *r = run(s, args, 5, e);
	int kept = r && r->type == REDIS_REPLY_STATUS ? 1 : refusal(r, e);

	freeReplyObject(r);
	return kept;
}

static void close_store(struct cache_store *base)
{
	struct redis_store *s = (struct redis_store *)base;

	disconnect(s);
	arena_free(&s->arena);
	free(s);
}

/* ---- cache.redis */

/* Part of the URL, decoded, in the arena; NULL when it has none. */
static const char *part(struct redis_store *s, CURLU *url, CURLUPart what)
{
	char *text = NULL;

	if (curl_url_get(url, what, &text, what == CURLUPART_HOST ? 0 : CURLU_URLDECODE) !=
		CURLUE_OK)
		return NULL;
	const char *kept = arena_strdup(&s->arena, text);

	curl_free(text);
	return kept;
}

/* An IPv6 address stands in brackets. */
static const char *host_of(struct arena *a, const char *host)
{
	size_t len = strlen(host);

	return host[0] == '[' ? arena_strndup(a, host + 1, len - 2) : host;
}

static bool take_url(struct redis_store *s, CURLU *url, const char *text)
{
	static const char scheme[] = "redis://";
	const size_t scheme_len = sizeof scheme - 1;

	/* libcurl would take a third slash for one too many. */
	if (strncmp(text, scheme, scheme_len) != 0 || text[scheme_len] == '/' ||
		curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		return false;
	const char *host = part(s, url, CURLUPART_HOST), *port = part(s, url, CURLUPART_PORT);
	const char *path = part(s, url, CURLUPART_PATH), *user = part(s, url, CURLUPART_USER);

	s->password = part(s, url, CURLUPART_PASSWORD);
	if (!host || !*host || part(s, url, CURLUPART_QUERY) || part(s, url, CURLUPART_FRAGMENT) ||
		(user && *user && !s->password))
		return false;
	s->host = host_of(&s->arena, host);
	s->port = port ? (int)strtol(port, NULL, 10) : PORT;
	s->user = user && *user ? user : NULL;
	if (path && path[0] == '/' && path[1])
		s->db = path + 1;
	return !s->db || strspn(s->db, "0123456789") == strlen(s->db);
}

static int take_address(struct redis_store *s, const char *text, struct err *e)
{
	static const char unix_scheme[] = "unix:";
	const size_t scheme_len = sizeof unix_scheme - 1;
	bool good = false;

	if (strncmp(text, unix_scheme, scheme_len) == 0) {
		s->path = arena_strdup(&s->arena, text + scheme_len);
		good = s->path[0] == '/' &&
		       strlen(s->path) < sizeof((struct sockaddr_un *)NULL)->sun_path;
	} else {
		CURLU *url = curl_url();

		good = url && take_url(s, url, text);
		curl_url_cleanup(url);
	}
	if (good)
		return 0;
	return err_set(e, ERR_CONFIG,
		"cache.redis: must be redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] or unix:/path");
}

struct cache_store *cache_redis_open(const struct settings *settings, struct err *e)
{
	static const struct cache_store_ops ops = { get, put, close_store };
	struct redis_store *s = mem_zero(1, sizeof *s);
	int64_t keep_ms = settings->cache_keep_us / 1000;

	s->base.ops = &ops;
	s->keep_ms = arena_printf(&s->arena, "%lld", (long long)(keep_ms > 0 ? keep_ms : 1));
	s->reply_max = (size_t)settings->cache_max_bytes + REPLY_EXTRA;
	if (take_address(s, settings->cache_redis, e) == 0)
		return &s->base;
	close_store(&s->base);
	return NULL;
}

#else

struct cache_store *cache_redis_open(const struct settings *settings, struct err *e)
{
	(void)settings;
	err_set(e, ERR_CONFIG, "cache.redis: this build has no Redis (hiredis)");
	return NULL;
}

#endif
