#include "lib/export/schema_json.h"

#include <string.h>

static void put_string(struct buf *b, const char *s)
{
	buf_put_json(b, s, strlen(s));
}

void schema_json_members(struct buf *b, const struct field *f)
{
	buf_puts(b, "\"name\":");
	put_string(b, f->name);
	buf_printf(b, ",\"type\":\"%s\",\"sourceType\":", type_name(f->type));
	put_string(b, f->source_type);
	buf_printf(b, ",\"nullable\":%s", f->nullable ? "true" : "false");
	if (f->type == TYPE_DECIMAL128)
		buf_printf(b, ",\"precision\":%d,\"scale\":%d", f->precision, f->scale);
	else
		buf_puts(b, ",\"precision\":null,\"scale\":null");
}

void schema_json_columns(struct buf *b, const struct schema *schema)
{
	buf_putc(b, '[');
	for (size_t i = 0; i < schema->n; i++) {
		buf_puts(b, i ? ",{" : "{");
		schema_json_members(b, &schema->fields[i]);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

void schema_json_lossy(struct buf *b, const struct schema *schema, const struct format_type *format,
	const struct format_options *options)
{
	size_t n = 0;

	buf_putc(b, '[');
	for (size_t i = 0; i < schema->n; i++) {
		if (!format->written(&schema->fields[i], options).lossy)
			continue;
		buf_puts(b, n++ ? "," : "");
		put_string(b, schema->fields[i].name);
	}
	buf_putc(b, ']');
}
