/*
 * Fuzz: random rows as Parquet, under options that the feed chooses, are the same rows to a reader of its own.
 */
#include "tests/fuzz/rows.h"
#include "lib/format/parquet/codec.h"
#include "tests/unit/parquet_judge.h"

static void options_from(struct format_options *o, uint8_t byte, uint8_t rows)
{
	format_options_init(o, DIALECT_RFC4180);
	o->codec = codec_is_built(byte % 4) ? byte % 4 : CODEC_NONE;
	o->page_version = byte >> 2 & 1 ? PAGE_VERSION_2 : PAGE_VERSION_1;
	o->dictionary = byte >> 3 & 1;
	o->statistics = byte >> 4 & 1;
	if (rows)
		o->row_group_rows = rows;
}

static void check_times(const struct rows *r, const struct format_options *o, size_t times)
{
	struct memory_sink *m = memory_sink_new();
	struct format *f = parquet_new(&m->base, o);
	struct judge j;

	format_begin(f, &r->schema);
	for (size_t i = 0; i < times; i++)
		format_batch(f, &r->batch);
	format_end(f);
	format_free(f);
	MUST(!sink_failed(&m->base, NULL));
	judge_file(&j, m->bytes.data, m->bytes.len);
	judge_same(&j, &r->schema, &r->batch, times);
	judge_free(&j);
	sink_free(&m->base);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct format_options o;
	struct rows r;

	if (len < 2)
		return 0;
	rows_from(&r, data + 2, len - 2);
	for (size_t i = 0; i < r.schema.n; i++) {
		r.fields[i].nullable = true;
		r.fields[i].precision = 38;
	}
	options_from(&o, data[0], data[1]);
	for (size_t times = 0; times < 3; times++)
		check_times(&r, &o, times);
	batch_free(&r.batch);
	return 0;
}
