#include "lib/sink/zip.h"

#include "config.h"

#ifdef HAVE_LIBARCHIVE

#include <archive.h>
#include <archive_entry.h>
#include <assert.h>
#include <locale.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/mem.h"

enum { SPAN_MAX = 1 << 30 }; /* libarchive hands its spans to zlib as 32 bits */

struct zip {
	struct sink base;
	struct archive *archive;
	char *member_name;
	bool is_begun; /* the member's header has been written */
	bool is_over;  /* nothing may leave any more */
};

static void fail(struct zip *z)
{
	const char *cause = z->archive ? archive_error_string(z->archive) : NULL;
	struct err e;

	err_set(&e, ERR_INTERNAL, "the rows could not be compressed");
	err_cause(&e, "libarchive: %s", cause ? cause : "out of memory");
	sink_fail(&z->base, &e);
}

/* libarchive is never told of a failure: after one it would not end the member, and so not free
 * what it deflates with. */
static la_ssize_t on_write(struct archive *a, void *client, const void *data, size_t len)
{
	struct zip *z = client;

	(void)a;
	if (!z->is_over)
		sink_put(z->base.next, data, len);
	return (la_ssize_t)len;
}

/* libarchive takes names to be in the locale's charset. */
static locale_t speak_utf8(locale_t *before)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);

	*before = uselocale(utf8);
	return utf8;
}

static void speak_as_before(locale_t utf8, locale_t before)
{
	uselocale(before);
	if (utf8)
		freelocale(utf8);
}

static int put_header(struct zip *z)
{
	struct archive_entry *entry = archive_entry_new2(z->archive);

	if (!entry)
		return ARCHIVE_FATAL;
	archive_entry_copy_pathname(entry, z->member_name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_mtime(entry, time(NULL), 0);
	int status = archive_write_header(z->archive, entry);

	archive_entry_free(entry);
	return status;
}

/* Not before the first byte, or the end: until then the request may have another answer. */
static void begin(struct zip *z)
{
	locale_t utf8, before;

	if (z->is_begun)
		return;
	z->is_begun = true;
	utf8 = speak_utf8(&before);
	/* A warning is about the name alone. */
	if (put_header(z) < ARCHIVE_WARN)
		fail(z);
	speak_as_before(utf8, before);
}

static void put(struct sink *s, const void *data, size_t len)
{
	struct zip *z = (struct zip *)s;
	const char *p = data;

	begin(z);
	while (len > 0 && !sink_failed(s, NULL)) {
		la_ssize_t n = archive_write_data(z->archive, p, len < SPAN_MAX ? len : SPAN_MAX);

		if (n <= 0) {
			fail(z);
			return;
		}
		p += n;
		len -= (size_t)n;
	}
}

static void flush(struct sink *s)
{
	sink_flush(s->next);
}

static void finish(struct sink *s)
{
	struct zip *z = (struct zip *)s;
	struct err e;

	begin(z);
	if (archive_write_finish_entry(z->archive) != ARCHIVE_OK ||
		archive_write_close(z->archive) != ARCHIVE_OK)
		fail(z);
	else if (sink_finish(s->next, &e) < 0)
		sink_fail(s, &e);
}

static void abort_next(struct sink *s)
{
	sink_abort(s->next);
}

static void free_sink(struct sink *s)
{
	struct zip *z = (struct zip *)s;

	/* Writes the end of the archive if finish has not, which nobody is to get. */
	z->is_over = true;
	archive_write_free(z->archive);
	free(z->member_name);
	free(z);
}

static int open_archive(struct zip *z, int level)
{
	const char digit[] = { (char)('0' + level), '\0' };
	struct archive *a = z->archive;

	if (archive_write_set_format_zip(a) != ARCHIVE_OK ||
		archive_write_set_format_option(a, "zip", "compression-level", digit) !=
			ARCHIVE_OK ||
		archive_write_set_format_option(a, "zip", "hdrcharset", "UTF-8") != ARCHIVE_OK ||
		archive_write_set_bytes_per_block(a, 0) != ARCHIVE_OK)
		return -1;
	return archive_write_open(a, z, NULL, on_write, NULL) == ARCHIVE_OK ? 0 : -1;
}

struct sink *zip_sink_new(struct sink *next, int level, const char *member_name)
{
	static const struct sink_ops ops = { put, flush, finish, abort_next, free_sink };
	struct zip *z = mem_zero(1, sizeof *z);
	locale_t before, utf8 = speak_utf8(&before);

	assert(level >= ZIP_LEVEL_LEAST && level <= ZIP_LEVEL_MOST);
	z->base.ops = &ops;
	z->base.next = next;
	z->member_name = mem_strdup(member_name);
	z->archive = archive_write_new();
	if (!z->archive || open_archive(z, level) < 0)
		fail(z);
	speak_as_before(utf8, before);
	return &z->base;
}

#endif
