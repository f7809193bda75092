/*
 * Fuzz: random rows as an Arrow file and stream, once, twice and never, are the same rows to a reader of its own.
 */
#include "tests/fuzz/rows.h"
#include "tests/unit/arrow_judge.h"

static void check_times(const struct rows *r, bool is_file, size_t times)
{
	struct memory_sink *m = memory_sink_new();
	struct format *f = (is_file ? arrow_new : arrows_new)(&m->base, NULL);

	format_begin(f, &r->schema);
	for (size_t i = 0; i < times; i++)
		format_batch(f, &r->batch);
	format_end(f);
	format_free(f);
	judge_arrow(m->bytes.data, m->bytes.len, is_file, &r->schema, &r->batch, times);
	sink_free(&m->base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct rows r;

	rows_from(&r, data, len);
	for (size_t times = 0; times < 3; times++) {
		check_times(&r, true, times);
		check_times(&r, false, times);
	}
	batch_free(&r.batch);
	return 0;
}
