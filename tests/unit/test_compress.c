/*
 * Every compression: what goes in comes out, by the libraries and by the tools that people have;
 * what was broken off cannot be read to its end by either.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/sink/compress.h"
#include "lib/sink/gzip.h"
#include "lib/sink/memory.h"
#include "lib/sink/packer.h"
#include "tests/unit/unpack.h"
#include "tests/unit/users_text.h"

struct sink *gzip_sink_new_portable(struct sink *next, int level, const char *member_name);

#define MEMBER "größe_表.csv"

enum { MIB = 1024 * 1024, TEXT = 100 * MIB };

/* A compression and its judges. */
struct kind {
	const char *name;
	struct sink *(*new)(struct sink *, int, const char *);
	int level_most;
	bool is_flushing; /* what was put before a flush can be read after it */
	unpacker *unpack;
	unpacker *unpack_too; /* another way, or NULL */
	const char *test;     /* commands, to be followed by a path */
	const char *cat;
};

static struct kind kinds[] = {
	{ "gzip", NULL, 9, true, unpack_gzip, NULL, "gzip -t <", "gzip -dc <" },
	{ "gzip by zlib", gzip_sink_new_portable, 9, true, unpack_gzip, NULL, "gzip -t <",
		"gzip -dc <" },
	{ "zstd", NULL, 19, true, unpack_zstd, NULL, "zstd -tq <", "zstd -dcq <" },
	{ "zip", NULL, 9, false, unpack_zip, unpack_zip_stream, "unzip -tqq", "unzip -p" },
};

#define EACH_KIND(k)                                                                               \
	for (const struct kind *k = kinds; k < kinds + sizeof kinds / sizeof *kinds; k++)          \
		if (k->new)

static struct buf text; /* TEXT bytes */

static char dir[] = "/tmp/sluice-compress-XXXXXX", path[64];

/* ---- helpers */

static struct sink *open_kind(const struct kind *k, struct memory_sink **packed)
{
	*packed = memory_sink_new();
	return k->new (&(*packed)->base, 1, MEMBER);
}

static void finish(const struct kind *k, struct sink *s)
{
	struct err e = { 0 };

	if (sink_finish(s, &e) < 0)
		fail_msg("%s: %s (%s)", k->name, e.text, e.cause);
}

static void unpacks(const struct kind *k, unpacker *unpack, const struct buf *packed,
	const char *data, size_t len)
{
	struct buf out = { 0 };

	if (unpack(packed, &out) < 0)
		fail_msg("%s: %zu bytes, of %zu, are not whole", k->name, packed->len, len);
	if (out.len != len || (len > 0 && memcmp(out.data, data, len) != 0))
		fail_msg("%s: %zu bytes came back as others, %zu", k->name, len, out.len);
	buf_free(&out);
}

/* The bytes are one whole file that holds these. */
static void is_whole(const struct kind *k, const struct buf *packed, const char *data, size_t len)
{
	unpacks(k, k->unpack, packed, data, len);
	if (k->unpack_too)
		unpacks(k, k->unpack_too, packed, data, len);
}

static void is_cut(const struct kind *k, const struct buf *packed)
{
	struct buf out = { 0 };

	if (k->unpack(packed, &out) == 0)
		fail_msg("%s: a cut file of %zu bytes is read as whole", k->name, packed->len);
	buf_free(&out);
}

static const char *write_file(const char *name, const struct buf *bytes)
{
	assert_true(snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path);
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	if (bytes->len > 0)
		assert_int_equal(fwrite(bytes->data, bytes->len, 1, f), 1);
	assert_int_equal(fclose(f), 0);
	return path;
}

static void tool_gives(const struct kind *k, const char *file, const char *data, size_t len)
{
	if (!unpack_tool_gives(k->cat, file, data, len))
		fail_msg("%s '%s' does not give %zu bytes back", k->cat, file, len);
}

/* ---- whole files */

static void pack_by(const struct kind *k, size_t span, size_t len)
{
	struct memory_sink *packed;
	struct sink *s = open_kind(k, &packed);

	for (size_t at = 0; at < len; at += span)
		sink_put(s, text.data + at, span < len - at ? span : len - at);
	finish(k, s);
	assert_int_equal(s->bytes, len);
	is_whole(k, &packed->bytes, text.data, len);
	sink_free(s);
}

static void spans_of_every_odd_size(void **state)
{
	static const size_t large[] = { 1023, 4095, 16383, 32767, 65535, 65537, 131071, 262145 };

	(void)state;
	EACH_KIND(k)
	{
		for (size_t span = 1; span < 256; span += 2)
			pack_by(k, span, 40001);
		for (size_t i = 0; i < sizeof large / sizeof *large; i++)
			pack_by(k, large[i], MIB + 1);
	}
}

