#include "lib/access/rights_json.h"

#include <json-c/json.h>
#include <string.h>

/* ---- written */

static void put_text(struct buf *b, const char *text)
{
	if (text)
		buf_put_json(b, text, strlen(text));
	else
		buf_puts(b, "null");
}

static void put_columns(struct buf *b, const struct rights *r)
{
	if (r->all_columns) {
		buf_puts(b, "null");
		return;
	}
	buf_putc(b, '[');
	for (size_t i = 0; i < r->columns.n; i++) {
		buf_puts(b, i ? "," : "");
		put_text(b, r->columns.items[i]);
	}
	buf_putc(b, ']');
}

void rights_json_put(struct buf *b, const struct rights *r)
{
	buf_puts(b, "{\"columns\":");
	put_columns(b, r);
	buf_puts(b, ",\"masks\":{");
	for (size_t i = 0; i < r->masks_n; i++) {
		buf_puts(b, i ? "," : "");
		put_text(b, r->masks[i].column);
		buf_printf(b, ":\"%s\"", mask_name(r->masks[i].mask));
	}
	if (r->rows < 0)
		buf_puts(b, "},\"rows\":null,\"tenantColumn\":");
	else
		buf_printf(b, "},\"rows\":%lld,\"tenantColumn\":", (long long)r->rows);
	put_text(b, r->tenant_column);
	buf_puts(b, ",\"tenant\":");
	put_text(b, r->tenant);
	buf_puts(b, ",\"identity\":");
	put_text(b, r->identity);
	buf_putc(b, '}');
}

/* ---- read */

/* *value is NULL where null stands. */
static int get(
	struct json_object *from, const char *name, enum json_type type, struct json_object **value)
{
	return json_object_object_get_ex(from, name, value) &&
			       (!*value || json_object_is_type(*value, type))
		       ? 0
		       : -1;
}

static int get_text(struct json_object *from, const char *name, const char **text)
{
	struct json_object *value;

	if (get(from, name, json_type_string, &value) < 0)
		return -1;
	*text = value ? json_object_get_string(value) : NULL;
	return 0;
}

static int read_columns(struct arena *a, struct json_object *json, struct rights *out)
{
	struct json_object *list;

	if (get(json, "columns", json_type_array, &list) < 0)
		return -1;
	out->all_columns = !list;
	if (!list)
		return 0;
	out->columns.n = json_object_array_length(list);
	out->columns.items = arena_zero(a, out->columns.n, sizeof *out->columns.items);
	for (size_t i = 0; i < out->columns.n; i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		if (!json_object_is_type(item, json_type_string))
			return -1;
		out->columns.items[i] = json_object_get_string(item);
	}
	return 0;
}

static int read_masks(struct arena *a, struct json_object *json, struct rights *out)
{
	struct json_object *all;
	struct rights_mask *masks;

	if (get(json, "masks", json_type_object, &all) < 0 || !all)
		return -1;
	masks = arena_zero(a, (size_t)json_object_object_length(all), sizeof *masks);
	out->masks = masks;
	json_object_object_foreach(all, column, name)
	{
		int mask = json_object_is_type(name, json_type_string)
				   ? mask_parse(json_object_get_string(name))
				   : -1;

		if (mask < 0)
			return -1;
		masks[out->masks_n++] = (struct rights_mask){ column, (enum mask)mask };
	}
	return 0;
}

int rights_json_read(struct arena *a, struct json_object *json, struct rights *out)
{
	struct json_object *rows;

	*out = (struct rights){ 0 };
	if (!json_object_is_type(json, json_type_object) || read_columns(a, json, out) < 0 ||
		read_masks(a, json, out) < 0 || get(json, "rows", json_type_int, &rows) < 0 ||
		get_text(json, "tenantColumn", &out->tenant_column) < 0 ||
		get_text(json, "tenant", &out->tenant) < 0 ||
		get_text(json, "identity", &out->identity) < 0 || !out->identity)
		return -1;
	out->rows = rows ? json_object_get_int64(rows) : -1;
	return 0;
}
