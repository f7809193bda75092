#include "lib/query/kind.h"

#include <stddef.h>
#include <string.h>

enum kind kind_of(const char *base_type)
{
	static const struct {
		const char *name;
		enum kind kind;
	} types[] = {
		{ "boolean", KIND_BOOL },
		{ "smallint", KIND_INTEGER },
		{ "integer", KIND_INTEGER },
		{ "bigint", KIND_INTEGER },
		{ "numeric", KIND_NUMERIC },
		{ "real", KIND_FLOAT },
		{ "double precision", KIND_FLOAT },
		{ "text", KIND_TEXT },
		{ "character varying", KIND_TEXT },
		{ "character", KIND_TEXT },
		{ "bpchar", KIND_TEXT },
		{ "name", KIND_TEXT },
		{ "citext", KIND_TEXT },
		{ "date", KIND_DATE },
		{ "timestamp without time zone", KIND_TIMESTAMP },
		{ "timestamp with time zone", KIND_TIMESTAMPTZ },
		{ "time without time zone", KIND_TIME },
		{ "interval", KIND_INTERVAL },
		{ "uuid", KIND_UUID },
		{ "json", KIND_JSON },
		{ "jsonb", KIND_JSONB },
		{ "bytea", KIND_BYTES },
	};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (!strcmp(types[i].name, base_type))
			return types[i].kind;
	return KIND_OTHER;
}

const char *kind_name(enum kind kind)
{
	static const char *const names[KINDS_N] = {
		[KIND_OTHER] = "a value of a type of its own",
		[KIND_BOOL] = "true or false",
		[KIND_INTEGER] = "a whole number",
		[KIND_NUMERIC] = "a number",
		[KIND_FLOAT] = "a number",
		[KIND_TEXT] = "text",
		[KIND_DATE] = "a date",
		[KIND_TIMESTAMP] = "a timestamp",
		[KIND_TIMESTAMPTZ] = "a timestamp",
		[KIND_TIME] = "a time",
		[KIND_INTERVAL] = "an interval",
		[KIND_UUID] = "a uuid",
		[KIND_JSON] = "JSON",
		[KIND_JSONB] = "JSON",
		[KIND_BYTES] = "bytes",
		[KIND_CONDITION] = "a condition",
	};

	return names[kind];
}
