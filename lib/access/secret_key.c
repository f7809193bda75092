#include "lib/access/secret_key.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/base/random.h"

enum { BLOCK_BYTES = 64 /* of SHA-256 */ };

struct secret_key {
	struct secret_key *previous; /* NULL: none */
	size_t len;
	uint8_t secret[];
};

static void hmac(const void *key, size_t key_len, const void *data, size_t len,
	uint8_t out[SECRET_KEY_BYTES])
{
	if (HMAC(EVP_sha256(), key, (int)key_len, data, len, out, NULL))
		return;
	/* Nothing may ever be signed with, or held against, what is not a signature. */
	log_line(LOG_ERROR, "HMAC-SHA-256: OpenSSL has failed");
	_exit(EX_SOFTWARE);
}

static struct secret_key *new_key(const void *secret, size_t len)
{
	struct secret_key *k = mem_alloc(1, sizeof *k + len);

	k->previous = NULL;
	k->len = len;
	memcpy(k->secret, secret, len);
	return k;
}

/* ---- the file */

/* Random bytes, all of them and on the disk: a file cut short by a crash would stop every start
 * after it. */
static int fill(int fd)
{
	uint8_t secret[SECRET_KEY_BYTES];

	random_bytes(secret, sizeof secret);
	ssize_t n = write(fd, secret, sizeof secret);

	OPENSSL_cleanse(secret, sizeof secret);
	if (n >= 0 && n != sizeof secret)
		errno = ENOSPC;
	return n == sizeof secret && fsync(fd) == 0 ? 0 : -1;
}

/* Whose state.dir is: the path's directory. */
static int stat_dir(const char *path, struct stat *st)
{
	char *dir = mem_strdup(path);

	*strrchr(dir, '/') = '\0';
	int failed = stat(dir, st);

	free(dir);
	return failed;
}

/* What root makes is for those whose state.dir it is: an administrator's command must not lock the workers out. */
static int give(int fd, const char *path)
{
	struct stat dir;

	if (geteuid() != 0)
		return 0;
	return stat_dir(path, &dir) || fchown(fd, dir.st_uid, dir.st_gid) ? -1 : 0;
}

/* -1 with errno. That another was faster is no failure: its file is as good. */
static int make_beside(const char *path, const char *beside)
{
	int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	int failed = fill(fd) || give(fd, path) ? -1 : 0, cause = errno;

	if (close(fd) && !failed) {
		failed = -1;
		cause = errno;
	}
	if (!failed && link(beside, path) && errno != EEXIST) {
		failed = -1;
		cause = errno;
	}
	unlink(beside); /* one that stays is no secret of anybody's, or the same file */
	errno = cause;
	return failed;
}

static int make_file(const char *path)
{
	char id[UUID_TEXT];
	struct buf beside = { 0 };

	random_uuid7(id);
	buf_printf(&beside, "%s.%s", path, id);
	int failed = make_beside(path, buf_str(&beside)), cause = errno;

	buf_free(&beside);
	errno = cause;
	return failed;
}

/* NULL when the file will do, else what is wrong with it. */
static const char *fault_of(int fd, const char *path)
{
	struct stat st, dir;

	if (fstat(fd, &st))
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "is no plain file";
	/* Root reads what is the workers', whose state.dir it is. */
	if (st.st_uid != geteuid() &&
		(geteuid() != 0 || stat_dir(path, &dir) || st.st_uid != dir.st_uid))
		return "belongs to another user";
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return "is open to others: its mode must be 0600";
	if (st.st_size != SECRET_KEY_BYTES)
		return "is not 32 bytes long";
	return NULL;
}

static struct secret_key *read_file(int fd, const char *path, struct err *e)
{
	uint8_t secret[SECRET_KEY_BYTES];
	const char *fault = fault_of(fd, path);
	struct secret_key *k = NULL;

