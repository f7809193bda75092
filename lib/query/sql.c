#include "lib/query/sql.h"

#include <string.h>

static bool is_same(const struct sql_value *v, const char *text, const char *type)
{
	return (v->text == text || (v->text && text && !strcmp(v->text, text))) &&
	       !strcmp(v->type, type);
}

const char *sql_param(struct sql *sql, const char *value, const char *type)
{
	size_t n = sql->n, i = 0;

	while (i < n && !is_same(&sql->values[i], value, type))
		i++;
	if (i == n) {
		/* An array that doubles; the arena keeps the outgrown ones. */
		if ((n & (n - 1)) == 0) { /* 0, or a power of two: full */
			struct sql_value *more =
				arena_alloc(sql->arena, (n ? 2 * n : 1) * sizeof *more);

			if (n)
				memcpy(more, sql->values, n * sizeof *more);
			sql->values = more;
		}
		sql->values[sql->n++] = (struct sql_value){ value, type };
	}
	return arena_printf(sql->arena, "$%zu", i + 1);
}

void sql_finish(const struct sql *sql, const char *text, struct statement *st)
{
	const char **params = arena_alloc(sql->arena, (sql->n + 1) * sizeof *params);

	for (size_t i = 0; i < sql->n; i++)
		params[i] = sql->values[i].text;
	*st = (struct statement){ .sql = text, .params = params, .params_n = sql->n };
}
