/*
 * Thrift: the compact protocol, as far as Parquet's metadata needs it written
 * (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
 *
 *	struct    its fields in the order of their ids, each a byte (id's step << 4 | type), then 0
 *	integers  zigzag, then seven bits a byte, the lowest first
 *	binary    its length as such a varint, then the bytes
 *	list      a byte (n << 4 | type; n above 14: 15 and a varint), then the items
 *
 * A struct is written between thrift_begin and thrift_end; a field that is a struct begins with thrift_struct instead, and
 * the items of a list of structs with thrift_begin.
 */
#ifndef SLUICE_FORMAT_PARQUET_THRIFT_H
#define SLUICE_FORMAT_PARQUET_THRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/mem.h"

enum thrift_type {
	THRIFT_TRUE = 1, /* of a list: bool */
	THRIFT_FALSE = 2,
	THRIFT_I8 = 3,
	THRIFT_I16 = 4,
	THRIFT_I32 = 5,
	THRIFT_I64 = 6,
	THRIFT_BINARY = 8,
	THRIFT_LIST = 9,
	THRIFT_STRUCT = 12
};

enum { THRIFT_DEPTH = 8, THRIFT_VARINT = 10 /* bytes at most */ };

struct thrift {
	struct buf *out;            /* borrowed */
	int16_t last[THRIFT_DEPTH]; /* id of the last field of each open struct */
	int depth;
};

void thrift_begin(struct thrift *t);
void thrift_end(struct thrift *t);

/* Fields; ids ascend within a struct. */
void thrift_struct(struct thrift *t, int16_t id);
void thrift_bool(struct thrift *t, int16_t id, bool v);
void thrift_i8(struct thrift *t, int16_t id, int8_t v);
void thrift_i16(struct thrift *t, int16_t id, int16_t v);
void thrift_i32(struct thrift *t, int16_t id, int32_t v);
void thrift_i64(struct thrift *t, int16_t id, int64_t v);
void thrift_binary(struct thrift *t, int16_t id, const void *data, size_t len);
void thrift_string(struct thrift *t, int16_t id, const char *s);
void thrift_empty(struct thrift *t, int16_t id); /* a struct without fields */
void thrift_raw(struct thrift *t, int16_t id, const void *data, size_t len); /* a whole struct */
void thrift_list(struct thrift *t, int16_t id, enum thrift_type type, size_t n);

/* Items of a list. */
void thrift_item_bool(struct thrift *t, bool v);
void thrift_item_int(struct thrift *t, int64_t v); /* i16, i32, i64 */
void thrift_item_binary(struct thrift *t, const void *data, size_t len);

/* Seven bits a byte; returns the byte behind it. Room: THRIFT_VARINT. */
static inline uint8_t *thrift_varint(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

static inline uint64_t thrift_zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0);
}

#endif