static void every_level(void **state)
{
	enum { LEN = 300 * 1000 };

	(void)state;
	EACH_KIND(k)
	for (int level = 1; level <= k->level_most; level++) {
		struct memory_sink *packed = memory_sink_new();
		struct sink *s = k->new (&packed->base, level, MEMBER);

		sink_put(s, text.data, LEN);
		finish(k, s);
		is_whole(k, &packed->bytes, text.data, LEN);
		assert_in_range(packed->bytes.len, LEN / 5, LEN / 2);
		sink_free(s);
	}
}

static void nothing_at_all(void **state)
{
	(void)state;
	EACH_KIND(k)
	{
		struct memory_sink *packed;
		struct sink *s = open_kind(k, &packed);

		sink_flush(s);
		assert_int_equal(packed->bytes.len, 0); /* another answer may still be given */
		finish(k, s);
		is_whole(k, &packed->bytes, NULL, 0);
		tool_gives(k, write_file("nothing", &packed->bytes), NULL, 0);
		sink_free(s);
	}
}

/* Bytes that do not pack, and some that pack away. */
static void noise_and_zeros(void **state)
{
	struct buf data = { 0 };
	uint64_t x = 88172645463325252;

	(void)state;
	for (int i = 0; i < MIB; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		buf_put(&data, &x, sizeof x);
	}
	memset(buf_reserve(&data, 3 * MIB), 0, 3 * MIB);
	data.len += 3 * MIB;
	EACH_KIND(k)
	{
		struct memory_sink *packed;
		struct sink *s = open_kind(k, &packed);

		sink_put(s, data.data, data.len);
		finish(k, s);
		is_whole(k, &packed->bytes, data.data, data.len);
		sink_free(s);
	}
	buf_free(&data);
}

static void a_hundred_mebibytes(void **state)
{
	(void)state;
	EACH_KIND(k)
	{
		struct memory_sink *packed;
		struct sink *s = open_kind(k, &packed);

		for (size_t at = 0; at < TEXT; at += MIB / 4)
			sink_put(s, text.data + at, MIB / 4);
		finish(k, s);
		is_whole(k, &packed->bytes, text.data, TEXT);
		tool_gives(k, write_file("large", &packed->bytes), text.data, TEXT);
		sink_free(s);
	}
}

/* ---- flush */

static void flushed_rows_travel(void **state)
{
	(void)state;
	EACH_KIND(k)
	{
		struct memory_sink *packed;
		struct sink *s = open_kind(k, &packed);
		size_t at = 0, before = 0;

		for (size_t span = 1; at + span < 2 * MIB; at += span, span += 1 + span / 4) {
			struct buf out = { 0 };

			sink_put(s, text.data + at, span);
			sink_flush(s);
			assert_true(packed->bytes.len > before || !k->is_flushing);
			before = packed->bytes.len;
			sink_flush(s);
			assert_int_equal(packed->bytes.len, before);
			assert_int_equal(k->unpack(&packed->bytes, &out), -1);
			if (k->is_flushing) {
				assert_int_equal(out.len, at + span);
				assert_memory_equal(out.data, text.data, at + span);
			}
			buf_free(&out);
		}
		finish(k, s);
		is_whole(k, &packed->bytes, text.data, at);
		sink_free(s);
	}
}

/* ---- memory */