	if (!fault) {
		ssize_t n = read(fd, secret, sizeof secret);

		if (n == sizeof secret)
			k = new_key(secret, sizeof secret);
		else
			fault = n < 0 ? strerror(errno) : "is not 32 bytes long";
		OPENSSL_cleanse(secret, sizeof secret);
	}
	if (fault)
		err_set(e, ERR_CONFIG, "state.dir: %s: %s", path, fault);
	return k;
}

/* What stands there may be anything: a FIFO is not to hold us up, nor a link to lead us away. */
static int open_file(const char *path)
{
	return open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static struct secret_key *read_or_make(const char *path, struct err *e)
{
	int fd = open_file(path);

	if (fd < 0 && errno == ENOENT && make_file(path) == 0)
		fd = open_file(path);
	if (fd < 0) {
		err_set(e, ERR_CONFIG, "state.dir: %s: %s", path,
			errno == ELOOP ? "is no plain file" : strerror(errno));
		return NULL;
	}
	struct secret_key *k = read_file(fd, path, e);

	close(fd); /* nothing was written */
	return k;
}

/* ---- the interface */

static struct secret_key *open_current(const struct settings *s, struct err *e)
{
	size_t len = strlen(s->secret_key);

	if (len >= SECRET_KEY_BYTES)
		return new_key(s->secret_key, len);
	if (len) {
		err_set(e, ERR_CONFIG, "secret.key is shorter than %d characters",
			(int)SECRET_KEY_BYTES);
		return NULL;
	}
	struct buf path = { 0 };

	buf_printf(&path, "%s/secret", s->state_dir);
	struct secret_key *k = read_or_make(buf_str(&path), e);

	buf_free(&path);
	return k;
}

struct secret_key *secret_key_open(const struct settings *s, struct err *e)
{
	size_t previous_len = strlen(s->secret_previous);

	if (previous_len && previous_len < SECRET_KEY_BYTES) {
		err_set(e, ERR_CONFIG, "secret.previous is shorter than %d characters",
			(int)SECRET_KEY_BYTES);
		return NULL;
	}
	struct secret_key *k = open_current(s, e);

	if (k && previous_len)
		k->previous = new_key(s->secret_previous, previous_len);
	return k;
}

void secret_key_close(struct secret_key *k)
{
	if (!k)
		return;
	secret_key_close(k->previous);
	OPENSSL_cleanse(k->secret, k->len);
	free(k);
}

void secret_key_derive(
	const struct secret_key *k, const char *purpose, uint8_t out[SECRET_KEY_BYTES])
{
	hmac(k->secret, k->len, purpose, strlen(purpose), out);
}

bool secret_key_derive_previous(
	const struct secret_key *k, const char *purpose, uint8_t out[SECRET_KEY_BYTES])
{
	if (k->previous)
		secret_key_derive(k->previous, purpose, out);
	return k->previous != NULL;
}

void secret_key_sign(const uint8_t key[SECRET_KEY_BYTES], const void *data, size_t len,
	uint8_t out[SECRET_KEY_BYTES])
{
	hmac(key, SECRET_KEY_BYTES, data, len, out);
}

bool secret_key_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

static void put_pad(const uint8_t key[SECRET_KEY_BYTES], uint8_t pad, char out[SECRET_KEY_PAD_TEXT])
{
	static const char digits[] = "0123456789abcdef";

	*out++ = '\\';
	*out++ = 'x';
	for (int i = 0; i < BLOCK_BYTES; i++) {
		unsigned byte = (i < SECRET_KEY_BYTES ? key[i] : 0u) ^ pad;

		*out++ = digits[byte >> 4];
		*out++ = digits[byte & 15];
	}
	*out = '\0';
}

void secret_key_pads(const uint8_t key[SECRET_KEY_BYTES], char outer[SECRET_KEY_PAD_TEXT],
	char inner[SECRET_KEY_PAD_TEXT])
{
	put_pad(key, 0x5c, outer);
	put_pad(key, 0x36, inner);
}
