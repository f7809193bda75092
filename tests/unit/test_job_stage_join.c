/*
 * Parts of a job's file, joined: in order, whole, checked, and gone only once the file is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/job_stage_stand.h"

#define DIR "stage/jobs/" JOB

enum { PARTS = 1000 };

static size_t part_len(unsigned n)
{
	return n % 10 == 0 ? 0 : n % 97 * 300 + n;
}

static void a_thousand_parts(void **state)
{
	struct stage_part *parts = mem_zero(PARTS, sizeof *parts);
	struct stage_job *j = open_job(JOB, FENCE);
	struct buf whole = { 0 };
	struct stage_joined joined;
	char hex[DIGEST_HEX];
	struct err e;

	(void)state;
	for (unsigned n = 1; n <= PARTS; n++) {
		char *at = buf_reserve(&whole, part_len(n));

		for (size_t i = 0; i < part_len(n); i++)
			at[i] = part_byte(n, i);
		whole.len += part_len(n);
		int fd = openat(AT_FDCWD, in_root(DIR "/part-%04u.7", n), O_WRONLY | O_CREAT, 0600);

		assert_int_equal(write(fd, at, part_len(n)), part_len(n));
		close(fd);
		parts[n - 1] = part_record(n, part_len(n));
	}
	assert_int_equal(join(j, parts, PARTS, NULL, &joined, &e), 0);
	assert_int_equal(joined.bytes, whole.len);
	assert_int_equal(count_names(JOB, ""), 1);
	int fd = open(in_root(DIR "/file-1.7"), O_RDONLY | O_CLOEXEC);
	char *got = mem_alloc(whole.len + 1, 1);

	assert_int_equal(read(fd, got, whole.len + 1), whole.len);
	assert_memory_equal(got, whole.data, whole.len);
	close(fd);
	free(got);
	unsigned char value[SHA256_DIGEST_LENGTH];

	SHA256((unsigned char *)whole.data, whole.len, value);
	for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
		snprintf(hex + (size_t)2 * i, 3, "%02x", value[i]);
	assert_string_equal(joined.sha256, hex);
	buf_free(&whole);
	free(parts);
	stage_job_close(j);
}

static void a_single_part(void **state)
{
	struct stage_job *j = open_job(JOB, FENCE);
	struct stage_part part = part_record(1, PART);
	struct stage_joined joined;
	char hex[DIGEST_HEX];
	struct err e;

	(void)state;
	for (int i = 0; i < 2; i++) { /* the second time over a file of that name */
		write_file(j, STAGE_PART, 1, PART, hex);
		part.sha256 = hex;
		assert_int_equal(join(j, &part, 1, NULL, &joined, &e), 0);
		assert_int_equal(joined.bytes, PART);
		assert_string_equal(joined.sha256, hex);
		assert_true(is_part(in_root(DIR "/file-1.7"), 1, PART));
		assert_int_equal(count_names(JOB, ""), 1);
	}
	stage_job_close(j);
}

static int no_beat(void *arg, struct err *e)
{
	++*(int *)arg;
	return err_set(e, ERR_CLIENT_GONE, "canceled");
}

/* The first part is gone then, the others are as they were, and there is no file. */
static void join_fails(struct stage_job *j, const struct stage_part *parts, size_t n,
	const struct stage_pulse *pulse, enum err_code code)
{
	struct stage_joined joined;
	struct err e;

	write_file(j, STAGE_PART, 1, PART, NULL);
	size_t before = count_names(JOB, "");

	assert_int_equal(join(j, parts, n, pulse, &joined, &e), -1);
	assert_int_equal(e.code, code);
	assert_int_equal(count_names(JOB, ""), before - 1);
	assert_false(exists(in_root(DIR "/part-0001.7")));
}

