#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "lib/base/disk.h"
#include "lib/job/stage_draft.h"
#include "lib/job/stage_file.h"

enum {
	PIECE = 8 << 20,   /* copied, then read back for the digest while it is still in memory */
	CHUNK = 256 * 1024 /* of reading */
};

struct joining {
	struct stage_draft draft;
	EVP_MD_CTX *digest;
	char *chunk;
	size_t way; /* of copying, the best that works here */
};

/* ---- copying: from where both files stand, some bytes up to len; 0 where the kernel cannot go on this way */

static ssize_t by_range(int from, int to, size_t len, char *chunk)
{
	(void)chunk;
	return copy_file_range(from, NULL, to, NULL, len, 0);
}

static ssize_t by_sendfile(int from, int to, size_t len, char *chunk)
{
	(void)chunk;
	return sendfile(to, from, NULL, len);
}

static ssize_t by_hand(int from, int to, size_t len, char *chunk)
{
	ssize_t n = read(from, chunk, len < CHUNK ? len : CHUNK);

	return n > 0 && disk_write(to, chunk, (size_t)n) < 0 ? -1 : n;
}

static ssize_t (*const ways[])(int, int, size_t, char *) = { by_range, by_sendfile, by_hand };

static bool is_for_another_way(ssize_t n)
{
	return n == 0 || errno == ENOSYS || errno == EOPNOTSUPP || errno == EXDEV ||
	       errno == EINVAL || errno == EPERM;
}

static int copy(struct joining *g, int from, size_t len, struct err *e)
{
	while (len > 0) {
		ssize_t n = ways[g->way](from, g->draft.fd, len, g->chunk);

		if (n > 0)
			len -= (size_t)n;
		else if (g->way + 1 < sizeof ways / sizeof ways[0] && is_for_another_way(n))
			g->way++;
		else if (n == 0 || errno != EINTR) {
			errno = n == 0 ? EIO : errno;
			return stage_failed(e, "copy");
		}
	}
	return 0;
}

static int digest(struct joining *g, uint64_t at, size_t len, struct err *e)
{
	while (len > 0) {
		ssize_t n = pread(g->draft.fd, g->chunk, len < CHUNK ? len : CHUNK, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return stage_failed(e, "read");
		}
		if (!EVP_DigestUpdate(g->digest, g->chunk, (size_t)n))
			return err_set(e, ERR_INTERNAL, "the digest could not be computed");
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* ---- parts */

/* Opened; as long as it was when it was recorded. */
static int open_part(const struct stage_job *j, const struct stage_part *part, struct err *e)
{
	char name[STAGE_NAME];
	struct stat st;

	stage_file_name(&part->name, name);
	int fd = openat(j->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0) {
		stage_failed(e, name);
		return -1;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == part->bytes)
		return fd;
	close(fd);
	err_set(e, ERR_DISK, "a part of the export is not what was written");
	return err_cause(e, "%s has not %llu bytes", name, (unsigned long long)part->bytes);
}

static int append(
	struct joining *g, int from, uint64_t bytes, const struct stage_pulse *pulse, struct err *e)
{
	while (bytes > 0) {
		size_t len = bytes < PIECE ? (size_t)bytes : PIECE;
		uint64_t at = g->draft.bytes;

		if (stage_draft_room(&g->draft, len, e) < 0 || copy(g, from, len, e) < 0 ||
			digest(g, at, len, e) < 0)
			return -1;
		if (pulse && pulse->beat(pulse->arg, e))
			return -1;
		bytes -= len;
	}
	return 0;
}

static int append_all(struct joining *g, const struct stage_part *parts, size_t n,
	const struct stage_pulse *pulse, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		int fd = open_part(g->draft.job, &parts[i], e);
		int failed = fd < 0 ? -1 : append(g, fd, parts[i].bytes, pulse, e);

		if (fd >= 0)
			close(fd);
		if (failed)
			return -1;
	}
	return 0;
}

static int take_digest(struct joining *g, struct stage_joined *out, struct err *e)
{
	unsigned char value[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (!EVP_DigestFinal_ex(g->digest, value, &len))
		return err_set(e, ERR_INTERNAL, "the digest could not be computed");
	for (unsigned i = 0; i < len; i++)
		snprintf(out->sha256 + (size_t)2 * i, 3, "%02x", value[i]);
	out->bytes = g->draft.bytes;
	return 0;
}

static int join(struct joining *g, const struct stage_part *parts, size_t n,
	const struct stage_name *name, const struct stage_pulse *pulse, struct stage_joined *out,
	struct err *e)
{
	if (!g->digest || !EVP_DigestInit_ex(g->digest, EVP_sha256(), NULL))
		return err_set(e, ERR_INTERNAL, "the digest could not be computed");
	if (append_all(g, parts, n, pulse, e) < 0 || take_digest(g, out, e) < 0)
		return -1;
	return stage_draft_name(&g->draft, name, e);
}

/* One part is the file already. It keeps its other name for now, as parts do. */
static int link_part(const struct stage_job *j, const struct stage_part *part,
	const struct stage_name *name, struct stage_joined *out, struct err *e)
{
	char from[STAGE_NAME], to[STAGE_NAME];
	int fd = open_part(j, part, e);

	if (fd < 0)
		return -1;
	close(fd);
	stage_file_name(&part->name, from);
	stage_file_name(name, to);
	if (linkat(j->dir, from, j->dir, to, 0) < 0 &&
		(errno != EEXIST || renameat(j->dir, from, j->dir, to) < 0))
		return stage_failed(e, "link");
	out->bytes = part->bytes;
	snprintf(out->sha256, sizeof out->sha256, "%s", part->sha256);
	return fsync(j->dir) < 0 ? stage_failed(e, "fsync") : 0;
}

/* They are in the file now: one that cannot be removed is litter, and no failure. */
static void remove_parts(const struct stage_job *j, const struct stage_part *parts, size_t n)
{
	struct stage_swept swept = { 0 };
	char name[STAGE_NAME];

	for (size_t i = 0; i < n; i++) {
		stage_file_name(&parts[i].name, name);
		stage_remove_file(j->dir, name, parts[i].bytes, &swept);
	}
}

static int copy_parts(struct stage_job *j, const struct stage_part *parts, size_t parts_n,
	const struct stage_name *name, const struct stage_pulse *pulse, struct stage_joined *out,
	struct err *e)
{
	struct joining g = { 0 };

	if (stage_draft_open(&g.draft, j, e) < 0)
		return -1;
	g.digest = EVP_MD_CTX_new();
	g.chunk = mem_alloc(CHUNK, 1);
	int failed = join(&g, parts, parts_n, name, pulse, out, e);

	stage_draft_close(&g.draft);
	EVP_MD_CTX_free(g.digest);
	free(g.chunk);
	return failed;
}

int stage_join(struct stage_job *j, const struct stage_part *parts, size_t parts_n, unsigned n,
	const struct stage_pulse *pulse, struct stage_joined *out, struct err *e)
{
	struct stage_name name = { STAGE_FILE, n, j->fence };
	int failed = parts_n == 1 ? link_part(j, parts, &name, out, e)
				  : copy_parts(j, parts, parts_n, &name, pulse, out, e);

	if (!failed)
		remove_parts(j, parts, parts_n);
	return failed;
}
