/*
 * Bench: how fast each compression packs CSV text, and how small.
 *
 *	make tests/bench/bench_compress && tests/bench/bench_compress
 *
 * Rows like those of the sample's table users are put in batches, as a format does, before a sink
 * that takes bytes and forgets them. A figure is the median of five rounds of CPU time, turn by
 * turn; under about 3 % two of them do not differ.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/sink/compress.h"
#include "lib/sink/gzip.h"
#include "tests/unit/users_text.h"

struct sink *gzip_sink_new_portable(struct sink *next, int level, const char *member_name);

enum { ROUNDS = 5, TEXT = 32 * 1024 * 1024, BATCH = 256 * 1024 };

struct contestant {
	const char *name;
	struct sink *(*new)(struct sink *, int, const char *);
	int level;
	double ns[ROUNDS];
	uint64_t packed; /* bytes */
};

/* ---- a sink that forgets */

static uint64_t passed; /* bytes */

static void forget(struct sink *s, const void *data, size_t len)
{
	(void)s, (void)data;
	passed += len;
}

static void nothing(struct sink *s)
{
	(void)s;
}

static struct sink *forget_new(void)
{
	static const struct sink_ops ops = { forget, nothing, nothing, nothing,
		(void (*)(struct sink *))free };
	struct sink *s = mem_zero(1, sizeof *s);

	s->ops = &ops;
	return s;
}

/* ---- measuring */

static int64_t cpu_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0)
		abort();
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void run(struct contestant *c, int round, const struct buf *text)
{
	int64_t start = cpu_ns();
	struct sink *s = c->new (forget_new(), c->level, "users.csv");

	passed = 0;
	for (size_t at = 0; at < text->len; at += BATCH)
		sink_put(s, text->data + at, BATCH);
	if (sink_finish(s, NULL) < 0)
		abort();
	sink_free(s);
	c->ns[round] = (double)(cpu_ns() - start);
	c->packed = passed;
}

static struct contestant contestants[] = {
#ifdef HAVE_LIBISAL
	{ .name = "gzip, ISA-L", .new = gzip_sink_new, .level = 1 },
	{ .name = "gzip, ISA-L", .new = gzip_sink_new, .level = 4 },
	{ .name = "gzip, ISA-L", .new = gzip_sink_new, .level = 7 },
#endif
	{ .name = "gzip, zlib", .new = gzip_sink_new_portable, .level = 1 },
	{ .name = "gzip, zlib", .new = gzip_sink_new_portable, .level = 6 },
	{ .name = "zstd", .level = 1 },
	{ .name = "zstd", .level = 2 },
	{ .name = "zstd", .level = 3 },
	{ .name = "zstd", .level = 6 },
	{ .name = "zip", .level = 1 },
};

int main(void)
{
	enum { N = sizeof contestants / sizeof *contestants };
	struct buf text = { 0 };

	users_text(&text, TEXT);
	for (int i = 0; i < N; i++) {
		const struct compress_type *t = compress_by_name(contestants[i].name);

		if (t)
			contestants[i].new = t->new;
	}
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < N; i++)
			if (contestants[i].new)
				run(&contestants[i], round, &text);
	printf("%-14s%6s%10s%10s\n", "", "level", "MB/s", "ratio");
	for (int i = 0; i < N; i++) {
		struct contestant *c = &contestants[i];

		if (!c->new)
			continue;
		qsort(c->ns, ROUNDS, sizeof *c->ns, by_value);
		printf("%-14s%6d%10.0f%10.2f\n", c->name, c->level, TEXT * 1e3 / c->ns[ROUNDS / 2],
			(double)TEXT / (double)c->packed);
	}
	buf_free(&text);
	return 0;
}
