#include "lib/rows/schema.h"

static const struct {
	const char *name;
	size_t width;
} types[TYPES_N] = {
	[TYPE_BOOL] = { "bool", 0 },
	[TYPE_INT16] = { "int16", 2 },
	[TYPE_INT32] = { "int32", 4 },
	[TYPE_INT64] = { "int64", 8 },
	[TYPE_FLOAT32] = { "float32", 4 },
	[TYPE_FLOAT64] = { "float64", 8 },
	[TYPE_DECIMAL128] = { "decimal128", 16 },
	[TYPE_DECIMAL_TEXT] = { "decimal", 0 },
	[TYPE_DATE32] = { "date32", 4 },
	[TYPE_TIME64] = { "time64", 8 },
	[TYPE_TIMESTAMP] = { "timestamp", 8 },
	[TYPE_TIMESTAMPTZ] = { "timestamptz", 8 },
	[TYPE_INTERVAL] = { "interval", sizeof(struct interval) },
	[TYPE_UTF8] = { "utf8", 0 },
	[TYPE_JSON] = { "json", 0 },
	[TYPE_UUID] = { "uuid", 16 },
	[TYPE_BINARY] = { "binary", 0 },
};

const char *type_name(enum type type)
{
	return types[type].name;
}

size_t type_width(enum type type)
{
	return types[type].width;
}
