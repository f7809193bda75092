#include "lib/format/format.h"

#include <string.h>

#include "lib/format/formats.h"

static const struct format_type csv = {
	.name = "csv",
	.suffix = "csv",
	.media = "text/csv; charset=utf-8",
	.accept = "text/csv",
	.traits = FORMAT_ENCODABLE | FORMAT_JOINABLE,
	.families = FAMILY_DELIMITED,
	.new = csv_new,
	.written = csv_written,
};

static const struct format_type tsv = {
	.name = "tsv",
	.suffix = "tsv",
	.media = "text/tab-separated-values; charset=utf-8",
	.accept = "text/tab-separated-values",
	.traits = FORMAT_ENCODABLE | FORMAT_JOINABLE,
	.families = FAMILY_DELIMITED,
	.dialect = DIALECT_TSV,
	.new = tsv_new,
	.written = csv_written,
};

static const struct format_type ndjson = {
	.name = "ndjson",
	.suffix = "ndjson",
	.media = "application/x-ndjson",
	.accept = "application/x-ndjson,application/jsonl,application/ndjson",
	.traits = FORMAT_ENCODABLE | FORMAT_JOINABLE,
	.families = FAMILY_JSON,
	.new = ndjson_new,
	.written = json_written,
};

static const struct format_type json = {
	.name = "json",
	.suffix = "json",
	.media = "application/json",
	.accept = "application/json",
	.traits = FORMAT_ENCODABLE,
	.families = FAMILY_JSON,
	.new = json_new,
	.written = json_written,
};

static const struct format_type xml = {
	.name = "xml",
	.suffix = "xml",
	.media = "application/xml",
	.accept = "application/xml,text/xml",
	.traits = FORMAT_ENCODABLE,
	.families = FAMILY_XML,
	.new = xml_new,
	.written = xml_written,
};

static const struct format_type arrow = {
	.name = "arrow",
	.suffix = "arrow",
	.media = "application/vnd.apache.arrow.file",
	.accept = "application/vnd.apache.arrow.file",
	.traits = FORMAT_COLUMNAR,
	.families = FAMILY_ARROW,
	.new = arrow_new,
	.written = arrow_written,
};

static const struct format_type arrows = {
	.name = "arrows",
	.suffix = "arrows",
	.media = "application/vnd.apache.arrow.stream",
	.accept = "application/vnd.apache.arrow.stream",
	.traits = FORMAT_COLUMNAR,
	.families = FAMILY_ARROW,
	.new = arrows_new,
	.written = arrow_written,
};

static const struct format_type parquet = {
	.name = "parquet",
	.suffix = "parquet",
	.media = "application/vnd.apache.parquet",
	.accept = "application/vnd.apache.parquet",
	.traits = FORMAT_COLUMNAR,
	.families = FAMILY_PARQUET,
	.new = parquet_new,
	.written = parquet_written,
};

const struct format_type *const format_types[] = { &csv, &tsv, &ndjson, &json, &xml, &parquet,
	&arrow, &arrows, NULL };

const struct format_type *format_by_suffix(const char *suffix)
{
	for (const struct format_type *const *t = format_types; *t; t++)
		if (strcmp((*t)->suffix, suffix) == 0 || strcmp((*t)->name, suffix) == 0)
			return *t;
	return NULL;
}
