#include "lib/format/parquet/page_index.h"

enum boundary_order { ORDER_NONE, ORDER_ASCENDING, ORDER_DESCENDING };

static void put_int(struct buf *b, int32_t v)
{
	buf_put(b, &v, sizeof v);
}

static int32_t get_int(const struct buf *b, size_t i)
{
	int32_t v;

	memcpy(&v, b->data + i * sizeof v, sizeof v);
	return v;
}

static void put_bound(struct buf *out, const struct bounds *b, const struct bound *bound)
{
	struct thrift t = { .out = out };

	thrift_item_binary(&t, bound->bytes, b->has ? bound->len : 0);
}

static void note_order(struct page_index *x, const struct leaf *l, const struct bounds *b)
{
	if (x->last.has) {
		int least = bound_compare(l, &x->last.least, &b->least);
		int greatest = bound_compare(l, &x->last.greatest, &b->greatest);

		x->is_falling |= least > 0 || greatest > 0;
		x->is_rising |= least < 0 || greatest < 0;
	}
	x->last = *b;
}

void page_index_add(struct page_index *x, const struct leaf *l, size_t len, int32_t rows,
	int32_t values_n, int32_t nulls_n, const struct bounds *b)
{
	put_int(&x->lens, (int32_t)len);
	put_int(&x->rows, rows);
	put_int(&x->nulls, nulls_n);
	buf_putc(&x->has_values, values_n > nulls_n);
	put_bound(&x->least, b, &b->least);
	put_bound(&x->greatest, b, &b->greatest);
	if (b->has)
		note_order(x, l, b);
	else if (values_n > nulls_n)
		x->is_unbounded = true;
	x->n++;
}

static enum boundary_order order_of(const struct page_index *x)
{
	if (!x->is_falling)
		return ORDER_ASCENDING;
	return x->is_rising ? ORDER_NONE : ORDER_DESCENDING;
}

void page_index_put_column(const struct page_index *x, struct buf *out)
{
	struct thrift t = { .out = out };

	if (x->is_unbounded)
		return;
	thrift_begin(&t);
	thrift_list(&t, 1, THRIFT_TRUE, x->n);
	for (size_t i = 0; i < x->n; i++)
		thrift_item_bool(&t, !x->has_values.data[i]);
	thrift_list(&t, 2, THRIFT_BINARY, x->n);
	buf_put(out, x->least.data, x->least.len);
	thrift_list(&t, 3, THRIFT_BINARY, x->n);
	buf_put(out, x->greatest.data, x->greatest.len);
	thrift_i32(&t, 4, order_of(x));
	thrift_list(&t, 5, THRIFT_I64, x->n);
	for (size_t i = 0; i < x->n; i++)
		thrift_item_int(&t, get_int(&x->nulls, i));
	thrift_end(&t);
}

void page_index_put_offset(const struct page_index *x, int64_t offset, struct buf *out)
{
	struct thrift t = { .out = out };
	int64_t row = 0;

	thrift_begin(&t);
	thrift_list(&t, 1, THRIFT_STRUCT, x->n);
	for (size_t i = 0; i < x->n; i++) {
		thrift_begin(&t);
		thrift_i64(&t, 1, offset);
		thrift_i32(&t, 2, get_int(&x->lens, i));
		thrift_i64(&t, 3, row);
		thrift_end(&t);
		offset += get_int(&x->lens, i);
		row += get_int(&x->rows, i);
	}
	thrift_end(&t);
}

void page_index_reset(struct page_index *x)
{
	struct buf *bufs[] = { &x->lens, &x->rows, &x->nulls, &x->has_values, &x->least,
		&x->greatest };

	for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
		bufs[i]->len = 0;
	x->n = 0;
	x->last.has = x->is_unbounded = x->is_falling = x->is_rising = false;
}

void page_index_free(struct page_index *x)
{
	struct buf *bufs[] = { &x->lens, &x->rows, &x->nulls, &x->has_values, &x->least,
		&x->greatest };

	for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
		buf_free(bufs[i]);
}
