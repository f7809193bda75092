/*
 * The files of jobs: whole under their names, of one job and one lease, within their limits, and removed without
 * touching anything else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "tests/unit/job_stage_stand.h"

#define DIR "stage/jobs/" JOB

/* The mode, and the group if it is asked for. */
static mode_t mode_of(const char *path, gid_t *group)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	if (group)
		*group = st.st_gid;
	return st.st_mode & 07777;
}

static void hash_part(unsigned n, size_t len, char hex[DIGEST_HEX])
{
	unsigned char value[SHA256_DIGEST_LENGTH], *bytes = mem_alloc(len, 1);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)part_byte(n, i);
	SHA256(bytes, len, value);
	free(bytes);
	for (int i = 0; i < SHA256_DIGEST_LENGTH; i++)
		snprintf(hex + (size_t)2 * i, 3, "%02x", value[i]);
}

/* ---- files */

static void a_file_has_its_name_when_it_is_whole(void **state)
{
	struct stage_job *j = open_job(JOB, FENCE);
	struct sink *s = begin_file(j, STAGE_FILE, 1, 3 * 1000 * 1000);
	char hex[DIGEST_HEX], expected[DIGEST_HEX];
	struct err e;

	(void)state;
	assert_int_equal(count_names(JOB, ""), 0);
	assert_int_equal(sink_finish(s, &e), 0);
	digest_sink_hex(s, hex);
	assert_int_equal(s->bytes, 3 * 1000 * 1000);
	sink_free(s);
	hash_part(1, 3 * 1000 * 1000, expected);
	assert_string_equal(hex, expected);
	assert_true(is_part(in_root(DIR "/file-1.7"), 1, 3 * 1000 * 1000));
	write_file(j, STAGE_PART, 12, 0, NULL);
	assert_true(is_part(in_root(DIR "/part-0012.7"), 12, 0));
	assert_int_equal(count_names(JOB, ""), 2);
	stage_job_close(j);
}

static void what_is_not_finished_is_not_there(void **state)
{
	struct stage_job *j;

	(void)state;
	settings.jobs_max_bytes = PART;
	stage_close(stage);
	stage = stage_open(&settings, NULL);
	j = open_job(JOB, FENCE);
	for (int i = 0; i < 4; i++) { /* each has all of the job's bytes: they are given back */
		struct sink *s = begin_file(j, STAGE_PART, 1, PART);

		assert_false(sink_failed(s, NULL));
		if (i % 2)
			sink_abort(s);
		sink_free(s);
		assert_int_equal(count_names(JOB, ""), 0);
	}
	stage_job_close(j);
}

static void a_name_that_is_taken(void **state)
{
	struct stage_job *j = open_job(JOB, FENCE), *next = open_job(JOB, FENCE + 1);

	(void)state;
	write_file(j, STAGE_PART, 1, PART, NULL);
	write_file(next, STAGE_PART, 1, 10, NULL);
	write_file(j, STAGE_PART, 1, 100, NULL);
	assert_true(is_part(in_root(DIR "/part-0001.7"), 1, 100));
	assert_true(is_part(in_root(DIR "/part-0001.8"), 1, 10));
	assert_int_equal(count_names(JOB, ""), 2);
	stage_job_close(next);
	stage_job_close(j);
}

/* The mode that stage.dir has, and what files and directories then have, whatever the umask. */
static void who_may_read(void **state)
{
	static const mode_t cases[][3] = { { 0700, 0600, 0700 }, { 0755, 0600, 0700 },
		{ 0710, 0640, 0710 }, { 0750, 0640, 0710 } };
	gid_t group = geteuid() == 0 ? 12345 : getegid(), got;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		mode_t before = umask(i % 2 ? 0777 : 0);
		bool is_shared = cases[i][1] == 0640;

		close_stage(NULL);
		assert_int_equal(chown(in_root("stage"), (uid_t)-1, group), 0);
		assert_int_equal(chmod(in_root("stage"), cases[i][0]), 0);
		stage = stage_open(&settings, NULL);
		struct stage_job *j = open_job(JOB, FENCE);

		write_file(j, STAGE_FILE, 1, 10, NULL);
		umask(before);
		assert_int_equal(mode_of(in_root("stage/jobs"), NULL), cases[i][2]);
		assert_int_equal(mode_of(in_root(DIR), NULL), cases[i][2]);
		assert_int_equal(mode_of(in_root(DIR "/file-1.7"), &got), cases[i][1]);
		assert_int_equal(got, is_shared ? group : getegid());
		stage_job_close(j);
		assert_int_equal(stage_remove(stage, JOB, NULL), 0);
		assert_int_equal(chown(in_root("stage/jobs"), (uid_t)-1, getegid()), 0);
	}
}

