#include "lib/query/columns.h"

#include <string.h>

enum { NAME_MAX_LEN = 255 };

/* ---- names */

static const char *own_name(const struct output *o)
{
	return o->expr->op == EXPR_COLUMN    ? o->expr->text
	       : o->expr->op == EXPR_LITERAL ? "value"
					     : expr_types[o->expr->op].name;
}

static bool is_taken(const struct output *outputs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(outputs[i].name, name))
			return true;
	return false;
}

/* The n-th name. Each output of the same name that came before has used up one number at least: to try those again
 * would make a long list of one column cubic. */
static const char *unique_name(struct arena *a, const struct output *outputs, size_t n)
{
	const char *name = own_name(&outputs[n]), *candidate = name;
	int i = 2;

	for (size_t k = 0; k < n; k++)
		i += !strcmp(own_name(&outputs[k]), name);
	if (i > 2)
		candidate = arena_printf(a, "%s_%d", name, i - 1);
	for (; is_taken(outputs, n, candidate); i++)
		candidate = arena_printf(a, "%s_%d", name, i);
	return candidate;
}

/* What was given a new name (renamed[i]) is the only one of that name; name_2 is not made of another for its sake. */
static int check_new_names(
	const struct output *outputs, size_t n, const bool *renamed, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; renamed[i] && j < n; j++) {
			const char *other = renamed[j] ? outputs[j].name : own_name(&outputs[j]);

			if (i != j && (!strcmp(outputs[i].name, outputs[j].name) ||
					      !strcmp(outputs[i].name, other)))
				return err_set(e, ERR_BAD_REQUEST,
					"columns: two would be named \"%.127s\"", outputs[i].name);
		}
	return 0;
}

int columns_name(struct arena *a, struct output *outputs, size_t n, struct err *e)
{
	bool *renamed = arena_zero(a, n + 1, sizeof *renamed);

	for (size_t i = 0; i < n; i++) {
		renamed[i] = outputs[i].name != NULL;
		if (renamed[i] && strlen(outputs[i].name) > NAME_MAX_LEN)
			return err_set(e, ERR_BAD_REQUEST,
				"columns: a new name is longer than %d bytes", NAME_MAX_LEN);
		if (!renamed[i])
			outputs[i].name = unique_name(a, outputs, i);
	}
	return check_new_names(outputs, n, renamed, e);
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
	return 0;
}

static size_t count_items(const char *list)
{
	size_t n = 1;

	for (; *list; list++)
		n += *list == ',';
	return n;
}

int columns_read(struct arena *a, const char *list, struct query *q, struct err *e)
{
	size_t most = count_items(list);
	const char *name, *alias;

	q->select = arena_zero(a, most, sizeof *q->select);
	for (const char *p = list;; p++) {
		if (q->select_n == COLUMNS_MAX)
			return err_set(e, ERR_BAD_REQUEST, "more than %d columns", COLUMNS_MAX);
		if (read_item(a, &p, &name, &alias, e) < 0)
			return -1;
		struct expr *x = arena_zero(a, 1, sizeof *x);

		*x = (struct expr){ .op = EXPR_COLUMN, .text = name, .where = "columns" };
		q->select[q->select_n++] = (struct output){ x, alias };
		if (!*p)
			return 0;
	}
}
