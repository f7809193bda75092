#include "lib/format/format.h"

#include <string.h>

#include "lib/format/formats.h"

static const struct format_type csv = {
	.name = "csv",
	.suffix = "csv",
	.media = "text/csv; charset=utf-8",
	.accept = "text/csv",
	.traits = FORMAT_ENCODABLE,
	.new = csv_new,
};

static const struct format_type ndjson = {
	.name = "ndjson",
	.suffix = "ndjson",
	.media = "application/x-ndjson",
	.accept = "application/x-ndjson,application/jsonl,application/ndjson",
	.traits = FORMAT_ENCODABLE,
	.new = ndjson_new,
};

const struct format_type *const format_types[] = { &csv, &ndjson, NULL };

const struct format_type *format_by_suffix(const char *suffix)
{
	for (const struct format_type *const *t = format_types; *t; t++)
		if (strcmp((*t)->suffix, suffix) == 0 || strcmp((*t)->name, suffix) == 0)
			return *t;
	return NULL;
}
