/*
 * The files of jobs when the world fails: a process that dies at any of its system calls, kernels and file systems that lack
 * what is used, disks that fill up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/job_stage_stand.h"

#define DIR "stage/jobs/" JOB

enum { FAILED = 1, SKIPPED = 77, PARTS = 3 };

/* ---- kernels that lack something */

/* From now on the system call fails with that errno; if flags, only where its third argument has all of them. */
static void deny(int call, uint32_t flags, int with)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, flags),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, flags, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)with),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof code / sizeof code[0], code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(SKIPPED);
}

static void deny_nameless(void)
{
	deny(SYS_openat, O_TMPFILE, EOPNOTSUPP);
}

static void deny_range(void)
{
	deny(SYS_copy_file_range, 0, ENOSYS);
}

static void deny_range_and_sendfile(void)
{
	deny_range();
	deny(SYS_sendfile, 0, EINVAL);
}

/* What the children do; without assertions, which would run on in the parent's tests. */
static int write_part(void)
{
	struct stage_job *j = stage_job_open(stage, JOB, FENCE, NULL);
	struct sink *s = j ? begin_file(j, STAGE_PART, 1, PART) : NULL;

	return s && sink_finish(s, NULL) == 0 ? 0 : FAILED;
}

static int join_parts(void)
{
	struct stage_job *j = stage_job_open(stage, JOB, FENCE, NULL);
	struct stage_part parts[PARTS];
	struct stage_joined joined;

	for (unsigned n = 1; n <= PARTS; n++)
		parts[n - 1] = part_record(n, PART);
	return j && join(j, parts, PARTS, NULL, &joined, NULL) == 0 ? 0 : FAILED;
}

static void make_parts(void)
{
	struct stage_job *j = stage_job_open(stage, JOB, FENCE, NULL);

	assert_non_null(j);
	for (unsigned n = 1; n <= PARTS; n++)
		write_file(j, STAGE_PART, n, PART, NULL);
	stage_job_close(j);
}

/* How many bytes of the parts, one behind the other, are in it; -1: it is not there, or holds others. */
static ssize_t joined_bytes(const char *path)
{
	char got[PARTS * PART + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, got, sizeof got);

	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i < len; i++)
		if (got[i] != part_byte(1 + (unsigned)i / PART, (uint64_t)i % PART))
			return -1;
	return len;
}

/* The exit status of a child that does the work there. */
static int run(void (*world)(void), int (*work)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		world();
		_exit(work());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == SKIPPED)
		skip();
	return WEXITSTATUS(status);
}

static void other_ways_to_copy(void **state)
{
	void (*const worlds[])(void) = { deny_range, deny_range_and_sendfile };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		make_parts();
		assert_int_equal(run(worlds[i], join_parts), 0);
		assert_int_equal(joined_bytes(in_root(DIR "/file-1.7")), PARTS * PART);
		assert_int_equal(count_names(JOB, ""), 1);
		assert_int_equal(stage_remove(stage, JOB, NULL), 0);
	}
}

static void no_nameless_files(void **state)
{
	(void)state;
	assert_int_equal(run(deny_nameless, write_part), 0);
	assert_true(is_part(in_root(DIR "/part-0001.7"), 1, PART));
	assert_int_equal(count_names(JOB, ""), 1);
}

/* ---- processes that die */

struct calls {
	uint64_t nr[1024];
	size_t n;
};

/* Let the child do its work up to its k-th stop at a system call (each has two: before and after it), and kill it there.
 * False when it had ended before. */
static bool kill_at(size_t k, void (*world)(void), int (*work)(void), struct calls *calls)
{
	struct __ptrace_syscall_info info;
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (world)
			world();
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(SKIPPED);
		raise(SIGSTOP);
		_exit(work());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		skip();
	assert_true(WIFSTOPPED(status));
	ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
	calls->n = 0;
	for (size_t i = 0; i < k; i++) {
		ptrace(PTRACE_SYSCALL, child, NULL, NULL);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return false;
		}
		assert_true(WIFSTOPPED(status));
		if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) > 0 &&
			info.op == PTRACE_SYSCALL_INFO_ENTRY && calls->n < 1024)
			calls->nr[calls->n++] = info.entry.nr;
	}
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	return true;
}

/* Where the call stands after the first `from`. */
static size_t find_call(const struct calls *c, size_t from, uint64_t nr)
{
	for (; from < c->n; from++)
		if (c->nr[from] == nr)
			return from;
	fail_msg("system call %d is not made, or too early", (int)nr);
	return 0;
}

static void dies_while_writing(void (*world)(void), uint64_t naming)
{
	struct calls calls = { 0 };
	size_t k = 1, whole = 0;

	for (; kill_at(k, world, write_part, &calls); k++) {
		if (exists(in_root(DIR "/part-0001.7"))) {
			assert_true(is_part(in_root(DIR "/part-0001.7"), 1, PART));
			whole++;
		}
		assert_true(count_names(JOB, "") <=
			    count_names(JOB, ".7") + (world ? count_names(JOB, ".tmp") : 0));
		assert_int_equal(stage_remove(stage, JOB, NULL), 0);
	}
	assert_true(k > 20 && whole > 1);
	/* Its bytes are on disk before it is named, and then the name. */
	size_t written = find_call(&calls, 0, SYS_write), named = find_call(&calls, 0, naming);

	assert_true(written < named && find_call(&calls, written, SYS_fsync) < named);
	find_call(&calls, named, SYS_fsync);
}

