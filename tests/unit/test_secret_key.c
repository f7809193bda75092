/*
 * The secret of a host: HMAC against RFC 4231, the file that many processes make at once, files that
 * are not to be trusted. Includes secret_key.c, so that its calls of the system can be made to fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the next calls do instead, once. */
static const char *rival; /* link: another process's secret is there first */
static int write_len = -1;
static bool fsync_fails, link_fails;

/* Where a child is killed. */
static enum {
	NOWHERE,
	BEFORE_WRITE,
	IN_WRITE,
	BEFORE_FSYNC,
	BEFORE_LINK,
	AFTER_LINK,
	PLACES_N
} dies;

static void die_at(int place)
{
	if ((int)dies == place)
		kill(getpid(), SIGKILL);
}

static int test_link(const char *from, const char *to)
{
	if (link_fails) {
		errno = EPERM;
		return -1;
	}
	if (rival) {
		int fd = open(to, O_WRONLY | O_CREAT | O_EXCL, 0600);

		assert_true(fd >= 0 && write(fd, rival, 32) == 32 && close(fd) == 0);
		rival = NULL;
	}
	die_at(BEFORE_LINK);
	int failed = link(from, to);

	die_at(AFTER_LINK);
	return failed;
}

static ssize_t test_write(int fd, const void *data, size_t len)
{
	die_at(BEFORE_WRITE);
	if (dies == IN_WRITE)
		len /= 2;
	ssize_t n = write(fd, data, write_len < 0 ? len : (size_t)write_len);

	die_at(IN_WRITE);
	return n;
}

static int test_fsync(int fd)
{
	die_at(BEFORE_FSYNC);
	if (!fsync_fails)
		return fsync(fd);
	errno = EIO;
	return -1;
}

#define link  test_link
#define write test_write
#define fsync test_fsync
#include "lib/access/secret_key.c"
#undef link
#undef write
#undef fsync

enum { PROCESSES = 12, ROUNDS = 40 };

static char dir[] = "/tmp/sluice-secret-XXXXXX", path[64], other[64];

static int set_up_test(void **state)
{
	(void)state;
	rival = NULL;
	write_len = -1;
	fsync_fails = link_fails = false;
	unlink(path);
	return 0;
}

static struct settings settings_of(const char *secret)
{
	return (struct settings){ .secret_key = secret, .secret_previous = "", .state_dir = dir };
}

static struct secret_key *must_open(const char *secret)
{
	struct settings s = settings_of(secret);
	struct err e = { 0 };
	struct secret_key *k = secret_key_open(&s, &e);

	if (!k)
		fail_msg("%s", e.text);
	return k;
}

/* The key for a purpose, from the secret that is there now. */
static void derived(const char *secret, const char *purpose, uint8_t out[SECRET_KEY_BYTES])
{
	struct secret_key *k = must_open(secret);

	secret_key_derive(k, purpose, out);
	secret_key_close(k);
}

static void refuses(const char *what)
{
	struct settings s = settings_of("");
	struct err e = { 0 };

	assert_null(secret_key_open(&s, &e));
	assert_int_equal(e.code, ERR_CONFIG);
	if (!strstr(e.text, path) || !strstr(e.text, what))
		fail_msg("\"%s\" does not say \"%s\"", e.text, what);
}

static int files_in_dir(void)
{
	DIR *d = opendir(dir);
	int n = 0;

	assert_non_null(d);
	for (struct dirent *entry; (entry = readdir(d));)
		n += entry->d_name[0] != '.';
	closedir(d);
	return n;
}

static void write_file(size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	static const char bytes[64] = "0123456789abcdef0123456789abcdef";

	assert_true(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

/* ---- HMAC */

static size_t from_hex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
	}
	return n;
}

