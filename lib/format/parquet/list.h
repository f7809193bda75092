/*
 * List: arrays, which come as the JSON that PostgreSQL's to_json makes of them, as the values and levels of a LIST
 * (https://github.com/apache/parquet-format/blob/master/LogicalTypes.md, "Lists"; README.md, "Nested Encoding").
 */
#ifndef SLUICE_FORMAT_PARQUET_LIST_H
#define SLUICE_FORMAT_PARQUET_LIST_H

#include "lib/format/parquet/stage.h"

/* Rows from..to of a batch's column. ERR_UNPROCESSABLE for an array of more dimensions than one, ERR_DATABASE for what is no
 * array of the leaf's type, or a NULL where there can be none. */
int list_append(struct stage *s, const struct leaf *l, const struct column *c, int32_t from,
	int32_t to, struct err *e) __attribute__((warn_unused_result));

#endif