static void dies_at_any_call(void **state)
{
	(void)state;
	dies_while_writing(NULL, SYS_linkat);
}

static void dies_at_any_call_without_nameless_files(void **state)
{
	(void)state;
	dies_while_writing(deny_nameless, SYS_renameat);
}

/* The file is whole or not there, and what was not copied is. */
static void dies_at_any_call_of_joining(void **state)
{
	struct calls calls = { 0 };
	size_t joined = 0, k = 1;

	(void)state;
	for (make_parts(); kill_at(k, NULL, join_parts, &calls); k++) {
		if (exists(in_root(DIR "/file-1.7"))) {
			assert_int_equal(joined_bytes(in_root(DIR "/file-1.7")), PARTS * PART);
			joined++;
		} else {
			assert_true(joined_bytes(in_root(DIR "/part-0001.7")) >= PART);
			for (unsigned n = 2; n <= PARTS; n++)
				if (exists(in_root(DIR "/part-%04u.7", n)))
					assert_true(
						is_part(in_root(DIR "/part-%04u.7", n), n, PART));
		}
		assert_int_equal(count_names(JOB, ".tmp"), 0);
		assert_int_equal(stage_remove(stage, JOB, NULL), 0);
		make_parts();
	}
	assert_true(k > 20 && joined > 1);
	/* Its bytes are on disk before it is named, and then the name. */
	size_t copied = find_call(&calls, 0, SYS_copy_file_range);
	size_t named = find_call(&calls, copied, SYS_renameat);

	assert_true(find_call(&calls, copied, SYS_fsync) < named);
	find_call(&calls, named, SYS_fsync);
}

/* ---- disks that fill up */

/* A file system of 16 MiB for the stage, which only this process sees. */
static void small_disk(void)
{
	if (unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("none", settings.stage_dir, "tmpfs", 0, "size=16M,mode=700") < 0)
		_exit(SKIPPED);
	stage_close(stage);
	stage = stage_open(&settings, NULL);
}

/* The exit status is the line that failed, as far as it fits. */
#define MUST(condition)                                                                            \
	do                                                                                         \
		if (!(condition))                                                                  \
			return __LINE__ % 250 + 1;                                                 \
	while (0)

static int fill_disk(void)
{
	struct stage_job *j = stage_job_open(stage, JOB, FENCE, NULL);
	struct stage_job *other = stage_job_open(stage, OTHER_JOB, FENCE, NULL);
	struct stage_part parts[2];
	struct stage_joined joined;
	struct err e = { 0 };

	MUST(j && other);
	struct sink *s = begin_file(j, STAGE_FILE, 1, 20 << 20);

	MUST(sink_failed(s, &e) && e.code == ERR_DISK);
	MUST(!strcmp(e.text, "there is no room for the export on disk"));
	MUST(s->next->bytes < 16 << 20 && count_names(JOB, "") == 0);
	struct sink *small = begin_file(other, STAGE_FILE, 1, 1 << 20);

	MUST(sink_failed(small, NULL)); /* the disk's last room is nobody's */
	sink_free(small);
	sink_free(s);
	small = begin_file(other, STAGE_FILE, 1, 1 << 20);
	MUST(sink_finish(small, NULL) == 0);
	sink_free(small);
	for (unsigned n = 1; n <= 2; n++) {
		small = begin_file(j, STAGE_PART, n, 6 << 20);
		MUST(sink_finish(small, NULL) == 0);
		sink_free(small);
		parts[n - 1] = part_record(n, 6 << 20);
	}
	MUST(join(j, parts, 2, NULL, &joined, &e) < 0 && e.code == ERR_DISK);
	MUST(count_names(JOB, "") == 1);
	MUST(is_part(in_root(DIR "/part-0002.7"), 2, 6 << 20));
	return 0;
}

static void a_disk_that_is_full(void **state)
{
	(void)state;
	assert_int_equal(run(small_disk, fill_disk), 0);
}

static void few_bytes_a_file(void)
{
	struct rlimit limit = { 64 * 1024, 64 * 1024 };

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		_exit(SKIPPED);
}

static int write_too_much(void)
{
	struct stage_job *j = stage_job_open(stage, JOB, FENCE, NULL);
	struct err e = { 0 };

	MUST(j);
	struct sink *s = begin_file(j, STAGE_FILE, 1, 100 * 1024);

	MUST(sink_finish(s, &e) < 0 && e.code == ERR_DISK);
	MUST(strstr(e.cause, "write: ") && count_names(JOB, "") == 0);
	sink_free(s);
	return 0;
}

static void a_write_that_fails(void **state)
{
	(void)state;
	assert_int_equal(run(few_bytes_a_file, write_too_much), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)
	const struct CMUnitTest tests[] = {
		TEST(other_ways_to_copy),
		TEST(no_nameless_files),
		TEST(dies_at_any_call),
		TEST(dies_at_any_call_without_nameless_files),
		TEST(dies_at_any_call_of_joining),
		TEST(a_disk_that_is_full),
		TEST(a_write_that_fails),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
