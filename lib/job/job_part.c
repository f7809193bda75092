#include "lib/job/job_part.h"

#include <stdlib.h>
#include <string.h>

#include "lib/export/pump.h"
#include "lib/export/table.h"
#include "lib/query/compile.h"

struct making {
	const struct part_task *part;
	struct part_seen *seen;
	struct arena arena;
	struct visitor visitor;
	struct source *source; /* in a transaction; NULL: in none */
	struct table table;
	struct scope scope;
	struct query query;
	struct compile compile;
	struct compile_page page;
	struct compiled compiled;
};

static void open_sources(struct making *m)
{
	const struct settings *s = m->part->settings;

	m->visitor = (struct visitor){ .settings = s,
		.principal = m->part->principal,
		.arena = &m->arena,
		.mask_key = m->part->mask_key,
		.id = m->part->id,
		.purpose = m->part->purpose,
		.sources = sources_new(s),
		.hangup_fd = -1 };
	for (size_t i = 0; i < s->databases_n; i++)
		m->visitor.sources[i]->snapshot = m->part->snapshot;
}

static void close_sources(struct making *m)
{
	sources_close(m->visitor.sources, m->part->settings);
	arena_free(&m->arena);
}

static int plan(struct making *m, struct err *e)
{
	const struct part_task *p = m->part;
	const char *format = p->request->format->name;

	m->query = p->request->query;
	m->compile = (struct compile){ .scope = &m->scope,
		.query = &m->query,
		.nested_as_text = p->request->options.nested == NESTED_SERVER };
	if (p->key) {
		m->page = (struct compile_page){ p->key, p->bounds, p->number };
		m->compile.page = &m->page;
	}
	const struct settings_table *t = settings_table(p->settings, m->query.from);

	if (!t)
		return err_set(e, ERR_NOT_FOUND, "there is no table \"%.63s\"", m->query.from);
	return table_enter(&m->visitor, t, &m->source, &m->table, e) < 0 ||
			       table_reach(&m->visitor, &m->source, &m->table, &m->query, format,
				       &m->scope, &m->compile.where, e) < 0
		       ? -1
		       : compile_query(&m->compile, &m->compiled, e);
}

static void tell(void *of, uint64_t rows)
{
	((struct part_seen *)of)->rows = rows;
}

static int pump(struct making *m, struct sink *out, struct err *e)
{
	struct format_options options = m->part->request->options;
	const struct schema *described;
	struct schema schema;
	struct pump pump = { .source = m->source,
		.schema = &schema,
		.sink = out,
		.hangup_fd = -1,
		.progress = tell,
		.of = m->seen };

	if (!m->part->has_header)
		options.header = options.bom = false;
	if (source_open(m->source, &m->compiled.statement, &described, e) < 0)
		return -1;
	compiled_schema(&m->arena, &m->compiled, described, &schema);
	pump.format = m->part->request->format->new (out, &options);
	int status = pump_run(&pump, e);

	m->source = NULL; /* pump_run has ended the transaction, or the connection */
	format_free(pump.format);
	m->seen->rows = pump.rows;
	return status;
}

int part_make(
	const struct part_task *t, struct stage_job *stage, struct part_seen *seen, struct err *e)
{
	struct making m = { .part = t, .seen = seen };
	const struct compress_type *by = t->request->compress;
	struct sink *file = stage_file_new(stage, STAGE_PART, (unsigned)t->number, e), *out = file;

	if (!file)
		return -1;
	if (by)
		out = by->new (file, t->request->level, t->request->file_name);
	open_sources(&m);
	int status = plan(&m, e) < 0 ? -1 : pump(&m, out, e);

	if (status < 0)
		table_abandon(&m.source);
	if (status == 0)
		status = sink_finish(out, e);
	if (status == 0) {
		digest_sink_hex(file, seen->sha256);
		seen->bytes = file->bytes;
	}
	sink_free(out);
	close_sources(&m);
	return status;
}
