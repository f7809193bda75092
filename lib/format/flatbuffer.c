#include "lib/format/flatbuffer.h"

#include <assert.h>
#include <endian.h>

static void pad_to(struct flatbuffer *fb, size_t align)
{
	size_t n = -fb->bytes.len & (align - 1);

	memset(buf_reserve(&fb->bytes, n), 0, n);
	fb->bytes.len += n;
}

/* n bytes of zeros; returns their place. */
static size_t put_zeros(struct flatbuffer *fb, size_t n)
{
	size_t place = fb->bytes.len;

	memset(buf_reserve(&fb->bytes, n), 0, n);
	fb->bytes.len += n;
	return place;
}

void flatbuffer_put(struct flatbuffer *fb, size_t place, int64_t value, size_t size)
{
	uint64_t little = htole64((uint64_t)value);

	assert(place + size <= fb->bytes.len);
	memcpy(fb->bytes.data + place, &little, size);
}

/* `ref` points to what comes next; it counts from itself. */
static void refer(struct flatbuffer *fb, size_t ref)
{
	flatbuffer_put(fb, ref, (int64_t)(fb->bytes.len - ref), 4);
}

void flatbuffer_begin(struct flatbuffer *fb)
{
	fb->bytes.len = 0;
	put_zeros(fb, 4);
}

void flatbuffer_free(struct flatbuffer *fb)
{
	buf_free(&fb->bytes);
}

/* The offsets of the fields within the table, 0 for none, and the table's size: in the schema's order, each at a multiple
 * of its size, behind the table's reference to this. */
static size_t lay_out(const char *layout, size_t n, size_t offset[FLATBUFFER_FIELDS])
{
	size_t end = 4;

	for (size_t i = 0; i < n; i++) {
		size_t size = (size_t)(layout[i] - '0');

		assert(size <= 8 && (size & (size - 1)) == 0);
		end += size ? -end & (size - 1) : 0;
		offset[i] = size ? end : 0;
		end += size;
	}
	return end;
}

struct flatbuffer_table flatbuffer_table(struct flatbuffer *fb, size_t ref, const char *layout)
{
	struct flatbuffer_table t = { .layout = layout };
	size_t n = strlen(layout), offset[FLATBUFFER_FIELDS];

	assert(n <= FLATBUFFER_FIELDS);
	size_t size = lay_out(layout, n, offset);

	/* The vtable: its size, the table's, and the offset of each field. */
	pad_to(fb, 2);
	size_t vtable = put_zeros(fb, 4 + 2 * n);

	flatbuffer_put(fb, vtable, (int64_t)(4 + 2 * n), 2);
	flatbuffer_put(fb, vtable + 2, (int64_t)size, 2);
	for (size_t i = 0; i < n; i++)
		flatbuffer_put(fb, vtable + 4 + 2 * i, (int64_t)offset[i], 2);

	pad_to(fb, 8);
	refer(fb, ref);
	size_t table = put_zeros(fb, size);

	flatbuffer_put(fb, table, (int64_t)(table - vtable), 4);
	for (size_t i = 0; i < n; i++)
		t.field[i] = offset[i] ? table + offset[i] : 0;
	return t;
}

void flatbuffer_set(
	struct flatbuffer *fb, const struct flatbuffer_table *t, size_t field, int64_t value)
{
	assert(t->field[field]);
	flatbuffer_put(fb, t->field[field], value, (size_t)(t->layout[field] - '0'));
}

void flatbuffer_vector_last(struct flatbuffer *fb, size_t ref, size_t n, size_t align)
{
	/* The count stands right before the first element. */
	pad_to(fb, 4);
	while ((fb->bytes.len + 4) % align)
		put_zeros(fb, 4);
	refer(fb, ref);
	flatbuffer_put(fb, put_zeros(fb, 4), (int64_t)n, 4);
}

size_t flatbuffer_vector(struct flatbuffer *fb, size_t ref, size_t n, size_t size, size_t align)
{
	flatbuffer_vector_last(fb, ref, n, align);
	return put_zeros(fb, n * size);
}

void flatbuffer_string(struct flatbuffer *fb, size_t ref, const char *text)
{
	size_t len = strlen(text);
	size_t place = flatbuffer_vector(fb, ref, len, 1, 4);

	memcpy(fb->bytes.data + place, text, len);
	put_zeros(fb, 1);
}
