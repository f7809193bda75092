/*
 * A stage in a directory of the test's own, and what its tests ask of it.
 */
#ifndef SLUICE_TESTS_JOB_STAGE_STAND_H
#define SLUICE_TESTS_JOB_STAGE_STAND_H

#include <stdbool.h>

#include "lib/job/stage_file.h"

#define JOB       "0198c0de-0000-7000-8000-000000000001"
#define OTHER_JOB "0198c0de-0000-7000-8000-000000000002"

enum { FENCE = 7, PART = 10 * 1000 };

extern char stage_root[];        /* the directory that the tests have; stage.dir is in it */
extern struct settings settings; /* of the stage; to be changed before open_stage */
extern struct stage *stage;

int make_root(void **state); /* group set-up and teardown */
int remove_root(void **state);
int open_stage(void **state); /* of each test: an empty stage */
int close_stage(void **state);

/* A path in stage_root, good until the eighth call after. */
const char *in_root(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct stage_job *open_job(const char *job, uint64_t fence);

/* The byte that stands at that place of part n. */
char part_byte(unsigned n, uint64_t at);

/* Begin a file, and put part n's first `len` bytes. */
struct sink *begin_file(struct stage_job *j, enum stage_kind kind, unsigned n, size_t len);

/* Write it whole; hex may be NULL. */
void write_file(struct stage_job *j, enum stage_kind kind, unsigned n, size_t len, char *hex);

/* Whether the file holds the first `len` bytes of part n and nothing else; false too when it is not there. */
bool is_part(const char *path, unsigned n, size_t len);

/* How many names end so in the job's directory; "" for all. */
size_t count_names(const char *job, const char *end);

/* What a part of part n's bytes is recorded as. */
struct stage_part part_record(unsigned n, size_t len);

void make_file(const char *path, const char *text);
bool exists(const char *path);

/* The parts, all of which are there, become file 1. */
int join(struct stage_job *j, const struct stage_part *parts, size_t n,
	const struct stage_pulse *pulse, struct stage_joined *joined, struct err *e);

#endif
