/*
 * The corpus runner: a main for a fuzz target where there is no fuzzer. Gives every file of its arguments (files or
 * folders, not their subfolders) to LLVMFuzzerTestOneInput once, in the order of their names, and then every beginning of
 * it, since input that stops half-way is what parsers are weakest at (https://llvm.org/docs/LibFuzzer.html).
 *
 * A target that finds something wrong ends the process, or a sanitizer does; the last name written is the
 * input. Exit status 0 when all went well, 1 when a file could not be read or there was none.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

/* Beginnings of longer files are taken in steps, so that no file costs more than this many runs. */
enum { RUNS_MAX = 512 };

/* Each run has a copy of just its length: a sanitizer then sees the first byte read behind it. */
static void run_copy(const uint8_t *data, size_t len)
{
	uint8_t *copy = mem_alloc(len, 1);

	if (len)
		memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static int read_all(FILE *f, struct buf *content)
{
	size_t got;

	while ((got = fread(buf_reserve(content, 4096), 1, 4096, f)) > 0)
		content->len += got;
	return ferror(f) ? -1 : 0;
}

static int run_file(const char *path)
{
	struct buf content = { 0 };
	FILE *f = fopen(path, "rb");
	int status = f ? read_all(f, &content) : -1;

	if (f)
		fclose(f); /* nothing was written */
	if (status < 0) {
		perror(path);
	} else {
		printf("%s (%zu)\n", path, content.len);
		fflush(stdout);
		run_copy((const uint8_t *)content.data, content.len);
		for (size_t len = 0; len < content.len; len += 1 + content.len / RUNS_MAX)
			run_copy((const uint8_t *)content.data, len);
	}
	buf_free(&content);
	return status;
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* The number of files that were run; -1 when one could not be read. */
static int run_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_input, alphasort), status = 0;

	if (n < 0) {
		perror(path);
		return -1;
	}
	for (int i = 0; i < n; i++) {
		struct buf name = { 0 };

		buf_printf(&name, "%s/%s", path, entries[i]->d_name);
		if (run_file(buf_str(&name)) < 0)
			status = -1;
		buf_free(&name);
		free(entries[i]);
	}
	free(entries);
	return status < 0 ? -1 : n;
}

int main(int argc, char **argv)
{
	int files = 0;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		struct stat st;
		int n = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)
				? run_folder(argv[i])
				: (run_file(argv[i]) < 0 ? -1 : 1);

		if (n < 0)
			return 1;
		files += n;
	}
	printf("%d files\n", files);
	return files ? 0 : 1;
}
