#include "cgi/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/job/manifest.h"

enum { READ_BYTES = 1 << 20, HASH_BYTES = 32, HEX_TEXT = 2 * HASH_BYTES + 1 };

struct check { /* of one file */
	const struct manifest_file *file;
	const struct manifest_part *parts; /* of the file */
	size_t parts_n, first;             /* and the number of the first, from 1 */
	FILE *out;
	EVP_MD_CTX *whole, *part; /* hashes so far */
	size_t at;                /* the part at hand, of parts_n */
	uint64_t left;            /* bytes of it to come */
	uint64_t begin;           /* where it begins */
	char *block;
};

static void put_name(const struct check *c)
{
	struct buf b = { 0 };

	buf_put_json(&b, c->file->name, strlen(c->file->name));
	fprintf(c->out, "%s: ", buf_str(&b));
	buf_free(&b);
}

static bool __attribute__((format(printf, 2, 3)))
bad(const struct check *c, const char *format, ...)
{
	va_list args;

	put_name(c);
	va_start(args, format);
	vfprintf(c->out, format, args);
	va_end(args);
	fputc('\n', c->out);
	return false;
}

/* Whether a hash, which begins anew, came out as told. */
static bool agrees(EVP_MD_CTX *hash, const char *told)
{
	unsigned char bytes[HASH_BYTES];
	char hex[HEX_TEXT];

	if (!EVP_DigestFinal_ex(hash, bytes, NULL) || !EVP_DigestInit_ex(hash, EVP_sha256(), NULL))
		return false;
	for (int i = 0; i < HASH_BYTES; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", bytes[i]);
	return !strcmp(hex, told);
}

/* Parts that have all their bytes, those of none included. */
static bool end_parts(struct check *c)
{
	for (; c->at < c->parts_n && c->left == 0; c->at++) {
		const struct manifest_part *p = &c->parts[c->at];

		if (!agrees(c->part, p->sha256))
			return bad(c,
				"part %zu (%" PRIu64 " bytes from byte %" PRIu64
				" on) is not what was written",
				c->first + c->at, p->bytes, c->begin);
		c->begin += p->bytes;
		c->left = c->at + 1 < c->parts_n ? p[1].bytes : 0;
	}
	return true;
}

static bool take(struct check *c, const char *data, size_t len)
{
	if (!EVP_DigestUpdate(c->whole, data, len))
		return bad(c, "SHA-256 cannot be computed");
	while (len && c->at < c->parts_n) {
		size_t n = len < c->left ? len : (size_t)c->left;

		if (!EVP_DigestUpdate(c->part, data, n))
			return bad(c, "SHA-256 cannot be computed");
		data += n;
		len -= n;
		c->left -= n;
		if (!end_parts(c))
			return false;
	}
	return true;
}

/* Where a file of so many bytes ends, for who wants to know how far it came. */
static bool wrong_size(struct check *c, uint64_t bytes)
{
	uint64_t end = 0;

	for (size_t i = 0; i < c->parts_n && bytes < c->file->bytes; i++) {
		end += c->parts[i].bytes;
		if (bytes < end)
			return bad(c, "has %" PRIu64 " bytes, not %" PRIu64 ": it ends in part %zu",
				bytes, c->file->bytes, c->first + i);
	}
	return bad(c, "has %" PRIu64 " bytes, not %" PRIu64, bytes, c->file->bytes);
}

static bool check_bytes(struct check *c, int fd)
{
	uint64_t seen = 0;

	c->left = c->parts_n ? c->parts[0].bytes : 0;
	if (!end_parts(c))
		return false;
	for (ssize_t n; (n = read(fd, c->block, READ_BYTES)) != 0;) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return bad(c, "cannot be read: %s", strerror(errno));
		seen += (uint64_t)n;
		if (seen > c->file->bytes)
			return wrong_size(c, seen);
		if (!take(c, c->block, (size_t)n))
			return false;
	}
	if (seen != c->file->bytes)
		return wrong_size(c, seen);
	if (!agrees(c->whole, c->file->sha256))
		return bad(
			c, "is not what was written%s", c->parts_n ? ", though its parts are" : "");
	return true;
}

static bool check_open(struct check *c, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return bad(c, "cannot be read: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return bad(c, "is no plain file");
	if ((uint64_t)st.st_size != c->file->bytes)
		return wrong_size(c, (uint64_t)st.st_size);
	if (!check_bytes(c, fd))
		return false;
	put_name(c);
	fprintf(c->out, "whole, %" PRIu64 " bytes, %zu parts\n", c->file->bytes, c->parts_n);
	return true;
}

static bool check_file(struct check *c, int dir)
{
	/* What stands there may be anything: a FIFO is not to hold us up. */
	int fd = openat(dir, c->file->name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return bad(c, "is missing");
	if (fd < 0)
		return bad(c, "cannot be read: %s", strerror(errno));
	c->whole = EVP_MD_CTX_new();
	c->part = EVP_MD_CTX_new();
	c->block = mem_alloc(1, READ_BYTES);
	bool whole = c->whole && c->part && EVP_DigestInit_ex(c->whole, EVP_sha256(), NULL) &&
				     EVP_DigestInit_ex(c->part, EVP_sha256(), NULL)
			     ? check_open(c, fd)
			     : bad(c, "SHA-256 cannot be computed");

	EVP_MD_CTX_free(c->whole);
	EVP_MD_CTX_free(c->part);
	free(c->block);
	close(fd);
	return whole;
}

static enum verify_result check_files(const struct manifest *m, int dir, FILE *out)
{
	enum verify_result result = VERIFY_WHOLE;
	size_t part = 0;

	for (size_t i = 0; i < m->files_n; i++) {
		size_t from = part;

		while (part < m->parts_n && m->parts[part].file == i + 1)
			part++;
		struct check c = { .file = &m->files[i],
			.parts = m->parts + from,
			.parts_n = part - from,
			.first = from + 1,
			.out = out };

		if (!check_file(&c, dir))
			result = VERIFY_BAD;
	}
	return result;
}

static int open_dir(struct arena *a, const char *manifest, const char *dir)
{
	const char *slash = strrchr(manifest, '/');

	if (!dir && !slash)
		dir = ".";
	else if (!dir)
		dir = arena_strndup(a, manifest, (size_t)(slash - manifest) + 1);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		fprintf(stderr, "sluice: %s: %s\n", dir, strerror(errno));
	return fd;
}

enum verify_result verify(const char *manifest, const char *dir, FILE *out)
{
	enum verify_result result = VERIFY_UNREAD;
	struct arena a = { 0 };
	struct buf text = { 0 };
	struct manifest m;
	struct err e = { 0 };
	int fd = -1;

	if (file_read(manifest, MANIFEST_MAX_BYTES, &text)) {
		fprintf(stderr, "sluice: %s: %s\n", manifest, strerror(errno));
	} else if (manifest_read(&a, text.data, text.len, &m, &e)) {
		fprintf(stderr, "sluice: %s: %s\n", manifest, e.text);
		if (e.code == ERR_UNPROCESSABLE)
			result = VERIFY_BAD;
	} else if ((fd = open_dir(&a, manifest, dir)) >= 0) {
		result = check_files(&m, fd, out);
		close(fd);
	}
	buf_free(&text);
	arena_free(&a);
	return result;
}
