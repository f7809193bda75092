#include "lib/rows/batch.h"

#include <stdlib.h>

#include "lib/base/mem.h"

enum { DATA_FIRST = 4096 }; /* first bytes of a variable column */

/* All values present and zero offsets: what column_put_* builds on. */
static void column_reset(struct column *c, int32_t rows_cap)
{
	memset(c->validity, 0xff, (size_t)(rows_cap + 7) / 8);
	c->nulls_n = 0;
	if (c->offsets) {
		c->offsets[0] = 0;
		if (c->data_cap > BATCH_KEEP) {
			free(c->data);
			c->data = mem_alloc(DATA_FIRST, 1);
			c->data_cap = DATA_FIRST;
		}
	}
}

static void column_init(struct column *c, enum type type, int32_t rows_cap)
{
	size_t rows = (size_t)rows_cap;

	*c = (struct column){ .type = type, .width = type_width(type) };
	c->validity = mem_alloc((rows + 7) / 8, 1);
	if (type_is_variable(type)) {
		c->offsets = mem_alloc(rows + 1, sizeof *c->offsets);
		c->data_cap = DATA_FIRST;
	} else {
		c->data_cap = c->width ? rows * c->width : (rows + 7) / 8;
	}
	c->data = mem_zero(c->data_cap, 1);
	column_reset(c, rows_cap);
}

void batch_init(struct batch *b, const struct schema *schema)
{
	size_t row = 0;

	/* A variable value counts with its offset and a few bytes. */
	for (size_t i = 0; i < schema->n; i++)
		row += type_is_variable(schema->fields[i].type)
			       ? 16
			       : type_width(schema->fields[i].type) + 1;
	size_t rows = row ? BATCH_BYTES / row : BATCH_ROWS;

	*b = (struct batch){ .columns_n = schema->n };
	b->rows_cap = rows > BATCH_ROWS ? BATCH_ROWS : rows < 8 ? 8 : (int32_t)rows;
	b->columns = mem_zero(schema->n, sizeof *b->columns);
	for (size_t i = 0; i < schema->n; i++)
		column_init(&b->columns[i], schema->fields[i].type, b->rows_cap);
}

void batch_free(struct batch *b)
{
	for (size_t i = 0; i < b->columns_n; i++) {
		free(b->columns[i].validity);
		free(b->columns[i].data);
		free(b->columns[i].offsets);
	}
	free(b->columns);
	*b = (struct batch){ 0 };
}

void batch_reset(struct batch *b)
{
	for (size_t i = 0; i < b->columns_n; i++)
		column_reset(&b->columns[i], b->rows_cap);
	b->rows = 0;
	b->bytes = 0;
}

uint8_t *column_room(struct column *c, int32_t row, size_t len)
{
	size_t used = (size_t)c->offsets[row];

	if (len > (size_t)INT32_MAX - used)
		return NULL;
	size_t cap = c->data_cap;

	while (cap - used < len)
		cap *= 2;
	if (cap != c->data_cap) {
		c->data = mem_grow(c->data, cap, 1);
		c->data_cap = cap;
	}
	return c->data + used;
}
