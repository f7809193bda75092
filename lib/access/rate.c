#include "lib/access/rate.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"

enum { VERSION = 1, HASH_KEY_LEN = 16, COUNT_BITS = 22 };

/* A lock inside of an atomic type would stay taken when its holder dies. */
static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics without locks are needed");

struct header {
	char magic[8];
	uint32_t version;
	uint32_t slots_n;
	uint8_t hash_key[HASH_KEY_LEN];
	uint8_t unused[32];
};

struct slot {
	_Atomic uint64_t hash;  /* 0: free */
	_Atomic uint64_t state; /* window start in ms << COUNT_BITS | count; 0: no window */
};

struct file {
	struct header header;
	struct slot slots[RATE_SLOTS];
};

static_assert(sizeof(struct header) == 64 && sizeof(struct slot) == 16, "the layout of the file");

static const char magic[8] = { 's', 'l', 'u', 'i', 'c', 'e', 'r', 'l' };

struct rate_table {
	struct file *file; /* mapped; NULL without a limit */
	EVP_MAC_CTX *mac;
	int64_t limit;
	int64_t window_ms;
};

/* ---- the file */

static bool is_sound(int fd)
{
	struct header h;
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == sizeof(struct file) &&
	       pread(fd, &h, sizeof h, 0) == (ssize_t)sizeof h &&
	       memcmp(h.magic, magic, sizeof magic) == 0 && h.version == VERSION &&
	       h.slots_n == RATE_SLOTS;
}

/* Write an empty file. The header comes last: a file without it is none. All of its room is
 * reserved, for a page that the disk has no room for would kill the process that touches it. */
static int fill(int fd)
{
	struct header h = { .version = VERSION, .slots_n = RATE_SLOTS };

	memcpy(h.magic, magic, sizeof magic);
	random_bytes(h.hash_key, sizeof h.hash_key);
	errno = posix_fallocate(fd, 0, sizeof(struct file));
	if (errno)
		return -1;
	return pwrite(fd, &h, sizeof h, 0) == (ssize_t)sizeof h ? 0 : -1;
}

/* A new file in the place of one that will not do. Returns its descriptor. The caller holds the
 * lock of the old one, so that nobody else is at the name beside it. */
static int replace(const char *path)
{
	struct buf name = { 0 };

	buf_printf(&name, "%s.new", path);
	int fd = open(buf_str(&name), O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0 && (fill(fd) || rename(buf_str(&name), path))) {
		int cause = errno;

		close(fd); /* what was written is not wanted */
		unlink(buf_str(&name));
		errno = cause;
		fd = -1;
	}
	buf_free(&name);
	return fd;
}

/* Whether the name still leads to the file that we have locked. */
static bool is_current(int fd, const char *path)
{
	struct stat ours, named;

	return fstat(fd, &ours) == 0 && lstat(path, &named) == 0 && ours.st_dev == named.st_dev &&
	       ours.st_ino == named.st_ino;
}

/* The file's descriptor, locked against others that open it; made where there was none. */
static int open_locked(const char *path)
{
	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

		if (fd < 0)
			return -1;
		int failed = flock(fd, LOCK_EX), cause = errno;

		if (!failed && is_current(fd, path))
			return fd;
		close(fd); /* nothing was written */
		if (failed && cause != EINTR) {
			errno = cause;
			return -1;
		}
	}
}

/* A descriptor of a sound file, locked unless it is a new one. */
static int open_sound(const char *path)
{
	int fd = open_locked(path), made = -1;
	struct stat st;

	if (fd < 0 || is_sound(fd))
		return fd;
	if (fstat(fd, &st) == 0 && st.st_size == 0) {
		if (fill(fd) == 0)
			return fd;
	} else {
		made = replace(path);
	}
	int cause = errno;

	close(fd); /* made or not, the old one is done with */
	errno = cause;
	return made;
}

static struct file *map(const char *path)
{
	void *p = MAP_FAILED;
	int fd = open_sound(path);

