#include "lib/query/columns.h"

#include <string.h>

enum {
	COLUMNS_MAX =
		1664, /* PostgreSQL's own: MaxTupleAttributeNumber, "Appendix K. PostgreSQL Limits" */
	NAME_MAX_LEN = 255
};

static bool is_taken(const struct select *s, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(s->names[i], name))
			return true;
	return false;
}

/* The n-th name, of the column c. Each time that c was taken before has used up one number at least: to try those again
 * would make a long list of one column cubic. */
static const char *unique_name(
	struct arena *a, const struct select *s, size_t n, const struct catalog_column *c)
{
	const char *candidate = c->name;
	int i = 2;

	for (size_t k = 0; k < n; k++)
		i += s->columns[k] == c;
	if (i > 2)
		candidate = arena_printf(a, "%s_%d", c->name, i - 1);
	for (; is_taken(s, n, candidate); i++)
		candidate = arena_printf(a, "%s_%d", c->name, i);
	return candidate;
}

/* ---- the list */

/* A name in double quotes, at *p behind the first; NULL when it does not end. */
static char *read_quoted(struct arena *a, const char **p)
{
	char *name = arena_strdup(a, *p), *to = name;

	for (const char *at = *p; *at; at++) {
		if (*at == '"' && *++at != '"') {
			*to = '\0';
			*p = at;
			return name;
		}
		*to++ = *at;
	}
	return NULL;
}

/* The name at *p, which moves to what ends it. */
static int read_name(struct arena *a, const char **p, char **name, struct err *e)
{
	if (**p == '"') {
		++*p;
		*name = read_quoted(a, p);
		if (!*name)
			return err_set(e, ERR_BAD_REQUEST, "columns: a quoted name has no end");
		if (**p && **p != ',' && **p != ':')
			return err_set(e, ERR_BAD_REQUEST,
				"columns: more behind the quoted name \"%s\"", *name);
	} else {
		size_t len = strcspn(*p, ",:");

		*name = arena_strndup(a, *p, len);
		*p += len;
	}
	return **name ? 0 : err_set(e, ERR_BAD_REQUEST, "columns: an empty name");
}

/* The item at *p, which moves behind it; *alias is NULL where it has no new name. */
static int read_item(
	struct arena *a, const char **p, const char **name, const char **alias, struct err *e)
{
	char *read;

	*alias = NULL;
	if (read_name(a, p, &read, e) < 0)
		return -1;
	*name = read;
	if (**p != ':')
		return 0;
	++*p;
	if (read_name(a, p, &read, e) < 0)
		return -1;
	*alias = read;
	if (**p == ':')
		return err_set(e, ERR_BAD_REQUEST, "columns: a second new name of \"%s\"", *name);
	if (strlen(read) > NAME_MAX_LEN)
		return err_set(e, ERR_BAD_REQUEST, "columns: a new name is longer than %d bytes",
			NAME_MAX_LEN);
	return 0;
}

static int add(
	struct arena *a, struct select *s, const char *name, const char *alias, struct err *e)
{
	const struct catalog_column *c = catalog_column(s->table, name);

	if (!c)
		return err_set(
			e, ERR_BAD_REQUEST, "table %s has no column \"%s\"", s->table->key, name);
	s->columns[s->columns_n] = c;
	s->names[s->columns_n] = alias ? alias : unique_name(a, s, s->columns_n, c);
	s->columns_n++;
	return 0;
}

/* What was given a new name (aliased[i]) is the only one of that name; name_2 is not made of another for its sake. */
static int check_aliases(const struct select *s, const bool *aliased, struct err *e)
{
	for (size_t i = 0; i < s->columns_n; i++)
		for (size_t j = 0; aliased[i] && j < s->columns_n; j++) {
			const char *other = aliased[j] ? s->names[j] : s->columns[j]->name;

			if (i != j &&
				(!strcmp(s->names[i], s->names[j]) || !strcmp(s->names[i], other)))
				return err_set(e, ERR_BAD_REQUEST,
					"columns: two would be named \"%s\"", s->names[i]);
		}
	return 0;
}

static int read_list(
	struct arena *a, struct select *s, const char *list, bool *aliased, struct err *e)
{
	const char *name, *alias;

	for (const char *p = list;; p++) {
		if (s->columns_n == COLUMNS_MAX)
			return err_set(e, ERR_BAD_REQUEST, "more than %d columns", COLUMNS_MAX);
		if (read_item(a, &p, &name, &alias, e) < 0)
			return -1;
		aliased[s->columns_n] = alias != NULL;
		if (add(a, s, name, alias, e) < 0)
			return -1;
		if (!*p)
			return check_aliases(s, aliased, e);
	}
}

int select_columns(struct arena *a, struct select *s, const char *list, struct err *e)
{
	size_t most = list ? COLUMNS_MAX : s->table->columns_n;

	s->columns_n = 0;
	s->columns = arena_zero(a, most, sizeof *s->columns);
	s->names = arena_zero(a, most, sizeof *s->names);
	if (list)
		return read_list(a, s, list, arena_zero(a, most, sizeof(bool)), e);
	for (size_t i = 0; i < most; i++) {
		s->columns[i] = &s->table->columns[i];
		s->names[i] = s->table->columns[i].name;
	}
	s->columns_n = most;
	return 0;
}