/* RFC 4231 §4.2 to §4.8; a key or text that is one byte repeated is given as byte and number. */
static const struct vector {
	const char *key;
	int key_byte, key_n;
	const char *data;
	int data_byte, data_n;
	const char *hmac; /* the fifth is cut to 128 bits */
} vectors[] = {
	{ NULL, 0x0b, 20, "Hi There", 0, 0,
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
	{ "Jefe", 0, 0, "what do ya want for nothing?", 0, 0,
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ NULL, 0xaa, 20, NULL, 0xdd, 50,
		"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
	{ "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15"
	  "\x16\x17\x18\x19",
		0, 0, NULL, 0xcd, 50,
		"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
	{ NULL, 0x0c, 20, "Test With Truncation", 0, 0, "a3b6167473100ee06e0c796c2955552b" },
	{ NULL, 0xaa, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 0, 0,
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	{ NULL, 0xaa, 131,
		"This is a test using a larger than block-size key and a larger than block-size "
		"data. The key needs to be hashed before being used by the HMAC algorithm.",
		0, 0, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
};

static void agrees_with_rfc_4231(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		const struct vector *v = &vectors[i];
		uint8_t key[131], data[200], want[32], got[32];
		size_t key_len = v->key ? strlen(v->key) : (size_t)v->key_n;
		size_t len = v->data ? strlen(v->data) : (size_t)v->data_n;

		if (v->key)
			memcpy(key, v->key, key_len);
		else
			memset(key, v->key_byte, key_len);
		if (v->data)
			memcpy(data, v->data, len);
		else
			memset(data, v->data_byte, len);
		hmac(key, key_len, data, len, got);
		assert_memory_equal(got, want, from_hex(v->hmac, want));
	}
}

/* Judged by Python: hmac.digest(bytes(range(32)), b"abc", "sha256"), and of no data. */
static void signs_under_a_key(void **state)
{
	uint8_t key[32], got[32], want[32];

	(void)state;
	for (int i = 0; i < 32; i++)
		key[i] = (uint8_t)i;
	secret_key_sign(key, "abc", 3, got);
	from_hex("f0133729c4163dede81e21cd47839256da58171238c8a0d874397c73b14e1e47", want);
	assert_memory_equal(got, want, 32);
	secret_key_sign(key, NULL, 0, got);
	from_hex("d38b42096d80f45f826b44a9d5607de72496a415d3f4a1a8c88e3bb9da8dc1cb", want);
	assert_memory_equal(got, want, 32);
}

static void compares_all_bytes(void **state)
{
	uint8_t a[32] = { 7 }, b[32] = { 7 };

	(void)state;
	assert_true(secret_key_equal(a, b, 32));
	for (int bit = 0; bit < 32 * 8; bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(secret_key_equal(a, b, 32));
		assert_true(secret_key_equal(a, b, (size_t)bit / 8));
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static size_t pad_bytes(const char text[SECRET_KEY_PAD_TEXT], uint8_t out[64])
{
	assert_int_equal(strlen(text), SECRET_KEY_PAD_TEXT - 1);
	assert_memory_equal(text, "\\x", 2);
	return from_hex(text + 2, out);
}

/* What the server does with them: sha256(outer || sha256(inner || x)). */
static void gives_the_two_pads(void **state)
{
	char outer[SECRET_KEY_PAD_TEXT], inner[SECRET_KEY_PAD_TEXT];
	uint8_t key[32], block[64 + 32], want[32], got[32];

	(void)state;
	for (int round = 0; round < 50; round++) {
		random_bytes(key, sizeof key);
		secret_key_pads(key, outer, inner);
		assert_int_equal(pad_bytes(inner, block), 64);
		memcpy(block + 64, "jane@example.com", 16);
		SHA256(block, 64 + 16, got);
		assert_int_equal(pad_bytes(outer, block), 64);
		memcpy(block + 64, got, 32);
		SHA256(block, sizeof block, got);
		secret_key_sign(key, "jane@example.com", 16, want);
		assert_memory_equal(got, want, 32);
	}
}

/* ---- the setting */

/* Judged by Python: hmac.digest(b"s" * 32, b"mask", "sha256"), and of 100 times "s". */
static void derives_from_the_setting(void **state)
{
	char secret[101];
	uint8_t got[32], want[32];

	(void)state;
	memset(secret, 's', 100);
	secret[100] = '\0';
	derived(secret, "mask", got);
	from_hex("374ea71ed8078ddc40ba655ea489271296dd655783211b311e7a607e63f34114", want);
	assert_memory_equal(got, want, 32);
	secret[32] = '\0';
	derived(secret, "mask", got);
	from_hex("cff37bb5e0f135ff622a7a1ccaeaffa11e41e8e956408be6a487fd02ebca020d", want);
	assert_memory_equal(got, want, 32);
	derived(secret, "page token", want);
	assert_memory_not_equal(got, want, 32);
	assert_int_equal(files_in_dir(), 0);
}

static void refuses_a_short_setting(void **state)
{
	struct settings s = settings_of("0123456789abcdef0123456789abcde");
	struct err e = { 0 };

	(void)state;
	assert_null(secret_key_open(&s, &e));
	assert_int_equal(e.code, ERR_CONFIG);
	assert_non_null(strstr(e.text, "secret.key"));
	assert_null(strstr(e.text, "0123456789"));
	assert_null(strstr(e.cause, "0123456789"));
	assert_int_equal(files_in_dir(), 0);
}

/* ---- the file */

static void makes_a_file_and_keeps_it(void **state)
{
	uint8_t first[32], again[32];
	struct stat st;

	(void)state;
	umask(0);
	derived("", "x", first);
	umask(022);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_size, 32);
	assert_int_equal(files_in_dir(), 1);
	derived("", "x", again);
	assert_memory_equal(first, again, 32);
	unlink(path);
	derived("", "x", again);
	assert_memory_not_equal(first, again, 32);
}

static void takes_what_the_file_says(void **state)
{
	uint8_t got[32], want[32];

	(void)state;
	write_file(32, 0600);
	derived("", "x", got);
	derived("0123456789abcdef0123456789abcdef", "x", want);
	assert_memory_equal(got, want, 32);
	unlink(path);
	write_file(32, 0400);
	derived("", "x", got);
	assert_memory_equal(got, want, 32);
}

/* Another process links its file between our look and our link. */
static void takes_what_another_was_faster_to_make(void **state)
{
	uint8_t got[32], want[32];

	(void)state;
	rival = "fedcba9876543210fedcba9876543210";
	derived("", "x", got);
	derived("fedcba9876543210fedcba9876543210", "x", want);
	assert_memory_equal(got, want, 32);
	assert_int_equal(files_in_dir(), 1);
}

static void refuses_files_of_another_kind(void **state)
{
	static const mode_t modes[] = { 0640, 0620, 0610, 0604, 0602, 0601, 0666 };

	(void)state;
	for (size_t len = 0; len <= 64; len += 31) { /* 0, 31, 62 */
		write_file(len, 0600);
		refuses("32 bytes");
		unlink(path);
	}
	write_file(33, 0600);
	refuses("32 bytes");
	unlink(path);
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		write_file(32, modes[i]);
		refuses("open to others");
		unlink(path);
	}
	assert_int_equal(mkfifo(path, 0600), 0);
	refuses("no plain file"); /* and does not wait for a writer */
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	refuses("no plain file");
	assert_int_equal(rmdir(path), 0);
}

static void refuses_links(void **state)
{
	(void)state;
	write_file(32, 0600);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	refuses("no plain file");
	unlink(other);
	refuses("no plain file"); /* and makes nothing where it leads */
	assert_int_equal(files_in_dir(), 1);
}

static void refuses_another_users_file(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	write_file(32, 0600);
	assert_int_equal(chown(path, 65534, (gid_t)-1), 0);
	refuses("another user");
}

static void roots_is_the_directorys_owners(void **state)
{
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(dir, 65534, (gid_t)-1), 0);
	secret_key_close(must_open(""));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 65534);
	secret_key_close(must_open("")); /* and root reads it again */
	assert_int_equal(chown(dir, 0, (gid_t)-1), 0);
	refuses("another user");
}

static void leaves_nothing_when_it_cannot_be_made(void **state)
{
	struct settings s = {
		.secret_key = "", .secret_previous = "", .state_dir = "/tmp/sluice-secret/none"
	};
	struct err e = { 0 };

	(void)state;
	for (write_len = 0; write_len < 32; write_len += 31)
		refuses("No space left");
	write_len = -1;
	fsync_fails = true;
	refuses("Input/output error");
	fsync_fails = false;
	link_fails = true;
	refuses("Operation not permitted");
	assert_int_equal(files_in_dir(), 0);
	assert_null(secret_key_open(&s, &e));
	assert_int_equal(e.code, ERR_CONFIG);
	assert_non_null(strstr(e.text, "/tmp/sluice-secret/none/secret"));
}

/* ---- many processes */

static int gate[2];

static void child(uint8_t out[32])
{
	struct settings s = settings_of("");
	char c;

	close(gate[1]);
	if (read(gate[0], &c, 1) != 0)
		_exit(2);
	struct secret_key *k = secret_key_open(&s, NULL);

	if (!k)
		_exit(3);
	secret_key_derive(k, "x", out);
	secret_key_close(k);
	_exit(0);
}

static void is_one_for_all_that_start_at_once(void **state)
{
	uint8_t(*keys)[32] = mmap(NULL, PROCESSES * sizeof *keys, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	(void)state;
	assert_true(keys != MAP_FAILED);
	for (int round = 0; round < ROUNDS; round++) {
		unlink(path);
		assert_int_equal(pipe(gate), 0);
		for (int i = 0; i < PROCESSES; i++)
			if (fork() == 0)
				child(keys[i]);
		close(gate[0]);
		close(gate[1]); /* go */
		while (wait(&status) > 0)
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		for (int i = 1; i < PROCESSES; i++)
			assert_memory_equal(keys[i], keys[0], 32);
		assert_int_equal(files_in_dir(), 1);
	}
	munmap(keys, PROCESSES * sizeof *keys);
}

static void remove_all(void)
{
	DIR *d = opendir(dir);

	assert_non_null(d);
	for (struct dirent *entry; (entry = readdir(d));)
		if (entry->d_name[0] != '.')
			assert_int_equal(unlinkat(dirfd(d), entry->d_name, 0), 0);
	closedir(d);
}

/* What a killed process leaves beside may stay; the secret itself is whole or not there. */
static void survives_kill_at_any_time(void **state)
{
	uint8_t key[32];

	(void)state;
	for (int place = BEFORE_WRITE; place < PLACES_N; place++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			struct settings s = settings_of("");

			dies = place;
			secret_key_close(secret_key_open(&s, NULL));
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		assert_int_equal(access(path, F_OK) == 0, place == AFTER_LINK);
		derived("", "x", key);
		assert_int_equal(files_in_dir(), 2);
		remove_all();
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, set_up_test)
	const struct CMUnitTest tests[] = {
		TEST(agrees_with_rfc_4231),
		TEST(signs_under_a_key),
		TEST(compares_all_bytes),
		TEST(gives_the_two_pads),
		TEST(derives_from_the_setting),
		TEST(refuses_a_short_setting),
		TEST(makes_a_file_and_keeps_it),
		TEST(takes_what_the_file_says),
		TEST(takes_what_another_was_faster_to_make),
		TEST(refuses_files_of_another_kind),
		TEST(refuses_links),
		TEST(refuses_another_users_file),
		TEST(roots_is_the_directorys_owners),
		TEST(leaves_nothing_when_it_cannot_be_made),
		TEST(is_one_for_all_that_start_at_once),
		TEST(survives_kill_at_any_time),
	};

	if (!mkdtemp(dir) || snprintf(path, sizeof path, "%s/secret", dir) < 0 ||
		snprintf(other, sizeof other, "%s/other", dir) < 0)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	remove_all();
	return rmdir(dir) ? 1 : failed;
}