static void parts_that_are_not_as_recorded(void **state)
{
	struct stage_job *j = open_job(JOB, FENCE);
	struct stage_part parts[] = { part_record(1, PART), part_record(2, PART) };
	struct stage_joined joined;
	int beats = 0;
	struct stage_pulse pulse = { no_beat, &beats };
	struct err e;

	(void)state;
	join_fails(j, parts, 2, NULL, ERR_DISK); /* the second is missing */
	write_file(j, STAGE_PART, 2, PART - 1, NULL);
	join_fails(j, parts, 2, NULL, ERR_DISK); /* shorter */
	assert_int_equal(join(j, parts + 1, 1, NULL, &joined, &e), -1);
	assert_string_equal(e.text, "a part of the export is not what was written");
	write_file(j, STAGE_PART, 2, PART + 1, NULL);
	join_fails(j, parts, 2, NULL, ERR_DISK); /* longer */
	unlink(in_root(DIR "/part-0002.7"));
	assert_int_equal(symlink("part-0001.7", in_root(DIR "/part-0002.7")), 0);
	join_fails(j, parts, 2, NULL, ERR_DISK);
	write_file(j, STAGE_PART, 2, PART, NULL);
	join_fails(j, parts, 2, &pulse, ERR_CLIENT_GONE);
	assert_int_equal(beats, 1);
	write_file(j, STAGE_PART, 1, PART, NULL);
	assert_int_equal(join(j, parts, 2, NULL, &joined, &e), 0);
	assert_int_equal(count_names(JOB, ""), 1);
	stage_job_close(j);
}

static int count_beat(void *arg, struct err *e)
{
	(void)e;
	++*(int *)arg;
	return 0;
}

/* The end of a join alone is told how it goes; its beats. */
static int end_of_join(
	struct stage_job *j, size_t large, int (*beat)(void *, struct err *), enum err_code code)
{
	struct stage_part parts[] = { part_record(1, large), part_record(2, PART) };
	struct stage_joining *g = stage_join_begin(j, 2);
	struct stage_joined joined;
	struct err e = { 0 };
	int beats = 0;

	write_file(j, STAGE_PART, 1, PART, NULL);
	assert_int_equal(truncate(in_root(DIR "/part-0001.7"), (off_t)large), 0);
	write_file(j, STAGE_PART, 2, PART, NULL);
	for (int i = 0; i < 2; i++)
		assert_int_equal(stage_join_add(g, &parts[i], NULL, &e), 0);
	stage_join_end(g, 1, &(struct stage_pulse){ beat, &beats }, &joined, &e);
	assert_int_equal(e.code, code);
	stage_join_free(g);
	return beats;
}

/* However much is still to be brought to disk when all is there, the lease is kept meanwhile, and it can be canceled. */
static void a_slow_disk(void **state)
{
	enum { PIECE = 8 << 20, PIECES = 5 };
	struct stage_job *j = open_job(JOB, FENCE);

	(void)state;
	assert_int_equal(end_of_join(j, PIECES * PIECE, no_beat, ERR_CLIENT_GONE), 1);
	assert_int_equal(count_names(JOB, ""), 0);
	assert_int_equal(end_of_join(j, PIECES * PIECE, count_beat, ERR_NONE), PIECES + 1);
	assert_int_equal(count_names(JOB, ""), 1);
	stage_job_close(j);
}

/* Past 2^31 and 2^32, most of it a hole. */
static void large_files(void **state)
{
	static const uint64_t large = (UINT64_C(1) << 32) + 5;
	struct stage_job *j = open_job(JOB, FENCE);
	struct stage_part part = part_record(1, large);
	struct stage_joined joined;
	uint64_t bytes;
	struct err e;

	(void)state;
	write_file(j, STAGE_PART, 1, PART, NULL);
	assert_int_equal(truncate(in_root(DIR "/part-0001.7"), (off_t)large), 0);
	assert_int_equal(join(j, &part, 1, NULL, &joined, &e), 0);
	assert_true(joined.bytes == large);
	int fd = stage_read(stage, "jobs/" JOB "/file-1.7", &bytes, &e);

	assert_true(fd >= 0 && bytes == large);
	close(fd);
	assert_int_equal(stage_used(stage, &bytes, &e), 0);
	assert_true(bytes == large);
	settings.jobs_max_bytes = (int64_t)large + PART;
	stage_close(stage);
	stage = stage_open(&settings, NULL);
	struct stage_job *next = open_job(JOB, FENCE);
	struct stage_name kept = { STAGE_FILE, 1, FENCE };

	assert_int_equal(stage_job_keep(next, &kept, 1, &e), 0);
	write_file(next, STAGE_PART, 2, PART, NULL);
	struct sink *s = begin_file(next, STAGE_PART, 3, 1);

	assert_true(sink_failed(s, NULL));
	sink_free(s);
	stage_job_close(next);
	stage_job_close(j);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)
	const struct CMUnitTest tests[] = {
		TEST(a_thousand_parts),
		TEST(a_single_part),
		TEST(parts_that_are_not_as_recorded),
		TEST(a_slow_disk),
		TEST(large_files),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