	if (fd < 0)
		return NULL;
	/* Unlocked by hand: the mapping would keep the lock when the descriptor is closed. */
	if (flock(fd, LOCK_UN) == 0)
		p = mmap(NULL, sizeof(struct file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int cause = errno;

	close(fd); /* nothing is written through it */
	errno = cause;
	return p == MAP_FAILED ? NULL : p;
}

/* ---- the hash */

static EVP_MAC_CTX *new_mac(void)
{
	EVP_MAC *siphash = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	EVP_MAC_CTX *c = siphash ? EVP_MAC_CTX_new(siphash) : NULL;
	size_t size = sizeof(uint64_t);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
		OSSL_PARAM_construct_end(),
	};

	EVP_MAC_free(siphash);
	if (c && EVP_MAC_CTX_set_params(c, params) == 1)
		return c;
	EVP_MAC_CTX_free(c);
	return NULL;
}

/* Never 0, which marks a free slot. False, with a line in the log, when OpenSSL has failed. */
static bool hash_of(const struct rate_table *t, const char *key, uint64_t *out)
{
	size_t len = 0;

	if (EVP_MAC_init(t->mac, t->file->header.hash_key, HASH_KEY_LEN, NULL) != 1 ||
		EVP_MAC_update(t->mac, (const uint8_t *)key, strlen(key)) != 1 ||
		EVP_MAC_final(t->mac, (uint8_t *)out, &len, sizeof *out) != 1) {
		log_line(LOG_ERROR, "requests are not counted: OpenSSL has failed");
		return false;
	}
	if (*out == 0)
		*out = 1;
	return true;
}

/* ---- slots */

static int64_t count_of(uint64_t state)
{
	return (int64_t)(state & RATE_LIMIT_MAX);
}

static int64_t start_of(uint64_t state)
{
	return (int64_t)(state >> COUNT_BITS);
}

/* A window may begin a little ahead of us, when another process has read the clock after we did;
 * far ahead, it is from before the host's restart. */
static bool is_running(const struct rate_table *t, uint64_t state, int64_t now)
{
	int64_t age = now - start_of(state);

	return count_of(state) && age < t->window_ms && age > -t->window_ms;
}

/* Make the slot h's, if it is still as it was seen. The window goes first: whoever comes upon the
 * slot in between, under the old name or the new one, then begins a window of its own. */
static bool take_over(struct slot *s, uint64_t seen_hash, uint64_t seen_state, uint64_t h)
{
	return atomic_compare_exchange_strong(&s->state, &seen_state, 0) &&
	       atomic_compare_exchange_strong(&s->hash, &seen_hash, h);
}

/* The slot of h: the one that it has, else a free one, one whose window has passed, or the oldest.
 * NULL when another process was faster; that one got on, and we look again. */
static struct slot *look_for(const struct rate_table *t, uint64_t h, int64_t now)
{
	struct slot *best = NULL;
	uint64_t best_hash = 0, best_state = 0;
	int64_t best_age = -1;

	for (uint64_t i = 0; i < RATE_PROBES; i++) {
		struct slot *s = &t->file->slots[(h + i) % RATE_SLOTS];
		uint64_t hash = atomic_load(&s->hash), state = atomic_load(&s->state);

		if (hash == h)
			return s;
		/* The two belong together only if the slot has kept its owner: one just taken by
		 * another process for h would look like a stranger's that is in use. */
		if (atomic_load(&s->hash) != hash)
			return NULL;
		int64_t age = is_running(t, state, now) ? now - start_of(state) : INT64_MAX;

		if (!best || age > best_age) {
			best = s;
			best_hash = hash;
			best_state = state;
			best_age = age;
		}
	}
	return take_over(best, best_hash, best_state, h) ? best : NULL;
}

/* The state after one more request, or the same when the limit is reached. */
static uint64_t next_state(const struct rate_table *t, uint64_t state, int64_t now)
{
	if (!is_running(t, state, now))
		return (uint64_t)now << COUNT_BITS | 1;
	return count_of(state) < t->limit ? state + 1 : state;
}

/* Count one request in the slot, unless the limit is reached. False when the slot has become
 * another key's, before or meanwhile: then ours is still to be counted. */
static bool count(
	const struct rate_table *t, struct slot *s, uint64_t h, int64_t now, struct rate *out)
{
	uint64_t state = atomic_load(&s->state), next;

	do {
		if (atomic_load(&s->hash) != h)
			return false;
		next = next_state(t, state, now);
	} while (next != state && !atomic_compare_exchange_weak(&s->state, &state, next));
	int64_t left_ms = start_of(next) + t->window_ms - now;

	out->allowed = next != state;
	out->remaining = count_of(next) < t->limit ? t->limit - count_of(next) : 0;
	out->reset_s = left_ms > 1000 ? (left_ms + 999) / 1000 : 1;
	return atomic_load(&s->hash) == h;
}

/* ---- the interface */

static int check_settings(int64_t limit, int64_t window_us, struct err *e)
{
	if (limit < 0 || limit > RATE_LIMIT_MAX)
		return err_set(
			e, ERR_CONFIG, "limits.requests is not in 0 to %d", (int)RATE_LIMIT_MAX);
	if (limit && window_us < 1000000)
		return err_set(e, ERR_CONFIG, "limits.window is less than a second");
	return 0;
}

static int set_up(struct rate_table *t, const char *path, struct err *e)
{
	t->file = map(path);
	if (!t->file)
		return err_set(e, ERR_CONFIG, "state.dir: %s: %s", path, strerror(errno));
	t->mac = new_mac();
	if (!t->mac)
		return err_set(e, ERR_CONFIG, "OpenSSL has no SipHash");
	return 0;
}

struct rate_table *rate_open(const char *path, int64_t limit, int64_t window_us, struct err *e)
{
	if (check_settings(limit, window_us, e))
		return NULL;
	struct rate_table *t = mem_zero(1, sizeof *t);

	t->limit = limit;
	t->window_ms = window_us / 1000;
	if (!limit || set_up(t, path, e) == 0)
		return t;
	rate_close(t);
	return NULL;
}

void rate_close(struct rate_table *t)
{
	if (!t)
		return;
	if (t->file && munmap(t->file, sizeof *t->file))
		log_line(LOG_ERROR, "munmap: %s", strerror(errno));
	EVP_MAC_CTX_free(t->mac);
	free(t);
}

void rate_take(struct rate_table *t, const char *key, struct rate *out)
{
	int64_t now = clock_monotonic_us() / 1000, window_s = (t->window_ms + 999) / 1000;
	uint64_t h;

	*out = (struct rate){ t->limit, window_s, t->limit, window_s, true };
	if (!t->limit || !hash_of(t, key, &h))
		return;
	for (;;) {
		struct slot *s = look_for(t, h, now);

		if (s && count(t, s, h, now, out))
			return;
	}
}