static size_t in_use(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void counted(struct sink *s, const void *data, size_t len)
{
	(void)s, (void)data, (void)len;
}

static void unmoved(struct sink *s)
{
	(void)s;
}

/* What the headers promise at level 1, and that it does not grow. A sanitizer's malloc counts
 * nothing. */
static void memory_is_small(void **state)
{
	static const struct sink_ops ops = { counted, unmoved, unmoved, unmoved, unmoved };

	(void)state;
	EACH_KIND(k)
	{
		struct sink forgetful = { .ops = &ops };
		size_t before = in_use();
		struct sink *s = k->new (&forgetful, 1, MEMBER);

		sink_put(s, text.data, MIB);
		size_t early = in_use();

		for (size_t at = MIB; at < 20 * MIB; at += MIB)
			sink_put(s, text.data + at, MIB);
		print_message("%s: %zu KiB\n", k->name, (in_use() - before) / 1024);
		assert_in_range(in_use() - before, 0, 1536 * 1024);
		assert_int_equal(in_use(), early);
		sink_free(s);
		assert_int_equal(in_use(), before);
	}
}

/* ---- cut files */

/* Put what the stage says: 'b' a byte, 's' 200 bytes, 'l' 400 KiB, 'f' flush. */
static void play(struct sink *s, const char *stage)
{
	size_t at = 0;

	for (; *stage; stage++) {
		size_t n = *stage == 'b' ? 1 : *stage == 's' ? 200 : 400 * 1024;

		if (*stage == 'f') {
			sink_flush(s);
			continue;
		}
		sink_put(s, text.data + at, n);
		at += n;
	}
}

static void aborted_is_cut(void **state)
{
	static const char *const stages[] = { "", "f", "b", "bf", "s", "sf", "sfb", "sfsfs", "l",
		"lf", "lfb", "lll", "lllf", "lflfs" };

	(void)state;
	EACH_KIND(k)
	for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
		struct memory_sink *packed;
		struct sink *s = open_kind(k, &packed);

		play(s, stages[i]);
		size_t len = packed->bytes.len;

		sink_abort(s);
		assert_int_equal(packed->base.state, SINK_ABORTED);
		assert_int_equal(packed->bytes.len, len);
		is_cut(k, &packed->bytes);
		if (unpack_tool(k->test, write_file("cut", &packed->bytes)) == 0)
			fail_msg("%s: %s takes a cut file as whole (stage %s)", k->name, k->test,
				stages[i]);
		sink_free(s);
	}
}

/* The next sink fails after `most` bytes: nothing more gets there, and all calls say so. */
static void play_until_full(const struct kind *k, uint64_t most)
{
	struct memory_sink *packed;
	struct sink *s = open_kind(k, &packed);
	struct err e = { 0 };

	packed->fail_after = most;
	play(s, "bfsfs");
	assert_int_equal(sink_finish(s, &e), -1);
	assert_int_equal(e.code, ERR_DISK);
	assert_true(sink_failed(s, NULL));
	assert_int_equal(packed->bytes.len, most);
	sink_put(s, text.data, MIB);
	sink_flush(s);
	sink_abort(s);
	assert_int_equal(packed->bytes.len, most);
	is_cut(k, &packed->bytes);
	char name[32];

	assert_true(snprintf(name, sizeof name, "cut-%llu", (unsigned long long)most) > 0);
	write_file(name, &packed->bytes);
	sink_free(s);
}

static void every_small_number_of_bytes(void **state)
{
	(void)state;
	EACH_KIND(k)
	{
		struct memory_sink *packed;
		struct sink *s = open_kind(k, &packed);
		char line[256];

		play(s, "bfsfs");
		finish(k, s);
		assert_int_equal(unpack_tool(k->test, write_file("whole", &packed->bytes)), 0);
		for (uint64_t n = 0; n < packed->bytes.len; n++)
			play_until_full(k, n);
		/* Says which are taken as whole, and how many are there. */
		assert_true(
			snprintf(line, sizeof line,
				"cd %s && for f in cut-*; do %s \"$f\" >&2 && exit 9; rm \"$f\";"
				" echo; done 2>/dev/null | wc -l",
				dir, k->test) < (int)sizeof line);
		FILE *f = popen(line, "r");
		int n = -1;

		assert_int_equal(fscanf(f, "%d", &n), 1);
		assert_int_equal(pclose(f), 0);
		assert_int_equal(n, packed->bytes.len);
		sink_free(s);
	}
}

static void fail_at_end(struct sink *s)
{
	struct err e;

	err_set(&e, ERR_TIMEOUT, "too late");
	sink_fail(s, &e);
}

static void end_of_next_fails(void **state)
{
	static const struct sink_ops ops = { counted, unmoved, fail_at_end, unmoved, unmoved };

	(void)state;
	EACH_KIND(k)
	{
		struct sink late = { .ops = &ops };
		struct sink *s = k->new (&late, 1, MEMBER);
		struct err e = { 0 };

		play(s, "sf");
		assert_int_equal(sink_finish(s, &e), -1);
		assert_int_equal(e.code, ERR_TIMEOUT);
		sink_free(s);
		assert_int_equal(late.state, SINK_ABORTED);
	}
}

/* ---- the packer itself */

static int runs;

static int copy(struct packer *p, struct packer_span *span, enum packer_mode mode)
{
	size_t n = span->in_len < span->room ? span->in_len : span->room;

	(void)p, (void)mode;
	runs++;
	if (n)
		memcpy(span->out, span->in, n);
	span->in += n;
	span->in_len -= n;
	span->room -= n;
	return span->in_len > 0;
}

static int break_down(struct packer *p, struct packer_span *span, enum packer_mode mode)
{
	(void)span, (void)mode;
	runs++;
	packer_fail(p, "it broke");
	return -1;
}

static void leave(struct packer *p)
{
	(void)p;
}

