/*
 * What makes each format: the constructors that the table in format.c lists.
 */
#ifndef SLUICE_FORMAT_FORMATS_H
#define SLUICE_FORMAT_FORMATS_H

#include "lib/format/format.h"

struct format *csv_new(struct sink *out, const struct format_options *options);
struct format *tsv_new(struct sink *out, const struct format_options *options);
struct format_written csv_written(const struct field *field, const struct format_options *options);

struct format *ndjson_new(struct sink *out, const struct format_options *options);
struct format *json_new(struct sink *out, const struct format_options *options);
struct format_written json_written(const struct field *field, const struct format_options *options);

struct format *xml_new(struct sink *out, const struct format_options *options);
struct format_written xml_written(const struct field *field, const struct format_options *options);

struct format *arrow_new(struct sink *out, const struct format_options *options);
struct format *arrows_new(struct sink *out, const struct format_options *options);
struct format_written arrow_written(
	const struct field *field, const struct format_options *options);

struct format *parquet_new(struct sink *out, const struct format_options *options);
struct format_written parquet_written(
	const struct field *field, const struct format_options *options);

#endif
