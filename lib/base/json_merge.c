#include "lib/base/json_merge.h"

#include <string.h>

static void put_name(struct buf *out, const char *name, bool *is_first)
{
	if (!*is_first)
		buf_putc(out, ',');
	*is_first = false;
	buf_put_json(out, name, strlen(name));
	buf_putc(out, ':');
}

void json_merge(struct buf *out, const struct json_node *target, const struct json_node *patch)
{
	bool is_first = true, is_object = target && target->kind == JSON_KIND_OBJECT;

	if (patch->kind != JSON_KIND_OBJECT) {
		buf_put(out, patch->from, patch->source_len);
		return;
	}
	buf_putc(out, '{');
	for (const struct json_node *m = is_object ? target->first : NULL; m; m = m->next) {
		const struct json_node *change = json_tree_member(patch, m->name);

		if (change && change->kind == JSON_KIND_NULL)
			continue;
		put_name(out, m->name, &is_first);
		if (change)
			json_merge(out, m, change);
		else
			buf_put(out, m->from, m->source_len);
	}
	for (const struct json_node *m = patch->first; m; m = m->next) {
		if (m->kind == JSON_KIND_NULL || (is_object && json_tree_member(target, m->name)))
			continue;
		put_name(out, m->name, &is_first);
		json_merge(out, NULL, m);
	}
	buf_putc(out, '}');
}
