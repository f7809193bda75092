#include "tests/unit/unpack.h"

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#ifdef HAVE_LIBARCHIVE
#include <archive.h>
#include <archive_entry.h>
#endif
#ifdef HAVE_LIBZSTD
#include <zstd.h>
#endif

enum { CHUNK = 64 * 1024, AS_GZIP = 16 };

int unpack_gzip(const struct buf *packed, struct buf *out)
{
	z_stream z = { .next_in = (Bytef *)packed->data, .avail_in = (uInt)packed->len };
	int status = inflateInit2(&z, MAX_WBITS + AS_GZIP);

	while (status == Z_OK) {
		z.next_out = (Bytef *)buf_reserve(out, CHUNK);
		z.avail_out = CHUNK;
		status = inflate(&z, Z_NO_FLUSH);
		out->len += CHUNK - z.avail_out;
	}
	inflateEnd(&z);
	return status == Z_STREAM_END && z.avail_in == 0 ? 0 : -1;
}

#ifdef HAVE_LIBZSTD

int unpack_zstd(const struct buf *packed, struct buf *out)
{
	ZSTD_DCtx *context = ZSTD_createDCtx();
	ZSTD_inBuffer in = { packed->data, packed->len, 0 };
	size_t left = 1, got = 1;

	while (left > 0 && !ZSTD_isError(left) && (in.pos < in.size || got > 0)) {
		ZSTD_outBuffer to = { buf_reserve(out, CHUNK), CHUNK, 0 };

		left = ZSTD_decompressStream(context, &to, &in);
		got = to.pos;
		out->len += got;
	}
	ZSTD_freeDCtx(context);
	return left == 0 && in.pos == in.size ? 0 : -1;
}

#else

int unpack_zstd(const struct buf *packed, struct buf *out)
{
	(void)packed, (void)out;
	return -1;
}

#endif

#ifdef HAVE_LIBARCHIVE

static int read_member(struct archive *a, struct buf *out)
{
	struct archive_entry *entry;
	la_ssize_t n = -1;

	if (archive_read_next_header(a, &entry) < ARCHIVE_WARN)
		return -1;
	do {
		n = archive_read_data(a, buf_reserve(out, CHUNK), CHUNK);
		out->len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	if (n < 0)
		return -1;
	return archive_read_next_header(a, &entry) == ARCHIVE_EOF ? 0 : -1;
}

static int unpack_archive(
	const struct buf *packed, struct buf *out, int (*support)(struct archive *))
{
	struct archive *a = archive_read_new();
	int status = -1;

	if (support(a) == ARCHIVE_OK &&
		archive_read_open_memory(a, packed->data, packed->len) == ARCHIVE_OK)
		status = read_member(a, out);
	archive_read_free(a);
	return status;
}

int unpack_zip(const struct buf *packed, struct buf *out)
{
	return unpack_archive(packed, out, archive_read_support_format_zip_seekable);
}

int unpack_zip_stream(const struct buf *packed, struct buf *out)
{
	return unpack_archive(packed, out, archive_read_support_format_zip_streamable);
}

#else

int unpack_zip(const struct buf *packed, struct buf *out)
{
	(void)packed, (void)out;
	return -1;
}

int unpack_zip_stream(const struct buf *packed, struct buf *out)
{
	return unpack_zip(packed, out);
}

#endif

int unpack_tool(const char *command, const char *path)
{
	struct buf line = { 0 };

	buf_printf(&line, "%s '%s' >/dev/null 2>&1", command, path);
	int status = system(buf_str(&line));

	buf_free(&line);
	return status;
}

static bool gives(FILE *f, const char *data, size_t len)
{
	static char chunk[4 * CHUNK];
	size_t at = 0;

	for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0; at += n)
		if (n > len - at || memcmp(chunk, data + at, n) != 0)
			return false;
	return at == len;
}

bool unpack_tool_gives(const char *command, const char *path, const char *data, size_t len)
{
	struct buf line = { 0 };

	buf_printf(&line, "%s '%s'", command, path);
	FILE *f = popen(buf_str(&line), "r");
	bool is_same = f && gives(f, data, len);

	buf_free(&line);
	return f && pclose(f) == 0 && is_same;
}
