/*
 * XXH64 with seed 0, which Parquet's bloom filters hash with
 * (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
 */
#ifndef SLUICE_FORMAT_PARQUET_XXHASH_H
#define SLUICE_FORMAT_PARQUET_XXHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t xxhash(const void *data, size_t len);

#endif
