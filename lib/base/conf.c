#include "lib/base/conf.h"

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include "lib/base/conf_value.h"
#include "lib/base/nearest.h"

const struct conf_group *conf_group(const struct conf_table *t, const char *section)
{
	for (size_t i = 0; i < t->groups_n; i++)
		if (!strcmp(t->groups[i].section, section))
			return &t->groups[i];
	return NULL;
}

/* section NULL: a key at the top of the file. */
static const struct conf_key *find_key(
	const struct conf_table *t, const char *section, const char *key)
{
	for (size_t i = 0; i < t->keys_n; i++) {
		const struct conf_key *k = &t->keys[i];

		if (!section != !k->section || (section && strcmp(section, k->section)))
			continue;
		if (!key || !strcmp(key, k->key))
			return k;
	}
	return NULL;
}

/* The file and line of a key, or of the nearest that encloses it; line 0 when none does. */
static const struct doc *locate(const struct conf *c, const char *key, int *line)
{
	char *name = mem_strdup(key);
	const struct doc *found = c->docs;

	*line = 0;
	for (char *end = name; end && !*line; end = strrchr(name, '.')) {
		if (end != name)
			*end = '\0';
		for (size_t i = 0; i < c->docs_n && !*line; i++) {
			*line = doc_line(&c->docs[i], name);
			if (*line)
				found = &c->docs[i];
		}
	}
	free(name);
	return found;
}

int conf_fail(const struct conf *c, struct err *e, const char *key, const char *format, ...)
{
	struct buf text = { 0 };
	va_list args;
	int line;
	const struct doc *d = locate(c, key, &line);

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	if (line)
		err_set(e, ERR_CONFIG, "%s:%d: \"%s\" %s", d->path, line, key, buf_str(&text));
	else
		err_set(e, ERR_CONFIG, "%s: \"%s\" %s", d->path, key, buf_str(&text));
	buf_free(&text);
	return -1;
}

/* ---- unknown keys */

/* Offer the table's names; those of a group are spelled with the member that the wrong one has. */
static void offer_names(struct conf *c, struct nearest *n, const char *wrong, const char *section,
	const char *member)
{
	/* First, since of names that are as near the first stays. */
	for (size_t i = 0; i < c->table->groups_n; i++)
		nearest_offer(n, wrong, c->table->groups[i].section);
	for (size_t i = 0; i < c->table->keys_n; i++) {
		const struct conf_key *k = &c->table->keys[i];
		const char *name = k->key;

		if (k->section && conf_group(c->table, k->section)) {
			if (!member || strcmp(section, k->section))
				continue;
			name = arena_printf(&c->names, "%s.%s.%s", section, member, k->key);
		} else if (k->section) {
			nearest_offer(n, wrong, k->section);
			name = arena_printf(&c->names, "%s.%s", k->section, k->key);
		}
		nearest_offer(n, wrong, name);
	}
}

static int unknown_key(struct conf *c, const struct doc *d, const char *wrong, const char *section,
	const char *member, struct err *e)
{
	struct nearest n = { 0 };
	int line = doc_line(d, wrong);

	offer_names(c, &n, wrong, section, member);
	if (n.name)
		return err_set(e, ERR_CONFIG, "%s:%d: unknown key \"%s\"; did you mean \"%s\"?",
			d->path, line, wrong, n.name);
	return err_set(e, ERR_CONFIG, "%s:%d: unknown key \"%s\"", d->path, line, wrong);
}

/* ---- sections */

static const char *full_name(
	struct conf *c, const char *section, const char *member, const char *key)
{
	if (member)
		return arena_printf(&c->names, "%s.%s.%s", section, member, key);
	return section ? arena_printf(&c->names, "%s.%s", section, key) : key;
}

/* One key into its field, by default or from the file. */
static int fill_key(struct conf *c, const struct conf_key *k, const char *member,
	struct json_object *value, void *field, struct err *e)
{
	const char *name = full_name(c, k->section, member, k->key);

	if (!value && k->flags & CONF_REQUIRED && !*k->fallback)
		return conf_fail(c, e, name, "is missing");
	if (value)
		return conf_value_set(c, k, name, value, field, e);
	conf_value_default(c, k, field);
	return 0;
}

