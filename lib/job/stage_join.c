#include <assert.h>
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

struct stage_joining {
	struct stage_draft draft; /* the first part, as it grows */
	size_t parts_n, added;
	char sha256[DIGEST_HEX]; /* of the first part */
	EVP_MD_CTX *digest;      /* of all that is in it; of a single part nothing */
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

static int copy(struct stage_joining *g, int from, size_t len, struct err *e)
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

static int digest(struct stage_joining *g, uint64_t at, size_t len, struct err *e)
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
static int open_part(
	const struct stage_job *j, const struct stage_part *part, int access, struct err *e)
{
	char name[STAGE_NAME];
	struct stat st;

	stage_file_name(&part->name, name);
	int fd = openat(j->dir, name, access | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

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

/* What is in the file already, or what was copied behind it. */
static int take(struct stage_joining *g, int from, uint64_t bytes, const struct stage_pulse *pulse,
	struct err *e)
{
	uint64_t at = from < 0 ? 0 : g->draft.bytes;

	while (bytes > 0) {
		size_t len = bytes < PIECE ? (size_t)bytes : PIECE;

		if (from >= 0 &&
			(stage_draft_room(&g->draft, len, e) < 0 || copy(g, from, len, e) < 0))
			return -1;
		if (digest(g, at, len, e) < 0 || (pulse && pulse->beat(pulse->arg, e)))
			return -1;
		at += len;
		bytes -= len;
	}
	return 0;
}

/* Its file becomes the draft. */
static int add_first(struct stage_joining *g, const struct stage_part *part,
	const struct stage_pulse *pulse, struct err *e)
{
	g->draft.fd = open_part(g->draft.job, part, O_RDWR, e);
	if (g->draft.fd < 0)
		return -1;
	if (lseek(g->draft.fd, 0, SEEK_END) < 0)
		return stage_failed(e, "lseek");
	stage_file_name(&part->name, g->draft.temp);
	g->draft.bytes = part->bytes;
	snprintf(g->sha256, sizeof g->sha256, "%s", part->sha256);
	return g->parts_n == 1 ? 0 : take(g, -1, part->bytes, pulse, e);
}

/* It is in the file now: one that cannot be removed is litter, and no failure. */
static void remove_part(const struct stage_job *j, const struct stage_part *part)
{
	struct stage_swept swept = { 0 };
	char name[STAGE_NAME];

	stage_file_name(&part->name, name);
	stage_remove_file(j->dir, name, part->bytes, &swept);
}

static int add_next(struct stage_joining *g, const struct stage_part *part,
	const struct stage_pulse *pulse, struct err *e)
{
	int fd = open_part(g->draft.job, part, O_RDONLY, e);

	if (fd < 0)
		return -1;
	int status = take(g, fd, part->bytes, pulse, e);

	close(fd);
	if (status == 0)
		remove_part(g->draft.job, part);
	return status;
}

struct stage_joining *stage_join_begin(struct stage_job *j, size_t parts_n)
{
	struct stage_joining *g = mem_zero(1, sizeof *g);

	g->draft = (struct stage_draft){ .job = j, .fd = -1 };
	g->parts_n = parts_n;
	if (parts_n == 1)
		return g;
	g->chunk = mem_alloc(CHUNK, 1);
	g->digest = EVP_MD_CTX_new();
	return g;
}

int stage_join_add(struct stage_joining *g, const struct stage_part *part,
	const struct stage_pulse *pulse, struct err *e)
{
	assert(g->added < g->parts_n);
	if (g->added == 0 && g->parts_n > 1 &&
		(!g->digest || !EVP_DigestInit_ex(g->digest, EVP_sha256(), NULL)))
		return err_set(e, ERR_INTERNAL, "the digest could not be computed");
	if ((g->added == 0 ? add_first(g, part, pulse, e) : add_next(g, part, pulse, e)) < 0)
		return -1;
	g->added++;
	return 0;
}

static int take_digest(struct stage_joining *g, struct err *e)
{
	unsigned char value[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (g->parts_n == 1)
		return 0;
	if (!EVP_DigestFinal_ex(g->digest, value, &len))
		return err_set(e, ERR_INTERNAL, "the digest could not be computed");
	for (unsigned i = 0; i < len; i++)
		snprintf(g->sha256 + (size_t)2 * i, 3, "%02x", value[i]);
	return 0;
}

/* Brought to disk piece by piece, so that the fsync to come has little left to do: it would keep the lease from being renewed for as
 * long as the disk needs for all that the system's memory holds back. What fails here is told once, and not by the fsync. */
static int settle(struct stage_joining *g, const struct stage_pulse *pulse, struct err *e)
{
	static const unsigned all =
		SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

	for (uint64_t at = 0; at < g->draft.bytes; at += PIECE) {
		if (sync_file_range(g->draft.fd, (off_t)at, PIECE, all) < 0 && errno != ENOSYS &&
			errno != EINVAL && errno != ESPIPE)
			return stage_failed(e, "sync_file_range");
		if (pulse && pulse->beat(pulse->arg, e))
			return -1;
	}
	return 0;
}

int stage_join_end(struct stage_joining *g, unsigned n, const struct stage_pulse *pulse,
	struct stage_joined *out, struct err *e)
{
	struct stage_name name = { STAGE_FILE, n, g->draft.job->fence };

	assert(g->added == g->parts_n);
	/* A single part is on disk as it is. */
	if (take_digest(g, e) < 0 || (g->parts_n > 1 && settle(g, pulse, e) < 0) ||
		stage_draft_name(&g->draft, &name, e) < 0)
		return -1;
	out->bytes = g->draft.bytes;
	snprintf(out->sha256, sizeof out->sha256, "%s", g->sha256);
	return 0;
}

void stage_join_free(struct stage_joining *g)
{
	if (!g)
		return;
	stage_draft_close(&g->draft);
	EVP_MD_CTX_free(g->digest);
	free(g->chunk);
	free(g);
}
