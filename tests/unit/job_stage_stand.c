#include "tests/unit/job_stage_stand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"

enum { PATH_LEN = 512, PATHS = 8, WATCHDOG_S = 600 };

char stage_root[] = "/var/tmp/sluice-stage-XXXXXX"; /* not /tmp: that may be in memory */
struct settings settings;
struct stage *stage;

static int remove_path(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void remove_all(const char *path)
{
	nftw(path, remove_path, 16, FTW_DEPTH | FTW_PHYS);
}

int make_root(void **state)
{
	(void)state;
	alarm(WATCHDOG_S);
	return mkdtemp(stage_root) ? 0 : -1;
}

int remove_root(void **state)
{
	(void)state;
	remove_all(stage_root);
	return 0;
}

const char *in_root(const char *format, ...)
{
	static char paths[PATHS][PATH_LEN];
	static int turn;
	char *path = paths[turn++ % PATHS];
	int len = snprintf(path, PATH_LEN, "%s/", stage_root);
	va_list args;

	va_start(args, format);
	vsnprintf(path + len, PATH_LEN - (size_t)len, format, args);
	va_end(args);
	return path;
}

int open_stage(void **state)
{
	static char dir[PATH_LEN];
	struct err e;

	(void)state;
	snprintf(dir, sizeof dir, "%s", in_root("stage"));
	remove_all(dir);
	if (mkdir(dir, 0700) < 0)
		return -1;
	settings.stage_dir = dir;
	settings.jobs_max_bytes = INT64_C(1) << 40;
	settings.jobs_budget = 0;
	stage = stage_open(&settings, &e);
	return stage ? 0 : -1;
}

int close_stage(void **state)
{
	(void)state;
	stage_close(stage);
	stage = NULL;
	return 0;
}

struct stage_job *open_job(const char *job, uint64_t fence)
{
	struct err e = { 0 };
	struct stage_job *j = stage_job_open(stage, job, fence, &e);

	if (!j)
		fail_msg("%s: %s", e.text, e.cause);
	return j;
}

char part_byte(unsigned n, uint64_t at)
{
	return (char)((at * 31 + at / 251 + n * 17) & 0xff);
}

static char *part_bytes(unsigned n, size_t len)
{
	char *bytes = mem_alloc(len + 1, 1);

	for (size_t i = 0; i < len; i++)
		bytes[i] = part_byte(n, i);
	return bytes;
}

struct sink *begin_file(struct stage_job *j, enum stage_kind kind, unsigned n, size_t len)
{
	struct err e;
	struct sink *s = stage_file_new(j, kind, n, false, &e);
	char *bytes = part_bytes(n, len);

	assert_non_null(s);
	for (size_t at = 0, step = 1; at < len; at += step, step = step * 3 % 65521) {
		step = step < len - at ? step : len - at;
		sink_put(s, bytes + at, step);
	}
	free(bytes);
	return s;
}

void write_file(struct stage_job *j, enum stage_kind kind, unsigned n, size_t len, char *hex)
{
	struct sink *s = begin_file(j, kind, n, len);
	struct err e = { 0 };

	if (sink_finish(s, &e) < 0)
		fail_msg("%s: %s", e.text, e.cause);
	if (hex)
		digest_sink_hex(s, hex);
	sink_free(s);
}

bool is_part(const char *path, unsigned n, size_t len)
{
	struct buf got = { 0 };
	char *bytes = part_bytes(n, len);
	bool is_same = file_read(path, SIZE_MAX, &got) == 0 && got.len == len &&
		       (len == 0 || !memcmp(got.data, bytes, len));

	buf_free(&got);
	free(bytes);
	return is_same;
}

size_t count_names(const char *job, const char *end)
{
	struct arena a = { 0 };
	struct stage_entry *entries;
	struct err e;
	ssize_t n = stage_list(stage, job, &a, &entries, &e);
	size_t found = 0;

	assert_true(n >= 0);
	for (ssize_t i = 0; i < n; i++) {
		size_t len = strlen(entries[i].name), end_len = strlen(end);

		found += len >= end_len && !strcmp(entries[i].name + len - end_len, end);
	}
	arena_free(&a);
	return found;
}

struct stage_part part_record(unsigned n, size_t len)
{
	return (struct stage_part){ { STAGE_PART, n, FENCE }, len, "" };
}

void make_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

int join(struct stage_job *j, const struct stage_part *parts, size_t n,
	const struct stage_pulse *pulse, struct stage_joined *joined, struct err *e)
{
	struct stage_joining *g = stage_join_begin(j, n);
	int status = 0;

	for (size_t i = 0; status == 0 && i < n; i++)
		status = stage_join_add(g, &parts[i], pulse, e);
	if (status == 0)
		status = stage_join_end(g, 1, pulse, joined, e);
	stage_join_free(g);
	return status;
}
