#include "lib/format/parquet/leaf.h"

/* parquet.thrift's ConvertedType, for readers that know no LogicalType. */
enum converted {
	CONVERTED_NONE = -1,
	CONVERTED_UTF8 = 0,
	CONVERTED_LIST = 3,
	CONVERTED_DECIMAL = 5,
	CONVERTED_DATE = 6,
	CONVERTED_TIME_MICROS = 8,
	CONVERTED_TIMESTAMP_MICROS = 10,
	CONVERTED_INT_16 = 16,
	CONVERTED_JSON = 19
};

/* Field ids of LogicalType. */
enum logical {
	LOGICAL_NONE = 0,
	LOGICAL_STRING = 1,
	LOGICAL_LIST = 3,
	LOGICAL_DECIMAL = 5,
	LOGICAL_DATE = 6,
	LOGICAL_TIME = 7,
	LOGICAL_TIMESTAMP = 8,
	LOGICAL_INTEGER = 10,
	LOGICAL_JSON = 12,
	LOGICAL_UUID = 14
};

enum { TIME_UNIT_MICROS = 2 };
enum { REPETITION_REQUIRED, REPETITION_OPTIONAL, REPETITION_REPEATED };
enum { PRECISION_INT32 = 9, PRECISION_INT64 = 18 };

#define LOSSY_DECIMAL "NaN, which is written as null"
#define LOSSY_TEXT    "that it is a number: it arrives as text"
#define LOSSY_DATE    "infinity, which arrives as 2^31 - 1 days before or after 1970"
#define LOSSY_MOMENT                                                                               \
	"infinity, which arrives as 2^63 - 1 microseconds before or after 1970, and what lies "    \
	"past the year 294246, which arrives as the microsecond before the last"
#define LOSSY_LIST                                                                                 \
	"lower bounds of arrays; of JSON within them, what tells its arrays and nulls from "       \
	"those of SQL"

struct mapping {
	enum leaf_type type;
	enum logical logical;
	enum converted converted;
	const char *name; /* as the schema route has it */
	const char *lossy;
};

static const struct mapping mappings[TYPES_N] = {
	[TYPE_BOOL] = { LEAF_BOOLEAN, LOGICAL_NONE, CONVERTED_NONE, "BOOLEAN", NULL },
	[TYPE_INT16] = { LEAF_INT32, LOGICAL_INTEGER, CONVERTED_INT_16, "INT32 INT(16)", NULL },
	[TYPE_INT32] = { LEAF_INT32, LOGICAL_NONE, CONVERTED_NONE, "INT32", NULL },
	[TYPE_INT64] = { LEAF_INT64, LOGICAL_NONE, CONVERTED_NONE, "INT64", NULL },
	[TYPE_FLOAT32] = { LEAF_FLOAT, LOGICAL_NONE, CONVERTED_NONE, "FLOAT", NULL },
	[TYPE_FLOAT64] = { LEAF_DOUBLE, LOGICAL_NONE, CONVERTED_NONE, "DOUBLE", NULL },
	[TYPE_DECIMAL128] = { LEAF_FIXED, LOGICAL_DECIMAL, CONVERTED_DECIMAL,
		"FIXED_LEN_BYTE_ARRAY(16) DECIMAL", LOSSY_DECIMAL },
	[TYPE_DECIMAL_TEXT] = { LEAF_BYTE_ARRAY, LOGICAL_STRING, CONVERTED_UTF8,
		"BYTE_ARRAY STRING", LOSSY_TEXT },
	[TYPE_DATE32] = { LEAF_INT32, LOGICAL_DATE, CONVERTED_DATE, "INT32 DATE", LOSSY_DATE },
	[TYPE_TIME64] = { LEAF_INT64, LOGICAL_TIME, CONVERTED_TIME_MICROS, "INT64 TIME(MICROS)",
		NULL },
	[TYPE_TIMESTAMP] = { LEAF_INT64, LOGICAL_TIMESTAMP, CONVERTED_TIMESTAMP_MICROS,
		"INT64 TIMESTAMP(MICROS)", LOSSY_MOMENT },
	[TYPE_TIMESTAMPTZ] = { LEAF_INT64, LOGICAL_TIMESTAMP, CONVERTED_TIMESTAMP_MICROS,
		"INT64 TIMESTAMP(MICROS,UTC)", LOSSY_MOMENT },
	[TYPE_INTERVAL] = { LEAF_BYTE_ARRAY, LOGICAL_STRING, CONVERTED_UTF8, "BYTE_ARRAY STRING",
		NULL },
	[TYPE_UTF8] = { LEAF_BYTE_ARRAY, LOGICAL_STRING, CONVERTED_UTF8, "BYTE_ARRAY STRING",
		NULL },
	[TYPE_JSON] = { LEAF_BYTE_ARRAY, LOGICAL_JSON, CONVERTED_JSON, "BYTE_ARRAY JSON", NULL },
	[TYPE_UUID] = { LEAF_FIXED, LOGICAL_UUID, CONVERTED_NONE, "FIXED_LEN_BYTE_ARRAY(16) UUID",
		NULL },
	[TYPE_BINARY] = { LEAF_BYTE_ARRAY, LOGICAL_NONE, CONVERTED_NONE, "BYTE_ARRAY", NULL },
};

