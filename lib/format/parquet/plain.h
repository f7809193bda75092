/*
 * Plain: values one behind the other (Encodings.md, PLAIN = 0). Integers and floats little endian, booleans a bit each, bytes
 * behind their length in 32 bits, of LEAF_FIXED without one.
 */
#ifndef SLUICE_FORMAT_PARQUET_PLAIN_H
#define SLUICE_FORMAT_PARQUET_PLAIN_H

#include "lib/format/parquet/leaf.h"

void plain_put_numbers(struct buf *out, enum leaf_type type, const int64_t *v, size_t n);
void plain_put_bytes(struct buf *out, const uint8_t *bytes, const uint32_t *lengths, size_t n);

#endif
