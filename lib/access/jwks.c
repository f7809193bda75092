#include "lib/access/jwks.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/access/discovery.h"
#include "lib/access/fetch.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

enum {                         /* us */
	REREAD_US = 1000000,   /* least time between two readings of a file that looks unchanged */
	LOCK_NAP_US = 10000,   /* between two looks at a lock that another process holds */
	LOCK_MORE_US = 1000000 /* what the holder may need beyond auth.timeout */
};

/* What changes when a file is written or replaced. */
struct file_id {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

struct jwks {
	const struct settings *s;
	bool is_remote;  /* else from a file */
	char *path;      /* the file that holds the set */
	char *lock_path; /* NULL from a file, as are the next two */
	char *new_path;  /* becomes path or uri_path by rename */
	char *uri_path;  /* the jwks_uri; not used with auth.jwks */
	struct jwk_set set;
	struct file_id id; /* of what was last read from path, sound or not */
	int64_t made_us;   /* wall clock: when the set in memory was written */
	int64_t tried_us;  /* wall clock: the last attempt to renew it that we know of */
};

static int64_t time_us(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Less than `span` apart. Either way, so that a clock that was set back does not put things off for
 * long. */
static bool is_near(int64_t a, int64_t b, int64_t span)
{
	return a - b < span && b - a < span;
}

/* ---- the set in its file and in memory */

static void log_failure(const struct jwks *j, const char *msg, const char *cause)
{
	log_begin(LOG_WARN, msg);
	log_str("path", j->path);
	log_str("cause", cause);
	log_end();
}

static bool get_id(const char *path, struct file_id *id)
{
	struct stat st;

	/* As bytes are compared, the padding counts too. */
	memset(id, 0, sizeof *id);
	if (stat(path, &st))
		return false;
	id->dev = st.st_dev;
	id->ino = st.st_ino;
	id->size = st.st_size;
	id->mtime = st.st_mtim;
	id->ctime = st.st_ctim;
	return true;
}

static void adopt(struct jwks *j, struct jwk_set *set, int64_t made_us)
{
	jwk_set_free(&j->set);
	j->set = *set;
	j->made_us = made_us;
}

static int read_set(struct jwks *j, struct err *e)
{
	struct buf text = { 0 };
	struct jwk_set set = { 0 };
	int failed;

	if (file_read(j->path, (size_t)j->s->auth_max_bytes, &text))
		failed = err_cause(e, "%s", strerror(errno));
	else
		failed = jwk_set_parse(&set, text.data, text.len, e);
	if (!failed)
		adopt(j, &set, time_us(j->id.mtime));
	buf_free(&text);
	return failed;
}

/* Read the file if it is another than last time, or anyhow. The old set stays when it is gone or
 * bad. */
static void reload(struct jwks *j, bool anyhow)
{
	struct file_id id;
	struct err e = { 0 };

	if (!get_id(j->path, &id) || (!anyhow && memcmp(&id, &j->id, sizeof id) == 0))
		return;
	j->id = id; /* taken before reading: a change in between is then seen by the next call */
	if (read_set(j, &e))
		log_failure(j, "key set cannot be read", e.cause);
}

static int write_all(int fd, const char *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, data + done, len - done);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

/* In place of the file. Not synced to disk: after a crash of the host it is fetched again. */
static int store(const struct jwks *j, const struct buf *text, const char *path)
{
	int fd = open(j->new_path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	int failed = write_all(fd, text->data, text->len);

	if (close(fd))
		failed = -1;
	return failed ? failed : rename(j->new_path, path);
}

/* ---- fetching, once for the host */

/* How old a set or a URL may be. */
static int64_t age(const struct jwks *j)
{
	return j->s->auth_refresh_us > JWKS_AGE_US ? j->s->auth_refresh_us : JWKS_AGE_US;
}

static int fetch_from(const struct jwks *j, const char *url, int64_t timeout_us, struct buf *text,
	struct jwk_set *set, struct err *e)
{
	struct fetch what = {
		.url = url,
		.accept = "application/jwk-set+json, application/json",
		.ca = j->s->auth_ca,
		.timeout_us = timeout_us,
		.max_bytes = j->s->auth_max_bytes,
	};
	int status;

	text->len = 0;
	return fetch_https(&what, text, &status, e) || jwk_set_parse(set, text->data, text->len, e)
		       ? -1
		       : 0;
}

/* The URL kept, as a string; uri is empty when there is none. True while it need not be asked for
 * again. */
static bool read_uri(const struct jwks *j, struct buf *uri)
{
	struct file_id id;

	if (!get_id(j->uri_path, &id) || file_read(j->uri_path, DISCOVERY_URL_MAX, uri) ||
		!discovery_is_jwks_uri(buf_str(uri))) {
		uri->len = 0;
		return false;
	}
	return is_near(clock_wall_us(), time_us(id.mtime), age(j));
}

/* uri stays as it was when the issuer does not tell. */
static void ask_uri(const struct jwks *j, int64_t timeout_us, struct buf *uri, struct err *e)
{
	if (discovery_ask(j->s, timeout_us, uri, e))
		log_failure(j, "issuer's discovery document cannot be had", e->cause);
	else if (store(j, uri, j->uri_path))
		log_failure(j, "issuer's jwks_uri cannot be kept", strerror(errno));
}

/* What may be followed by another request has half of the time that is left, so that a host that is
 * silent does not keep us from one that would answer. */
static int fetch_discovered(
	const struct jwks *j, struct buf *uri, struct buf *text, struct jwk_set *set, struct err *e)
{
	int64_t end = clock_monotonic_us() + j->s->auth_timeout_us;
	bool is_fresh = read_uri(j, uri);
	char *before = mem_strdup(buf_str(uri));
	int failed = -1;

	if (is_fresh)
		failed = fetch_from(j, before, j->s->auth_timeout_us / 2, text, set, e);
	if (failed) {
		struct err why = { 0 };

		ask_uri(j, (end - clock_monotonic_us()) / 2, uri, &why);
		if (!uri->len)
			*e = why;
		else if (!is_fresh || strcmp(buf_str(uri), before) != 0)
			failed = fetch_from(
				j, buf_str(uri), end - clock_monotonic_us(), text, set, e);
	}
	free(before);
	return failed;
}

static int fetch(const struct jwks *j, struct buf *text, struct jwk_set *set, struct err *e)
{
	struct buf uri = { 0 };
	int failed;

	if (j->s->auth_jwks[0])
		return fetch_from(j, j->s->auth_jwks, j->s->auth_timeout_us, text, set, e);
	failed = fetch_discovered(j, &uri, text, set, e);
	buf_free(&uri);
	return failed;
}

/* The caller holds the lock. */
static void renew(struct jwks *j)
{
	struct buf text = { 0 };
	struct jwk_set set = { 0 };
	struct err e = { 0 };

	if (fetch(j, &text, &set, &e)) {
		log_failure(j, "key set cannot be fetched", e.cause);
	} else {
		/* In memory it serves even where it cannot be written for the others. */
		if (store(j, &text, j->path))
			log_failure(j, "key set cannot be kept", strerror(errno));
		(void)get_id(j->path, &j->id); /* false leaves an id that fits no file */
		adopt(j, &set, clock_wall_us());
		log_begin(LOG_INFO, "key set fetched");
		log_int("keys", (int64_t)j->set.n);
		log_end();
	}
	buf_free(&text);
}

/* The lock goes with the descriptor, which is opened for it alone: one inherited through fork would
 * be shared. */
static int lock(const struct jwks *j, bool wait)
{
	int64_t end = clock_monotonic_us() + j->s->auth_timeout_us + LOCK_MORE_US;
	int fd = open(j->lock_path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || !wait ||
			clock_monotonic_us() > end) {
			int cause = errno;

			close(fd); /* nothing was written */
			errno = cause;
			return -1;
		}
		usleep(LOCK_NAP_US);
	}
	return fd;
}

/* Whether this process is to fetch now. The attempt is noted first: it counts even if we die in it.
 */
static bool is_due(struct jwks *j, int fd)
{
	int64_t now = clock_wall_us(), last;

	j->tried_us = now;
	if (pread(fd, &last, sizeof last, 0) == (ssize_t)sizeof last &&
		is_near(now, last, j->s->auth_refresh_us)) {
		j->tried_us = last;
		return false;
	}
	if (pwrite(fd, &now, sizeof now, 0) == (ssize_t)sizeof now)
		return true;
	log_failure(j, "key set attempt cannot be noted", strerror(errno));
	return false;
}

static bool is_old(const struct jwks *j)
{
	return j->is_remote && !is_near(clock_wall_us(), j->made_us, age(j));
}

static bool has(const struct jwks *j, const char *kid, enum jwk_alg alg)
{
	bool other = false;

	return jwk_set_find(&j->set, kid, alg, &other) != NULL;
}

/* Who needs the key waits for another process that is fetching. */
static void renew_once(struct jwks *j, const char *kid, enum jwk_alg alg)
{
	if (is_near(clock_wall_us(), j->tried_us, j->s->auth_refresh_us))
		return;
	bool wait = !has(j, kid, alg);
	int fd = lock(j, wait);

	if (fd < 0) {
		if (!wait)
			return;
		log_failure(j, "key set lock cannot be had", strerror(errno));
		j->tried_us = clock_wall_us();
		return;
	}
	reload(j, false);
	/* Not again for what the other process has fetched, however long that took. */
	if ((!has(j, kid, alg) || is_old(j)) && is_due(j, fd))
		renew(j);
	close(fd); /* gives up the lock; the stamp is no loss */
}

static void reread_once(struct jwks *j)
{
	int64_t now = clock_wall_us();

	if (is_near(now, j->tried_us, REREAD_US))
		return;
	j->tried_us = now;
	reload(j, true);
}

/* ---- the interface */

const struct jwk *jwks_find(struct jwks *j, const char *kid, enum jwk_alg alg, struct err *e)
{
	bool other = false;

	reload(j, false);
	const struct jwk *k = jwk_set_find(&j->set, kid, alg, &other);

	if (!k && !j->is_remote)
		reread_once(j);
	else if (!k || is_old(j))
		renew_once(j, kid, alg);
	k = jwk_set_find(&j->set, kid, alg, &other);
	if (k)
		return k;
	if (!j->set.n)
		err_set(e, ERR_UNAVAILABLE, "the keys of the token's issuer cannot be had now");
	else if (other)
		err_set(e, ERR_UNAUTHORIZED, "the token's algorithm is not that of its key");
	else
		err_set(e, ERR_UNAUTHORIZED, "the token's key is not known");
	return NULL;
}

static int open_file(struct jwks *j, struct err *e)
{
	struct err why = { 0 };

	j->path = mem_strdup(j->s->auth_jwks + strlen("file:"));
	if (!get_id(j->path, &j->id))
		err_cause(&why, "%s", strerror(errno));
	else if (read_set(j, &why) == 0)
		return 0;
	return err_set(e, ERR_CONFIG, "auth.jwks: %s: %s", j->path, why.cause);
}

/* of: the URL, or the issuer, before which stands what no URL begins with. */
static char *state_path(const struct jwks *j, const struct buf *of, const char *suffix)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	struct buf b = { 0 };

	if (!EVP_Q_digest(NULL, "SHA256", NULL, of->data, of->len, hash, NULL))
		return NULL;
	buf_printf(&b, "%s/jwks-", j->s->state_dir);
	for (int i = 0; i < 8; i++)
		buf_printf(&b, "%02x", hash[i]);
	buf_puts(&b, suffix);
	char *path = mem_strdup(buf_str(&b));

	buf_free(&b);
	return path;
}

static int open_remote(struct jwks *j, struct err *e)
{
	struct buf of = { 0 };

	j->is_remote = true;
	if (j->s->auth_jwks[0])
		buf_puts(&of, j->s->auth_jwks);
	else
		buf_printf(&of, "issuer %s", j->s->auth_issuer);
	j->path = state_path(j, &of, ".json");
	j->lock_path = state_path(j, &of, ".lock");
	j->new_path = state_path(j, &of, ".new");
	j->uri_path = state_path(j, &of, ".uri");
	buf_free(&of);
	if (!j->path || !j->lock_path || !j->new_path || !j->uri_path)
		return err_set(e, ERR_INTERNAL, "OpenSSL has no SHA-256");
	int fd = open(j->lock_path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set(e, ERR_CONFIG, "state.dir: %s: %s", j->lock_path, strerror(errno));
	close(fd); /* nothing was written */
	if (j->s->auth_ca[0] && access(j->s->auth_ca, R_OK))
		return err_set(e, ERR_CONFIG, "auth.ca: %s: %s", j->s->auth_ca, strerror(errno));
	return 0;
}

struct jwks *jwks_open(const struct settings *s, struct err *e)
{
	struct jwks *j = mem_zero(1, sizeof *j);
	int failed;

	j->s = s;
	if (!s->auth_jwks[0] && !discovery_is_issuer(s->auth_issuer))
		failed = err_set(e, ERR_CONFIG,
			"auth.jwks is empty, and auth.issuer is no https:// URL that could tell "
			"it");
	else if (!s->auth_jwks[0] || strncmp(s->auth_jwks, "https://", 8) == 0)
		failed = open_remote(j, e);
	else if (strncmp(s->auth_jwks, "file:/", 6) == 0)
		failed = open_file(j, e);
	else
		failed = err_set(e, ERR_CONFIG, "auth.jwks is neither https:// nor file:/");
	if (!failed)
		return j;
	jwks_close(j);
	return NULL;
}

void jwks_close(struct jwks *j)
{
	if (!j)
		return;
	jwk_set_free(&j->set);
	free(j->path);
	free(j->lock_path);
	free(j->new_path);
	free(j->uri_path);
	free(j);
}
