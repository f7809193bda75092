#include "lib/format/parquet/thrift.h"

#include <assert.h>

static void put_varint(struct thrift *t, uint64_t v)
{
	char *p = buf_reserve(t->out, THRIFT_VARINT);

	t->out->len += (size_t)(thrift_varint((uint8_t *)p, v) - (uint8_t *)p);
}

static void put_field(struct thrift *t, int16_t id, enum thrift_type type)
{
	int16_t *last = &t->last[t->depth - 1];
	int step = id - *last;

	assert(step > 0 && step < 16); /* no struct of Parquet has a wider gap */
	buf_putc(t->out, (char)(step << 4 | (int)type));
	*last = id;
}

void thrift_begin(struct thrift *t)
{
	assert(t->depth < THRIFT_DEPTH);
	t->last[t->depth++] = 0;
}

void thrift_end(struct thrift *t)
{
	buf_putc(t->out, 0);
	t->depth--;
}

void thrift_struct(struct thrift *t, int16_t id)
{
	put_field(t, id, THRIFT_STRUCT);
	thrift_begin(t);
}

void thrift_empty(struct thrift *t, int16_t id)
{
	thrift_struct(t, id);
	thrift_end(t);
}

void thrift_raw(struct thrift *t, int16_t id, const void *data, size_t len)
{
	put_field(t, id, THRIFT_STRUCT);
	buf_put(t->out, data, len);
}

void thrift_bool(struct thrift *t, int16_t id, bool v)
{
	put_field(t, id, v ? THRIFT_TRUE : THRIFT_FALSE);
}

void thrift_i8(struct thrift *t, int16_t id, int8_t v)
{
	put_field(t, id, THRIFT_I8);
	buf_putc(t->out, v);
}

void thrift_i16(struct thrift *t, int16_t id, int16_t v)
{
	put_field(t, id, THRIFT_I16);
	thrift_item_int(t, v);
}

void thrift_i32(struct thrift *t, int16_t id, int32_t v)
{
	put_field(t, id, THRIFT_I32);
	thrift_item_int(t, v);
}

void thrift_i64(struct thrift *t, int16_t id, int64_t v)
{
	put_field(t, id, THRIFT_I64);
	thrift_item_int(t, v);
}

void thrift_binary(struct thrift *t, int16_t id, const void *data, size_t len)
{
	put_field(t, id, THRIFT_BINARY);
	thrift_item_binary(t, data, len);
}

void thrift_string(struct thrift *t, int16_t id, const char *s)
{
	thrift_binary(t, id, s, strlen(s));
}

void thrift_list(struct thrift *t, int16_t id, enum thrift_type type, size_t n)
{
	put_field(t, id, THRIFT_LIST);
	buf_putc(t->out, (char)((n < 15 ? n : 15) << 4 | type));
	if (n >= 15)
		put_varint(t, n);
}

void thrift_item_bool(struct thrift *t, bool v)
{
	buf_putc(t->out, v ? THRIFT_TRUE : THRIFT_FALSE);
}

void thrift_item_int(struct thrift *t, int64_t v)
{
	put_varint(t, thrift_zigzag(v));
}

void thrift_item_binary(struct thrift *t, const void *data, size_t len)
{
	put_varint(t, len);
	buf_put(t->out, data, len);
}
