#include <stdlib.h>
#include <string.h>

#include "lib/query/expr_part.h"
#include "lib/query/page_value.h"

static bool is_number(const char *s)
{
	char *end;

	strtod(s, &end);
	return *s && !*end && s[strspn(s, "+-.0123456789eE")] == '\0';
}

static bool is_integer(const char *s)
{
	int64_t ignored;

	return page_number_parse(PAGE_INTEGER, s, &ignored);
}

static const char *bool_word(const char *s)
{
	static const char *const yes[] = { "true", "t", "yes", "1", NULL };
	static const char *const no[] = { "false", "f", "no", "0", NULL };

	for (int i = 0; yes[i]; i++)
		if (!strcmp(s, yes[i]))
			return "true";
	for (int i = 0; no[i]; i++)
		if (!strcmp(s, no[i]))
			return "false";
	return NULL;
}

/* What the server is to read the text as, for a literal beside a value of a kind; NULL: it sees by itself. ok: the text can be one. */
static const char *literal_type(enum kind kind, const char **text, bool *ok)
{
	uint8_t uuid[PAGE_UUID_BYTES];

	*ok = true;
	switch (kind) {
	case KIND_INTEGER: *ok = is_number(*text); return is_integer(*text) ? "bigint" : "numeric";
	case KIND_NUMERIC: *ok = is_number(*text) || !strcmp(*text, "NaN"); return "numeric";
	case KIND_FLOAT:
		*ok = is_number(*text) || !strcmp(*text, "NaN") || !strcmp(*text, "Infinity") ||
		      !strcmp(*text, "-Infinity");
		return "float8";
	case KIND_BOOL: {
		const char *word = bool_word(*text);

		*ok = word != NULL;
		*text = word;
		return "boolean";
	}
	case KIND_UUID: *ok = page_uuid_parse(*text, uuid); return NULL;
	case KIND_TEXT: return NULL;
	case KIND_JSON:
	case KIND_CONDITION: *ok = false; return NULL;
	default: return NULL;
	}
}

static bool fits(enum literal literal, enum kind kind)
{
	switch (literal) {
	case LITERAL_BOOL: return kind == KIND_BOOL;
	case LITERAL_INTEGER:
	case LITERAL_NUMBER: return kind_is_number(kind);
	case LITERAL_JSON: return kind == KIND_JSONB;
	default: return true;
	}
}

/* By itself a literal has the type that it is written as. */
static const struct term *own_type(enum literal literal)
{
	static const struct term types[] = {
		[LITERAL_NULL] = { .kind = KIND_TEXT, .type = "text" },
		[LITERAL_BOOL] = { .kind = KIND_BOOL, .type = "boolean" },
		[LITERAL_INTEGER] = { .kind = KIND_INTEGER, .type = "bigint" },
		[LITERAL_NUMBER] = { .kind = KIND_NUMERIC, .type = "numeric" },
		[LITERAL_STRING] = { .kind = KIND_TEXT, .type = "text" },
		[LITERAL_JSON] = { .kind = KIND_JSONB, .type = "jsonb" },
	};

	return &types[literal];
}

int expr_literal(struct expr_compiler *c, const struct expr *x, const struct term *wanted,
	struct term *out, struct err *e)
{
	const struct term *as = wanted ? wanted : own_type(x->literal);
	const char *text = x->text;
	bool ok;

	*out = (struct term){ .kind = as->kind, .type = as->type };
	if (x->literal == LITERAL_NULL) {
		out->nullable = true;
		out->sql = arena_printf(expr_arena(c), "NULL::%s", as->type);
		return 0;
	}
	const char *type = literal_type(as->kind, &text, &ok);

	ok = ok && fits(x->literal, as->kind);
	/* The audit and the log have this text. */
	if (!ok && as->is_private)
		return expr_refuse(c, x, e, "the value is not %s", kind_name(as->kind));
	if (!ok)
		return expr_refuse(c, x, e, "\"%.63s\" is not %s", x->text, kind_name(as->kind));
	/* Beside a value of a type the server reads a parameter as one of that type; by itself it has to be told. */
	if (!type && !wanted)
		type = as->type;
	const char *param = sql_param(c->sql, text, type ? type : as->type);

	out->sql = type ? arena_printf(expr_arena(c), "%s::%s", param, type) : param;
	if (type && !strcmp(type, "numeric"))
		out->kind = KIND_NUMERIC;
	return 0;
}