/* ---- limits */

static void larger_than_a_job_may_be(void **state)
{
	struct stage_job *j;
	struct err e;
	int status;

	(void)state;
	settings.jobs_max_bytes = 4 * PART;
	stage_close(stage);
	stage = stage_open(&settings, NULL);
	j = open_job(JOB, FENCE);
	write_file(j, STAGE_PART, 1, PART, NULL);
	pid_t child = fork(); /* as much is counted when another process writes */

	if (child == 0) {
		write_file(j, STAGE_PART, 2, 2 * PART, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	struct sink *s = begin_file(j, STAGE_PART, 3, PART);

	assert_false(sink_failed(s, NULL));
	sink_put(s, "!", 1);
	assert_int_equal(sink_finish(s, &e), -1);
	assert_int_equal(e.code, ERR_TOO_LARGE);
	assert_string_equal(e.text, "the export is larger than an export may be");
	sink_free(s);
	assert_int_equal(count_names(JOB, ""), 2);
	stage_job_close(j);
}

static void more_than_all_jobs_may_have(void **state)
{
	struct stage_job *j, *other;
	uint64_t used;
	struct err e;

	(void)state;
	settings.jobs_budget = 3 * PART;
	stage_close(stage);
	stage = stage_open(&settings, NULL);
	j = open_job(JOB, FENCE);
	other = open_job(OTHER_JOB, FENCE);
	write_file(other, STAGE_FILE, 1, 2 * PART, NULL);
	struct sink *s = begin_file(j, STAGE_FILE, 1, PART + 1);

	assert_int_equal(sink_finish(s, &e), -1);
	assert_int_equal(e.code, ERR_DISK);
	assert_non_null(strstr(e.text, "the space for exports is used up"));
	sink_free(s);
	write_file(j, STAGE_FILE, 1, PART, NULL);
	assert_int_equal(stage_used(stage, &used, &e), 0);
	assert_int_equal(used, 3 * PART);
	assert_int_equal(stage_remove(stage, OTHER_JOB, &e), 0);
	assert_int_equal(stage_used(stage, &used, &e), 0);
	assert_int_equal(used, PART);
	write_file(j, STAGE_FILE, 2, 2 * PART, NULL);
	stage_job_close(other);
	stage_job_close(j);
}

/* Its first part is the file that the others are added to, and counts once. */
static void joined_in_the_room_there_is(void **state)
{
	struct stage_part parts[] = { part_record(1, PART), part_record(2, PART) };
	struct stage_joined joined;
	struct err e;

	(void)state;
	settings.jobs_budget = 3 * PART; /* the second is there twice until it is in the file */
	stage_close(stage);
	stage = stage_open(&settings, NULL);
	struct stage_job *j = open_job(JOB, FENCE);

	write_file(j, STAGE_PART, 1, PART, NULL);
	write_file(j, STAGE_PART, 2, PART, NULL);
	assert_int_equal(join(j, parts, 2, NULL, &joined, &e), 0);
	assert_int_equal(joined.bytes, 2 * PART);
	assert_int_equal(stage_remove(stage, JOB, &e), 0);
	stage_job_close(j);
	j = open_job(JOB, FENCE);
	write_file(j, STAGE_PART, 1, 3 * PART, NULL);
	parts[0].bytes = 3 * PART;
	assert_int_equal(join(j, parts, 1, NULL, &joined, &e), 0);
	stage_job_close(j);
}

/* ---- what stays of an attempt */

static void earlier_attempts_are_cleared_away(void **state)
{
	struct stage_job *j = open_job(JOB, FENCE - 1), *now;
	struct stage_name kept[] = { { STAGE_PART, 2, FENCE - 1 }, { STAGE_PART, 9, FENCE } };
	struct err e;

	(void)state;
	for (unsigned n = 1; n <= 3; n++)
		write_file(j, STAGE_PART, n, PART, NULL);
	make_file(in_root(DIR "/0.tmp"), "litter");
	settings.jobs_max_bytes = 2 * PART; /* only what stays counts */
	stage_close(stage);
	stage = stage_open(&settings, NULL);
	now = open_job(JOB, FENCE);
	assert_int_equal(stage_job_keep(now, kept, 2, &e), 0);
	assert_int_equal(count_names(JOB, ""), 1);
	assert_true(is_part(in_root(DIR "/part-0002.6"), 2, PART));
	write_file(now, STAGE_PART, 1, PART, NULL);
	struct sink *s = begin_file(now, STAGE_PART, 3, 1);

	assert_true(sink_failed(s, &e));
	assert_int_equal(e.code, ERR_TOO_LARGE);
	sink_free(s);
	stage_job_close(now);
	stage_job_close(j);
}

static void a_lease_that_has_passed(void **state)
{
	struct stage_job *j = open_job(JOB, FENCE), *next = open_job(JOB, 10 * FENCE + FENCE);
	struct err e;

	(void)state;
	write_file(j, STAGE_PART, 1, PART, NULL);
	write_file(j, STAGE_FILE, 1, PART, NULL);
	write_file(next, STAGE_PART, 1, PART, NULL); /* ends in 77: not in .7 */
	assert_int_equal(stage_job_discard(j, &e), 0);
	assert_int_equal(count_names(JOB, ""), 1);
	assert_true(exists(in_root(DIR "/part-0001.77")));
	stage_job_close(next);
	stage_job_close(j);
}

/* Who sleeps between the claim and the begin of the work clears away nothing of who came after. */
static void a_later_lease(void **state)
{
	struct stage_job *j = open_job(JOB, FENCE), *next = open_job(JOB, FENCE + 3);
	struct err e;

	(void)state;
	write_file(j, STAGE_PART, 1, PART, NULL);
	write_file(next, STAGE_FILE, 1, PART, NULL);
	make_file(in_root(DIR "/0.6.tmp"), "earlier");
	make_file(in_root(DIR "/0.10.tmp"), "later");
	assert_int_equal(stage_job_keep(j, NULL, 0, &e), 0);
	assert_int_equal(count_names(JOB, ""), 2);
	assert_true(exists(in_root(DIR "/file-1.10")));
	assert_true(exists(in_root(DIR "/0.10.tmp")));
	assert_int_equal(stage_job_keep(next, NULL, 0, &e), 0);
	assert_int_equal(count_names(JOB, ""), 0);
	stage_job_close(next);
	stage_job_close(j);
}

static void what_comes_after_the_lease_gets_no_name(void **state)
{
	struct stage_job *j = open_job(JOB, FENCE);
	struct sink *s = begin_file(j, STAGE_PART, 1, PART);
	struct err e;

	(void)state;
	stage_job_until(j, clock_monotonic_us() + INT64_C(3600000000));
	write_file(j, STAGE_PART, 2, PART, NULL);
	stage_job_until(j, clock_monotonic_us() - 1);
	assert_int_equal(sink_finish(s, &e), -1);
	assert_int_equal(e.code, ERR_CONFLICT);
	sink_free(s);
	assert_int_equal(count_names(JOB, ""), 1);
	stage_job_close(j);
}

/* It can give back nothing by itself. */
static void the_bytes_of_a_killed_process(void **state)
{
	_Atomic uint64_t *own =
		mmap(NULL, sizeof *own, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct stage_job *j;

	(void)state;
	settings.jobs_max_bytes = 2 * PART;
	stage_close(stage);
	stage = stage_open(&settings, NULL);
	j = open_job(JOB, FENCE);
	for (int i = 0; i < 3; i++) {
		pid_t child = fork();

		if (child == 0) {
			stage_job_count_in(j, own);
			begin_file(j, STAGE_PART, 1, 2 * PART);
			raise(SIGKILL);
		}
		assert_int_equal(waitpid(child, NULL, 0), child);
		assert_int_equal(*own, 2 * PART);
		stage_job_uncount(j, atomic_exchange(own, 0));
	}
	write_file(j, STAGE_PART, 1, 2 * PART, NULL);
	stage_job_close(j);
	munmap((void *)own, sizeof *own);
}

static void a_job_that_was_removed_meanwhile(void **state)
{
	struct stage_job *j = open_job(JOB, FENCE);
	struct sink *s = begin_file(j, STAGE_PART, 1, PART);
	struct err e;

	(void)state;
	assert_int_equal(stage_remove(stage, JOB, &e), 0);
	assert_int_equal(sink_finish(s, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	sink_free(s);
	assert_null(stage_file_new(j, STAGE_PART, 2, false, &e));
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(stage_job_keep(j, NULL, 0, &e), 0);
	assert_false(exists(in_root(DIR)));
	stage_job_close(j);
}

/* ---- reading */

static void what_can_be_read(void **state)
{
	static const char *const wrong[] = { "", "jobs", "jobs/", "jobs/" JOB, "jobs/" JOB "/",
		"jobs/" JOB "/file-2.7", "jobs/" JOB "/link", "jobs/" JOB "/..",
		"jobs/" JOB "/./file-1.7", "/jobs/" JOB "/file-1.7", "jobs/../outside/file-1.7",
		"jobs/" JOB "/../" JOB "/file-1.7", "jobs//" JOB "/file-1.7",
		"jobs/" OTHER_JOB "/file-1.7",
		"jobs/0198C0DE-0000-7000-8000-000000000001/file-1.7" };
	struct stage_name name = { STAGE_FILE, 1, FENCE };
	struct stage_job *j = open_job(JOB, FENCE);
	char path[STAGE_PATH];
	uint64_t bytes;
	struct err e;

	(void)state;
	write_file(j, STAGE_FILE, 1, PART, NULL);
	stage_path(JOB, &name, path);
	assert_string_equal(path, "jobs/" JOB "/file-1.7");
	int fd = stage_read(stage, path, &bytes, &e);

	assert_true(fd >= 0);
	assert_int_equal(bytes, PART);
	close(fd);
	make_file(in_root("outside"), "secret");
	assert_int_equal(symlink(in_root("outside"), in_root(DIR "/link")), 0);
	assert_int_equal(symlink(JOB, in_root("stage/jobs/" OTHER_JOB)), 0);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		assert_int_equal(stage_read(stage, wrong[i], &bytes, &e), -1);
		assert_int_equal(e.code, ERR_NOT_FOUND);
	}
	assert_int_equal(mkfifo(in_root(DIR "/pipe"), 0600), 0);
	assert_int_equal(stage_read(stage, "jobs/" JOB "/pipe", &bytes, &e), -1);
	assert_int_equal(e.code, ERR_DISK);
	stage_job_close(j);
}

static void ids_that_are_none(void **state)
{
	static const char *const wrong[] = { "", ".", "..", "../" JOB, JOB "/", JOB "0",
		"0198c0de-0000-7000-8000-00000000000", "0198c0de/0000-7000-8000-000000000001",
		"0198C0DE-0000-7000-8000-000000000001" };
	struct arena a = { 0 };
	struct stage_entry *entries;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		e.code = ERR_NONE;
		assert_null(stage_job_open(stage, wrong[i], 1, &e));
		assert_int_equal(e.code, ERR_NOT_FOUND);
		assert_int_equal(stage_remove(stage, wrong[i], &e), -1);
		assert_int_equal(stage_list(stage, wrong[i], &a, &entries, &e), -1);
	}
	assert_int_equal(stage_list(stage, OTHER_JOB, &a, &entries, &e), 0);
	assert_int_equal(stage_remove(stage, OTHER_JOB, &e), 0);
	arena_free(&a);
}

/* ---- removing */

static void links_are_removed_and_not_followed(void **state)
{
	const char *jobs[] = { OTHER_JOB };
	struct stage_swept swept;
	struct err e;

	(void)state;
	mkdir(in_root("outside.d"), 0700);
	make_file(in_root("outside.d/file"), "kept");
	assert_int_equal(symlink(in_root("outside.d"), in_root(DIR)), 0);
	assert_null(stage_job_open(stage, JOB, FENCE, &e));
	assert_int_equal(e.code, ERR_DISK);
	assert_int_equal(stage_remove(stage, JOB, &e), 0);
	assert_false(exists(in_root(DIR)));
	struct stage_job *j = open_job(JOB, FENCE);

	assert_int_equal(symlink(in_root("outside.d"), in_root(DIR "/dir")), 0);
	assert_int_equal(symlink(in_root("outside.d/file"), in_root(DIR "/part-0001.7")), 0);
	write_file(j, STAGE_PART, 1, PART, NULL); /* in the link's place */
	assert_true(is_part(in_root(DIR "/part-0001.7"), 1, PART));
	assert_int_equal(stage_remove(stage, JOB, &e), 0);
	assert_int_equal(symlink(in_root("outside.d"), in_root("stage/jobs/" OTHER_JOB)), 0);
	assert_int_equal(stage_sweep(stage, jobs, 1, &swept, &e), -1);
	assert_int_equal(stage_remove(stage, OTHER_JOB, &e), 0);
	assert_true(exists(in_root("outside.d/file")));
	stage_job_close(j);
	close_stage(NULL);
	assert_int_equal(rmdir(in_root("stage/jobs")), 0);
	assert_int_equal(symlink(in_root("outside.d"), in_root("stage/jobs")), 0);
	assert_null(stage_open(&settings, &e));
}

/* While one removes, another puts a link in the place of the directory, and takes it away again. */
static void a_directory_that_becomes_a_link(void **state)
{
	struct err e;
	int removed = 0;

	(void)state;
	mkdir(in_root("treasure"), 0700);
	make_file(in_root("treasure/file-1.7"), "kept");
	pid_t child = fork();

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			renameat2(AT_FDCWD, in_root(DIR), AT_FDCWD, in_root("stage/jobs/link"),
				RENAME_EXCHANGE);
	}
	for (int i = 0; i < 1000; i++) {
		/* Whichever of both it is now. */
		unlink(in_root("stage/jobs/link/own"));
		if (rmdir(in_root("stage/jobs/link")) < 0)
			unlink(in_root("stage/jobs/link"));
		if (mkdir(in_root(DIR), 0700) == 0)
			close(open(in_root(DIR "/own"), O_CREAT | O_WRONLY, 0600));
		if (symlink(in_root("treasure"), in_root("stage/jobs/link")) == 0)
			removed += stage_remove(stage, JOB, &e) == 0;
		stage_remove(stage, JOB, &e);
	}
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(removed > 0);
	assert_true(exists(in_root("treasure/file-1.7")));
}

/* Children run `work` at the same time; how many of them did not return 0. */
static int at_once(int n, int (*work)(void))
{
	int failed = 0, status, gate[2];

	assert_int_equal(pipe(gate), 0);
	for (int i = 0; i < n; i++)
		if (fork() == 0) {
			char go;

			close(gate[1]);
			_exit(read(gate[0], &go, 1) != 0 || work() != 0);
		}
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < n; i++)
		failed += wait(&status) < 0 || status != 0;
	return failed;
}

static int remove_job(void)
{
	return stage_remove(stage, JOB, NULL);
}

static void removers_at_once(void **state)
{
	(void)state;
	for (int round = 0; round < 10; round++) {
		assert_int_equal(mkdir(in_root(DIR), 0700), 0);
		for (int i = 0; i < 300; i++)
			make_file(in_root(DIR "/part-%04d.7", i), "x");
		assert_int_equal(at_once(3, remove_job), 0);
		assert_false(exists(in_root(DIR)));
	}
}

/* ---- litter */

static void make_old(const char *path)
{
	struct timespec old = { time(NULL) - STAGE_LITTER_S - 10, 0 }, times[] = { old, old };

	assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void make_litter(const char *job, bool is_old)
{
	mkdir(in_root("stage/jobs/%s", job), 0700);
	make_file(in_root("stage/jobs/%s/part-0001.7", job), "12345");
	make_file(in_root("stage/jobs/%s/1.tmp", job), "123");
	if (is_old) {
		make_old(in_root("stage/jobs/%s/1.tmp", job));
		make_old(in_root("stage/jobs/%s", job));
	}
}

static void what_belongs_to_no_job(void **state)
{
	const char *jobs[] = { "z", OTHER_JOB, JOB };
	struct stage_swept swept;
	struct err e;

	(void)state;
	make_litter(JOB, true);
	make_litter(OTHER_JOB, false);
	make_litter("0198c0de-0000-7000-8000-000000000003", true);
	make_litter("0198c0de-0000-7000-8000-000000000004", false);
	make_litter("foreign", true);
	mkdir(in_root("stage/jobs/foreign/within"), 0700);
	make_old(in_root("stage/jobs/foreign"));
	make_file(in_root("stage/jobs/file"), "1");
	make_old(in_root("stage/jobs/file"));
	make_file(in_root(DIR "/2.tmp"), "1234");
	make_old(in_root(DIR "/2.tmp"));
	int fd = open(in_root(DIR "/2.tmp"), O_RDWR | O_CLOEXEC);

	assert_int_equal(flock(fd, LOCK_EX), 0); /* as its writer would */
	assert_int_equal(stage_sweep(stage, jobs, 3, &swept, &e), 0);
	assert_int_equal(swept.dirs, 2);
	assert_int_equal(swept.files, 1 + 2 + 2 + 1);
	assert_int_equal(swept.bytes, 3 + 8 + 8 + 1);
	assert_int_equal(count_names(JOB, ".7"), 1);
	assert_int_equal(count_names(JOB, "2.tmp"), 1);
	assert_int_equal(count_names(JOB, ""), 2);
	assert_int_equal(count_names(OTHER_JOB, ""), 2);
	assert_int_equal(count_names("0198c0de-0000-7000-8000-000000000004", ""), 2);
	assert_false(exists(in_root("stage/jobs/foreign")));
	close(fd); /* its writer has died */
	assert_int_equal(stage_sweep(stage, jobs, 3, &swept, &e), 0);
	assert_int_equal(swept.files, 1);
	assert_int_equal(count_names(JOB, ""), 1);
}

static int sweep_all(void)
{
	struct stage_swept swept;

	return stage_sweep(stage, NULL, 0, &swept, NULL);
}

static void sweepers_at_once(void **state)
{
	uint64_t used;

	(void)state;
	for (int i = 0; i < 100; i++) {
		char job[40];

		snprintf(job, sizeof job, "0198c0de-0000-7000-8000-%012d", i);
		make_litter(job, true);
	}
	assert_int_equal(at_once(3, sweep_all), 0);
	assert_int_equal(rmdir(in_root("stage/jobs")), 0);
	assert_int_equal(stage_used(stage, &used, NULL), 0);
	assert_int_equal(used, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)
	const struct CMUnitTest tests[] = {
		TEST(a_file_has_its_name_when_it_is_whole),
		TEST(what_is_not_finished_is_not_there),
		TEST(a_name_that_is_taken),
		TEST(who_may_read),
		TEST(larger_than_a_job_may_be),
		TEST(more_than_all_jobs_may_have),
		TEST(joined_in_the_room_there_is),
		TEST(earlier_attempts_are_cleared_away),
		TEST(a_lease_that_has_passed),
		TEST(a_later_lease),
		TEST(what_comes_after_the_lease_gets_no_name),
		TEST(the_bytes_of_a_killed_process),
		TEST(a_job_that_was_removed_meanwhile),
		TEST(what_can_be_read),
		TEST(ids_that_are_none),
		TEST(links_are_removed_and_not_followed),
		TEST(a_directory_that_becomes_a_link),
		TEST(removers_at_once),
		TEST(what_belongs_to_no_job),
		TEST(sweepers_at_once),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
