/*
 * The schema of a table's export: its columns, their types, and how each format writes them.
 */
#include <string.h>

#include "lib/web/describe.h"
#include "lib/web/option_params.h"
#include "lib/web/route.h"
#include "lib/export/schema_json.h"
#include "lib/web/schema_match.h"
#include "lib/web/visit.h"

/* Which formats are told of, and as what options have them. */
struct written_as {
	const struct format_type *only; /* NULL: every format, asked for nothing */
	struct format_options options;  /* of `only` */
};

static int refuse_format(const char *name, struct err *e)
{
	struct buf b = { 0 };

	for (size_t i = 0; format_types[i]; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", format_types[i]->name);
	err_set(e, ERR_BAD_REQUEST, "there is no format \"%s\"; format must be one of %s", name,
		buf_str(&b));
	buf_free(&b);
	return -1;
}

static int ask_written(struct request *rq, struct written_as *as, struct err *e)
{
	const char *name = request_param(rq, "format");

	if (option_params_check(rq, (const char *const[]){ "columns", "format", NULL }, e) < 0)
		return -1;
	if (!name) {
		for (size_t i = 0; i < rq->params_n; i++)
			if (strcmp(rq->params[i].name, "columns") != 0)
				return err_set(e, ERR_BAD_REQUEST,
					"%s is an option of a format: add format=",
					rq->params[i].name);
		return 0;
	}
	as->only = format_by_suffix(name);
	if (!as->only)
		return refuse_format(name, e);
	return option_params_read(rq, as->only, NULL, &as->options, e);
}

static const struct format_type *type_told(const struct written_as *as, size_t i)
{
	if (as->only)
		return i ? NULL : as->only;
	return format_types[i];
}

static const struct format_options *options_of(const struct written_as *as,
	const struct format_type *type, struct format_options *defaults)
{
	if (as->only)
		return &as->options;
	format_options_init(defaults, type->dialect);
	return defaults;
}

static void put_written(struct buf *b, const struct field *f, const struct written_as *as)
{
	const struct format_type *type;
	struct format_options defaults;

	buf_puts(b, ",\"written\":{");
	for (size_t i = 0; (type = type_told(as, i)) != NULL; i++) {
		struct format_written w = type->written(f, options_of(as, type, &defaults));

		buf_printf(b, "%s\"%s\":{\"type\":\"%s\",\"lossy\":", i ? "," : "", type->name,
			w.type);
		if (w.lossy)
			buf_put_json(b, w.lossy, strlen(w.lossy));
		else
			buf_puts(b, "null");
		buf_putc(b, '}');
	}
	buf_putc(b, '}');
}

static void put_schema(struct buf *b, const char *table, const char *text,
	const struct schema *schema, const struct written_as *as)
{
	const struct format_type *type;
	struct format_options defaults;

	buf_puts(b, "{\"table\":");
	buf_put_json(b, table, strlen(table));
	buf_printf(b, ",\"fingerprint\":\"%s\",\"columns\":[", text);
	for (size_t i = 0; i < schema->n; i++) {
		buf_puts(b, i ? ",{" : "{");
		schema_json_members(b, &schema->fields[i]);
		put_written(b, &schema->fields[i], as);
		buf_putc(b, '}');
	}
	buf_puts(b, "],\"lossy\":{");
	for (size_t i = 0; (type = type_told(as, i)) != NULL; i++) {
		buf_printf(b, "%s\"%s\":", i ? "," : "", type->name);
		schema_json_lossy(b, schema, type, options_of(as, type, &defaults));
	}
	buf_puts(b, "}}\n");
}

static int answer(struct app *app, struct response *rs, const struct written_as *as, struct err *e)
{
	struct request *rq = rs->request;
	char text[FINGERPRINT_TEXT];
	struct source *source = NULL;
	struct table t;
	struct schema schema;
	struct buf b = { 0 };

	if (visit_table(app, rq, &source, &t, e) < 0 ||
		describe_table(app, rq, source, &t, request_param(rq, "columns"), &schema, e) < 0 ||
		table_leave(&source, e) < 0) {
		table_abandon(&source);
		return -1;
	}
	if (schema_match(app, rs, &schema, e) < 0 || schema_announce(app, rs, &schema, text, e) < 0)
		return -1;
	put_schema(&b, t.settings->key, text, &schema, as);
	response_json(rs, 200, &b);
	buf_free(&b);
	return 0;
}

int handle_table_schema(struct app *app, struct request *rq, struct response *rs, struct err *e)
{
	struct written_as as = { 0 };
	int status = ask_written(rq, &as, e);

	if (status == 0)
		status = answer(app, rs, &as, e);
	format_options_free(&as.options);
	return status;
}
