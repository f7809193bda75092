#include "lib/job/job_part.h"

#include <stdlib.h>
#include <string.h>

#include "lib/sink/behind.h"

static int plan(
	struct reading *r, const struct part_task *t, struct compile_page *page, struct err *e)
{
	const struct settings_table *table = settings_table(t->by.settings, t->request->query.from);

	r->query = t->request->query;
	r->compile.nested_as_text = t->request->options.nested == NESTED_SERVER;
	if (t->key) {
		*page = (struct compile_page){ t->key, t->bounds, t->number };
		r->compile.page = page;
	}
	if (!table)
		return err_set(e, ERR_NOT_FOUND, "there is no table \"%.63s\"", r->query.from);
	return reading_plan(r, table, t->request->format->name, t->increment, e);
}

static void tell(void *of, uint64_t rows)
{
	((struct part_seen *)of)->rows = rows;
}

static int pump(struct reading *r, const struct part_task *t, struct part_seen *seen,
	struct sink *out, struct err *e)
{
	struct format_options options = t->request->options;
	struct pump pump = { .progress = tell, .of = seen };

	if (t->is_later)
		options.header = options.bom = false;
	int status = reading_pump(r, t->request->format, &options, out, &pump, e);

	seen->rows = pump.rows;
	return status;
}

int part_make(
	const struct part_task *t, struct stage_job *stage, struct part_seen *seen, struct err *e)
{
	struct compile_page page;
	struct reading r;
	const struct compress_type *by = t->request->compress;
	struct sink *file = stage_file_new(stage, STAGE_PART, (unsigned)t->number, t->is_joined, e);

	if (!file)
		return -1;
	struct sink *out = behind_sink_new(file, e);

	if (!out) {
		sink_free(file);
		return -1;
	}
	if (by)
		out = by->new (out, t->request->level, t->request->file_name);
	reading_open(&r, &t->by);
	int status = plan(&r, t, &page, e);

	seen->is_under = status == 0;
	if (status == 0)
		status = pump(&r, t, seen, out, e);
	if (status == 0)
		status = sink_finish(out, e);
	if (status == 0) {
		digest_sink_hex(file, seen->sha256);
		seen->bytes = file->bytes;
	}
	sink_free(out);
	reading_close(&r);
	return status;
}
