#include "lib/export/reading.h"

#include "lib/export/describe.h"
#include "lib/export/lookup.h"

void reading_open(struct reading *r, const struct reading_by *by)
{
	*r = (struct reading){ .visitor = { .settings = by->settings,
				       .principal = by->principal,
				       .arena = &r->arena,
				       .mask_key = by->mask_key,
				       .id = by->id,
				       .purpose = by->purpose,
				       .sources = sources_new(by->settings),
				       .hangup_fd = -1 },
		.compile = { .scope = &r->scope, .query = &r->query } };
	for (size_t i = 0; i < by->settings->databases_n; i++)
		r->visitor.sources[i]->snapshot = by->snapshot;
}

void reading_close(struct reading *r)
{
	table_abandon(&r->source);
	sources_close(r->visitor.sources, r->visitor.settings);
	arena_free(&r->arena);
}

/* All locks that the query needs are had now, or not at all (source.h). What its rows wait for may take its time again. */
static int take_locks(struct reading *r, struct err *e)
{
	static const struct statement patient = {
		.sql = "SELECT set_config(name, reset_val, true) FROM pg_settings"
		       " WHERE name = 'lock_timeout'"
	};
	struct schema ignored;

	return describe_query(r->source, &r->compile, &ignored, e) < 0 ||
			       lookup_run(r->source, &patient, e) < 0
		       ? -1
		       : 0;
}

int reading_plan(struct reading *r, const struct settings_table *t, const char *format,
	const struct increment *increment, struct err *e)
{
	if (table_enter(&r->visitor, t, &r->source, &r->table, e) < 0 ||
		table_reach(&r->visitor, &r->source, &r->table, &r->query, format, &r->scope,
			&r->compile.where, e) < 0)
		return -1;
	r->scope.increment = increment;
	return take_locks(r, e) < 0 ? -1 : compile_query(&r->compile, &r->compiled, e);
}

static int pump(struct reading *r, const struct format_type *format,
	const struct format_options *options, struct sink *out, struct pump *p, struct err *e)
{
	const struct schema *described;

	if (source_open(r->source, &r->compiled.statement, &described, e) < 0)
		return -1;
	compiled_schema(&r->arena, &r->compiled, described, &r->schema);
	p->source = r->source;
	p->schema = &r->schema;
	p->format = format->new (out, options);
	p->sink = out;
	p->hangup_fd = -1;
	int status = pump_run(p, e);

	r->source = NULL; /* pump_run has ended the transaction, or the connection */
	format_free(p->format);
	return status;
}

int reading_pump(struct reading *r, const struct format_type *format,
	const struct format_options *options, struct sink *out, struct pump *p, struct err *e)
{
	int status = pump(r, format, options, out, p, e);

	table_abandon(&r->source);
	return status;
}