static enum leaf_type type_of(const struct field *f)
{
	if (f->type == TYPE_DECIMAL128 && f->precision <= PRECISION_INT32)
		return LEAF_INT32;
	if (f->type == TYPE_DECIMAL128 && f->precision <= PRECISION_INT64)
		return LEAF_INT64;
	return mappings[f->type].type;
}

static enum leaf_order order_of(const struct leaf *l)
{
	if (l->type == LEAF_FLOAT || l->type == LEAF_DOUBLE)
		return LEAF_FLOATING;
	if (!l->is_bytes)
		return LEAF_SIGNED;
	return l->value == TYPE_DECIMAL128 ? LEAF_BIG_ENDIAN : LEAF_BYTES;
}

void leaf_init(struct leaf *l, const struct field *f, bool as_lists)
{
	bool is_list = as_lists && f->is_list;

	*l = (struct leaf){
		.field = f, .is_list = is_list, .value = is_list ? f->element : f->type
	};
	l->type = is_list ? mappings[l->value].type : type_of(f);
	l->is_bytes = l->type == LEAF_BYTE_ARRAY || l->type == LEAF_FIXED;
	l->is_optional = f->nullable || f->type == TYPE_DECIMAL128; /* NaN becomes NULL */
	l->is_text = mappings[l->value].logical == LOGICAL_STRING || l->value == TYPE_JSON;
	l->order = order_of(l);
}

static void put_decimal(const struct field *f, struct thrift *t)
{
	thrift_i32(t, 1, f->scale);
	thrift_i32(t, 2, f->precision);
}

/* Of TIME and TIMESTAMP. */
static void put_clock(bool is_utc, struct thrift *t)
{
	thrift_bool(t, 1, is_utc);
	thrift_struct(t, 2);
	thrift_empty(t, TIME_UNIT_MICROS);
	thrift_end(t);
}

static void put_logical(const struct field *f, enum logical logical, struct thrift *t)
{
	thrift_struct(t, 10);
	thrift_struct(t, (int16_t)logical);
	if (logical == LOGICAL_DECIMAL)
		put_decimal(f, t);
	else if (logical == LOGICAL_TIME || logical == LOGICAL_TIMESTAMP)
		put_clock(f->type == TYPE_TIMESTAMPTZ, t);
	else if (logical == LOGICAL_INTEGER) {
		thrift_i8(t, 1, 16);
		thrift_bool(t, 2, true);
	}
	thrift_end(t);
	thrift_end(t);
}

/* LogicalTypes.md, "Lists": a group, in it a repeated group "list", in that the "element". */
static void put_list(const struct leaf *l, struct thrift *t)
{
	thrift_begin(t);
	thrift_i32(t, 3, l->is_optional ? REPETITION_OPTIONAL : REPETITION_REQUIRED);
	thrift_string(t, 4, l->field->name);
	thrift_i32(t, 5, 1);
	thrift_i32(t, 6, CONVERTED_LIST);
	thrift_struct(t, 10);
	thrift_empty(t, LOGICAL_LIST);
	thrift_end(t);
	thrift_end(t);
	thrift_begin(t);
	thrift_i32(t, 3, REPETITION_REPEATED);
	thrift_string(t, 4, LEAF_LIST);
	thrift_i32(t, 5, 1);
	thrift_end(t);
}

void leaf_put_schema(const struct leaf *l, struct thrift *t)
{
	const struct mapping *m = &mappings[l->value];
	bool is_optional = l->is_optional || l->is_list;

	if (l->is_list)
		put_list(l, t);
	thrift_begin(t);
	thrift_i32(t, 1, l->type);
	if (l->type == LEAF_FIXED)
		thrift_i32(t, 2, LEAF_FIXED_LEN);
	thrift_i32(t, 3, is_optional ? REPETITION_OPTIONAL : REPETITION_REQUIRED);
	thrift_string(t, 4, l->is_list ? LEAF_ELEMENT : l->field->name);
	if (m->converted != CONVERTED_NONE)
		thrift_i32(t, 6, m->converted);
	if (m->logical == LOGICAL_DECIMAL) {
		thrift_i32(t, 7, l->field->scale);
		thrift_i32(t, 8, l->field->precision);
	}
	if (m->logical != LOGICAL_NONE)
		put_logical(l->field, m->logical, t);
	thrift_end(t);
}

struct format_written leaf_written(const struct field *f, bool as_lists)
{
	static const char *const lists[TYPES_N] = {
		[TYPE_BOOL] = "LIST of BOOLEAN",
		[TYPE_INT16] = "LIST of INT32 INT(16)",
		[TYPE_INT32] = "LIST of INT32",
		[TYPE_INT64] = "LIST of INT64",
		[TYPE_FLOAT32] = "LIST of FLOAT",
		[TYPE_FLOAT64] = "LIST of DOUBLE",
		[TYPE_UTF8] = "LIST of BYTE_ARRAY STRING",
	};
	const struct mapping *m = &mappings[f->type];
	struct format_written w = { m->name, m->lossy };

	if (f->type == TYPE_DECIMAL128 && type_of(f) != LEAF_FIXED)
		w.type = type_of(f) == LEAF_INT32 ? "INT32 DECIMAL" : "INT64 DECIMAL";
	if (f->type == TYPE_JSON && f->json == JSON_LIST)
		w.lossy = LOSSY_LIST;
	if (as_lists && f->is_list)
		w = (struct format_written){ lists[f->element], "lower bounds of arrays" };
	return w;
}
