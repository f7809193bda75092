/*
 * Leaf: a column as Parquet has it: physical type, logical type, and whether it may be NULL
 * (https://github.com/apache/parquet-format/blob/master/LogicalTypes.md).
 *
 * Whatever its type, a value is handled as one of two kinds until it is encoded:
 *	number  an int64: integers of every width, bool as 0 and 1, the bits of a float (32 or 64)
 *	bytes   a run of bytes; of LEAF_FIXED 16 of them
 */
#ifndef SLUICE_FORMAT_PARQUET_LEAF_H
#define SLUICE_FORMAT_PARQUET_LEAF_H

#include "lib/format/format.h"
#include "lib/format/parquet/thrift.h"

/* parquet.thrift's Type. */
enum leaf_type {
	LEAF_BOOLEAN = 0,
	LEAF_INT32 = 1,
	LEAF_INT64 = 2,
	LEAF_FLOAT = 4,
	LEAF_DOUBLE = 5,
	LEAF_BYTE_ARRAY = 6,
	LEAF_FIXED = 7
};

enum { LEAF_FIXED_LEN = 16 };

/* What the parts of a LIST are called. */
#define LEAF_LIST    "list"
#define LEAF_ELEMENT "element"

/* What of two values is the smaller. */
enum leaf_order {
	LEAF_SIGNED,    /* numbers */
	LEAF_FLOATING,  /* numbers: the bits of a float or double */
	LEAF_BYTES,     /* byte by byte, unsigned */
	LEAF_BIG_ENDIAN /* LEAF_FIXED: a two's complement */
};

struct leaf {
	const struct field *field; /* borrowed */
	enum leaf_type type;
	enum leaf_order order;
	bool is_bytes;    /* else numbers */
	bool is_optional; /* has definition levels */
	bool is_text;     /* UTF-8 */
	bool is_list;     /* a LIST of what the above says; is_optional is the list's own */
	enum type value;  /* of the field, or of its elements */
};

/* as_lists: arrays that are one (field.is_list) become LIST, and not JSON. */
void leaf_init(struct leaf *l, const struct field *f, bool as_lists);

/* The greatest definition level: a value. Below it, of a list: a NULL within, then an empty list, then no list. */
static inline unsigned leaf_definition(const struct leaf *l)
{
	return (unsigned)l->is_optional + (l->is_list ? 2 : 0);
}

/* The SchemaElements, leaf_elements of them. */
void leaf_put_schema(const struct leaf *l, struct thrift *t);

static inline size_t leaf_elements(const struct leaf *l)
{
	return l->is_list ? 3 : 1;
}

/* How a column is written, for format_type.written. */
struct format_written leaf_written(const struct field *f, bool as_lists);

/* Bytes of a value in plain encoding; 0: of its own length, or bits. */
static inline size_t leaf_width(const struct leaf *l)
{
	switch (l->type) {
	case LEAF_INT32:
	case LEAF_FLOAT: return 4;
	case LEAF_INT64:
	case LEAF_DOUBLE: return 8;
	case LEAF_FIXED: return LEAF_FIXED_LEN;
	default: return 0;
	}
}

#endif