static int check_keys(struct conf *c, const struct doc *d, const char *section, const char *member,
	struct json_object *object, struct err *e)
{
	if (!object)
		return 0;
	json_object_object_foreach(object, key, unused)
	{
		(void)unused;
		if (!find_key(c->table, section, key))
			return unknown_key(
				c, d, full_name(c, section, member, key), section, member, e);
	}
	return 0;
}

/* object: the section, or one member of a group, in the file; NULL where it is absent. */
static int fill_section(struct conf *c, const struct doc *d, const char *section,
	const char *member, struct json_object *object, char *into, struct err *e)
{
	if (check_keys(c, d, section, member, object, e))
		return -1;
	for (size_t i = 0; i < c->table->keys_n; i++) {
		const struct conf_key *k = &c->table->keys[i];
		struct json_object *value = NULL;

		if (!k->section || strcmp(k->section, section))
			continue;
		if (json_object_object_get_ex(object, k->key, &value) && !value)
			return conf_fail(
				c, e, full_name(c, section, member, k->key), "must not be null");
		if (fill_key(c, k, member, value, into + k->offset, e))
			return -1;
	}
	return 0;
}

static int fill_sections(struct conf *c, struct err *e)
{
	const char *last = NULL;

	for (size_t i = 0; i < c->table->keys_n; i++) {
		const char *section = c->table->keys[i].section;
		struct json_object *object = NULL;

		if (!section || section == last || conf_group(c->table, section))
			continue;
		last = section;
		if (json_object_object_get_ex(c->docs[0].root, section, &object) &&
			!json_object_is_type(object, json_type_object))
			return conf_fail(c, e, section, "must be an object");
		if (fill_section(c, c->docs, section, NULL, object, c->into, e))
			return -1;
	}
	return 0;
}

/* ---- groups */

static bool is_member_name(const char *name, const char *marks)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

	if (!*name || !strchr(letters, *name))
		return false;
	for (; *name; name++)
		if (!strchr(letters, *name) && !strchr("0123456789", *name) &&
			!strchr(marks, *name))
			return false;
	return true;
}

/* The file before `d` that has the member too, or NULL. */
static const struct doc *earlier_file(
	const struct conf *c, const struct doc *d, const char *section, const char *member)
{
	struct json_object *group;

	for (const struct doc *other = c->docs; other < d; other++)
		if (json_object_object_get_ex(other->root, section, &group) &&
			json_object_object_get_ex(group, member, NULL))
			return other;
	return NULL;
}

static int fill_member(struct conf *c, const struct doc *d, const struct conf_group *g,
	const char *member, struct json_object *object, char *into, struct err *e)
{
	const char *name = full_name(c, g->section, NULL, member);
	const struct doc *other = earlier_file(c, d, g->section, member);
	const char *key = arena_strdup(c->arena, member);

	if (!is_member_name(member, g->marks))
		return conf_fail(c, e, name,
			"is no valid name: letters, digits and _%s, no digit first", g->marks);
	if (other)
		return err_set(e, ERR_CONFIG,
			"%s:%d: the key \"%s\" stands twice, first in %s on line %d", d->path,
			doc_line(d, name), name, other->path, doc_line(other, name));
	if (!json_object_is_type(object, json_type_object))
		return conf_fail(c, e, name, "must be an object");
	memcpy(into, &key, sizeof key);
	return fill_section(c, d, g->section, member, object, into, e);
}

static int fill_group_from(struct conf *c, const struct doc *d, const struct conf_group *g,
	char *array, size_t *n, struct err *e)
{
	struct json_object *group;

	if (!json_object_object_get_ex(d->root, g->section, &group))
		return 0;
	json_object_object_foreach(group, member, object)
	{
		if (fill_member(c, d, g, member, object, array + *n * g->size, e))
			return -1;
		++*n;
	}
	return 0;
}

/* Members of the group in all files. */
static int count_members(
	const struct conf *c, const struct conf_group *g, size_t *total, struct err *e)
{
	for (size_t i = 0; i < c->docs_n; i++) {
		const struct doc *d = &c->docs[i];
		struct json_object *group;

		if (!json_object_object_get_ex(d->root, g->section, &group))
			continue;
		if (!json_object_is_type(group, json_type_object))
			return err_set(e, ERR_CONFIG, "%s:%d: \"%s\" must be an object", d->path,
				doc_line(d, g->section), g->section);
		*total += (size_t)json_object_object_length(group);
	}
	return 0;
}

