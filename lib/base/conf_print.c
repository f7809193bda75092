/*
 * The configuration shown: the values in effect, and the table of keys.
 */
#include "lib/base/conf.h"

#include <stdbool.h>
#include <string.h>

#include "lib/base/conf_value.h"

/* The keys of a section as the members of a JSON object, each behind `indent`. */
static void put_keys(const struct conf_table *t, const char *section, const char *from,
	const char *indent, struct buf *out)
{
	const char *between = "\n";

	for (size_t i = 0; i < t->keys_n; i++) {
		const struct conf_key *k = &t->keys[i];

		if (!k->section || strcmp(k->section, section))
			continue;
		buf_printf(out, "%s%s\"%s\": ", between, indent, k->key);
		conf_value_put(k, from + k->offset, out);
		between = ",\n";
	}
}

static void put_group(
	const struct conf_table *t, const struct conf_group *g, const char *from, struct buf *out)
{
	const char *array;
	size_t n;

	memcpy(&array, from + g->array_offset, sizeof array);
	memcpy(&n, from + g->n_offset, sizeof n);
	for (size_t i = 0; i < n; i++) {
		const char *member = array + i * g->size, *name;

		memcpy(&name, member, sizeof name);
		buf_printf(out, "%s\n    \"%s\": {", i ? "," : "", name);
		put_keys(t, g->section, member, "      ", out);
		buf_puts(out, "\n    }");
	}
}

void conf_print(const struct conf_table *table, const void *from, struct buf *out)
{
	const char *last = NULL;

	buf_putc(out, '{');
	for (size_t i = 0; i < table->keys_n; i++) {
		const char *section = table->keys[i].section;

		if (!section || (last && !strcmp(section, last)))
			continue;
		const struct conf_group *g = conf_group(table, section);

		buf_printf(out, "%s\n  \"%s\": {", last ? "," : "", section);
		if (g)
			put_group(table, g, from, out);
		else
			put_keys(table, section, from, "    ", out);
		buf_puts(out, "\n  }");
		last = section;
	}
	buf_puts(out, "\n}\n");
}

void conf_print_keys(const struct conf_table *table, struct buf *out)
{
	for (size_t i = 0; i < table->keys_n; i++) {
		const struct conf_key *k = &table->keys[i];
		bool is_group = k->section && conf_group(table, k->section);

		if (k->section)
			buf_printf(out, "%s.%s", k->section, is_group ? "<key>." : "");
		buf_printf(out, "%s\t%s\t%s\n", k->key,
			k->flags & CONF_REQUIRED && !*k->fallback ? "(required)" : k->fallback,
			k->help);
	}
}