static void packer_stops(void **state)
{
	static const struct packer_engine copier = { copy, leave }, broken = { break_down, leave };
	const struct packer_engine *engines[] = { &copier, &broken };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct memory_sink *next = memory_sink_new();
		struct packer *p = mem_zero(1, sizeof *p);
		struct err e = { 0 };

		next->fail_after = 1000;
		runs = 0;
		packer_init(p, engines[i], &next->base);
		for (int n = 0; n < 3; n++)
			sink_put(&p->base, text.data, MIB);
		sink_flush(&p->base);
		assert_int_equal(sink_finish(&p->base, &e), -1);
		assert_int_equal(e.code, i == 0 ? ERR_DISK : ERR_INTERNAL);
		assert_int_equal(runs, 1);
		assert_int_equal(next->bytes.len, i == 0 ? 1000 : 0);
		sink_free(&p->base);
	}
}

/* ---- the table, the archive */

static void the_table(void **state)
{
	size_t n = 0;

	(void)state;
	assert_non_null(compress_by_name("gzip"));
	assert_null(compress_by_name("gz"));
	assert_null(compress_by_name(""));
	for (const struct compress_type *const *t = compress_types; *t; t++, n++) {
		assert_ptr_equal(compress_by_name((*t)->name), *t);
		assert_in_range((*t)->level_default, (*t)->level_least, (*t)->level_most);
		assert_true((*t)->suffix[0] && strncmp((*t)->media, "application/", 12) == 0);
	}
	for (const struct kind *k = kinds; k < kinds + sizeof kinds / sizeof *kinds; k++) {
		const struct compress_type *t = compress_by_name(k->name);

		assert_true(!t || t->level_most == k->level_most);
		n -= t != NULL;
	}
	assert_int_equal(n, 0); /* every row has its judges */
}

/* Local header of PKWARE APPNOTE §4.3.7: version, flags, method … */
static void zip_is_streamed(void **state)
{
	enum { FLAGS = 6, METHOD = 8, NAME_LEN = 26, NAME = 30, DESCRIPTOR = 8, UTF8 = 8 };
	const struct compress_type *t = compress_by_name("zip");
	char listed[64] = "";

	(void)state;
	if (!t)
		skip();
	struct memory_sink *packed = memory_sink_new();
	struct sink *s = t->new (&packed->base, 1, MEMBER);

	sink_put(s, text.data, 1000);
	sink_flush(s);
	assert_true(packed->bytes.len > NAME + sizeof MEMBER - 1);
	assert_memory_equal(packed->bytes.data, "PK\3\4", 4);
	assert_int_equal(packed->bytes.data[FLAGS], DESCRIPTOR);
	assert_int_equal(packed->bytes.data[FLAGS + 1], UTF8);
	assert_int_equal(packed->bytes.data[METHOD], 8);
	assert_int_equal(packed->bytes.data[NAME_LEN], sizeof MEMBER - 1);
	assert_memory_equal(packed->bytes.data + NAME, MEMBER, sizeof MEMBER - 1);
	assert_int_equal(sink_finish(s, NULL), 0);
	write_file("named.zip", &packed->bytes);
	char line[128];

	assert_true(snprintf(line, sizeof line, "LC_ALL=C.UTF-8 unzip -Z1 '%s'", path) > 0);
	FILE *f = popen(line, "r");

	assert_non_null(fgets(listed, sizeof listed, f));
	assert_int_equal(pclose(f), 0);
	assert_string_equal(listed, MEMBER "\n");
	sink_free(s);
}

/* ---- */

static int set_up(void **state)
{
	(void)state;
	for (struct kind *k = kinds; k < kinds + sizeof kinds / sizeof *kinds; k++) {
		const struct compress_type *t = compress_by_name(k->name);

		if (!k->new &&t)
			k->new = t->new;
	}
	users_text(&text, TEXT);
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	char line[64];

	(void)state;
	buf_free(&text);
	if (snprintf(line, sizeof line, "rm -r %s", dir) < 0)
		return -1;
	return system(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table),
		cmocka_unit_test(spans_of_every_odd_size),
		cmocka_unit_test(every_level),
		cmocka_unit_test(nothing_at_all),
		cmocka_unit_test(noise_and_zeros),
		cmocka_unit_test(a_hundred_mebibytes),
		cmocka_unit_test(flushed_rows_travel),
		cmocka_unit_test(memory_is_small),
		cmocka_unit_test(aborted_is_cut),
		cmocka_unit_test(every_small_number_of_bytes),
		cmocka_unit_test(end_of_next_fails),
		cmocka_unit_test(packer_stops),
		cmocka_unit_test(zip_is_streamed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
