/*
 * What makes each format: the constructors that the table in format.c lists.
 */
#ifndef SLUICE_FORMAT_FORMATS_H
#define SLUICE_FORMAT_FORMATS_H

#include "lib/format/format.h"

struct format *csv_new(struct sink *out);
struct format *ndjson_new(struct sink *out);

#endif