static int fill_groups(struct conf *c, struct err *e)
{
	for (size_t i = 0; i < c->table->groups_n; i++) {
		const struct conf_group *g = &c->table->groups[i];
		size_t total = 0, n = 0;

		if (count_members(c, g, &total, e))
			return -1;
		char *array = arena_zero(c->arena, total, g->size);

		for (size_t j = 0; j < c->docs_n; j++)
			if (fill_group_from(c, &c->docs[j], g, array, &n, e))
				return -1;
		memcpy((char *)c->into + g->array_offset, &array, sizeof array);
		memcpy((char *)c->into + g->n_offset, &n, sizeof n);
	}
	return 0;
}

/* ---- files */

static int add_file(struct conf *c, const char *path, struct err *e)
{
	struct doc d;

	if (doc_read(&d, &c->names, path, e))
		return -1;
	c->docs = mem_grow(c->docs, c->docs_n + 1, sizeof d);
	c->docs[c->docs_n++] = d;
	return 0;
}

/* Not what is read already, nor an empty file: `sluice catalog init > tables.d/new.conf` makes
 * that before it reads the configuration. */
static bool is_to_read(const struct conf *c, const char *path)
{
	struct stat a, b;

	if (stat(path, &a))
		return true; /* the reader will say why */
	if (S_ISREG(a.st_mode) && a.st_size == 0)
		return false;
	for (size_t i = 0; i < c->docs_n; i++)
		if (!stat(c->docs[i].path, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
			return false;
	return true;
}

/* A pattern with wildcards may match nothing: an empty tables.d is in order. */
static int include_pattern(struct conf *c, const char *pattern, struct err *e)
{
	const char *slash = strrchr(c->docs[0].path, '/');
	int folder = slash && *pattern != '/' ? (int)(slash - c->docs[0].path) + 1 : 0;
	const char *full = arena_printf(&c->names, "%.*s%s", folder, c->docs[0].path, pattern);
	glob_t found;
	int result = glob(full, GLOB_ERR, NULL, &found), failed = 0;

	if (result == GLOB_NOMATCH)
		return strpbrk(pattern, "*?[")
			       ? 0
			       : conf_fail(c, e, "include", "names %s: %s", full, strerror(ENOENT));
	if (result)
		return conf_fail(c, e, "include", "names %s: %s", full,
			result == GLOB_NOSPACE ? "out of memory" : strerror(errno));
	for (size_t i = 0; i < found.gl_pathc && !failed; i++)
		if (is_to_read(c, found.gl_pathv[i]))
			failed = add_file(c, found.gl_pathv[i], e);
	globfree(&found);
	return failed;
}

static int include_files(struct conf *c, struct err *e)
{
	struct json_object *value;
	struct settings_strings patterns;
	const struct conf_key *k = find_key(c->table, NULL, "include");

	if (!k || !json_object_object_get_ex(c->docs[0].root, "include", &value))
		return 0;
	if (conf_value_set(c, k, k->key, value, &patterns, e))
		return -1;
	for (size_t i = 0; i < patterns.n; i++)
		if (include_pattern(c, patterns.items[i], e))
			return -1;
	return 0;
}

/* What stands at the top of a file. */
static int check_top(struct conf *c, const struct doc *d, struct err *e)
{
	json_object_object_foreach(d->root, key, unused)
	{
		bool known = find_key(c->table, NULL, key) || find_key(c->table, key, NULL);

		(void)unused;
		if (!known)
			return unknown_key(c, d, key, NULL, NULL, e);
		if (d != c->docs && !conf_group(c->table, key))
			return err_set(e, ERR_CONFIG,
				"%s:%d: \"%s\" cannot stand in an included file", d->path,
				doc_line(d, key), key);
	}
	return 0;
}

int conf_read(struct conf *c, const char *path, struct err *e)
{
	if (add_file(c, path, e) || check_top(c, c->docs, e) || fill_sections(c, e) ||
		include_files(c, e))
		return -1;
	for (size_t i = 1; i < c->docs_n; i++)
		if (check_top(c, &c->docs[i], e))
			return -1;
	return fill_groups(c, e);
}

void conf_close(struct conf *c)
{
	for (size_t i = 0; i < c->docs_n; i++)
		doc_free(&c->docs[i]);
	free(c->docs);
	c->docs = NULL;
	c->docs_n = 0;
	arena_free(&c->names);
}
