/*
 * Row out: where a row format writes before its sink sees it. One buffer, allocated at begin,
 * that never grows: a row's fixed part (separators, keys, every fixed-width value at its longest)
 * always fits behind what is written, a variable value asks for its room, and one longer than
 * ROW_OUT_SPAN comes in spans of that length. What is written goes to the sink when it passes
 * ROW_OUT_FLUSH, and at the end of a batch.
 *
 *	data .... p ............ room asked for ... fixed ... end
 *
 * The formats keep p in a register and pass it along; every function here returns the new one.
 */
#ifndef SLUICE_FORMAT_ROW_OUT_H
#define SLUICE_FORMAT_ROW_OUT_H

#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/format/block.h"
#include "lib/rows/batch.h"
#include "lib/sink/sink.h"

/* Tests make both small, so that every value crosses their edges. */
#ifndef ROW_OUT_FLUSH
#define ROW_OUT_FLUSH (64 * 1024)
#endif
#ifndef ROW_OUT_SPAN
#define ROW_OUT_SPAN (12 * 1024) /* a multiple of three, for base64 */
#endif

enum { ROW_OUT_WORST = 6 }; /* bytes that a byte may become: \u0001 */

struct row_out {
	struct sink *sink; /* borrowed */
	char *data;
	char *end;
	size_t fixed;     /* bytes a row takes without its variable values */
	uint8_t *scratch; /* a span, and what may be read behind it */
};

/* {0} is an empty one. */
static inline void row_out_init(struct row_out *o, struct sink *sink, size_t fixed)
{
	size_t room = ROW_OUT_SPAN * ROW_OUT_WORST + BLOCK_SLACK;

	o->sink = sink;
	o->fixed = fixed + BLOCK_SLACK;
	o->data = mem_alloc(ROW_OUT_FLUSH + room + o->fixed, 1);
	o->end = o->data + ROW_OUT_FLUSH + room + o->fixed;
	o->scratch = mem_zero(ROW_OUT_SPAN + BLOCK_SLACK, 1);
}

static inline void row_out_free(struct row_out *o)
{
	free(o->data);
	free(o->scratch);
	*o = (struct row_out){ 0 };
}

static inline char *row_out_flush(struct row_out *o, char *p)
{
	sink_put(o->sink, o->data, (size_t)(p - o->data));
	return o->data;
}

/* Between rows. */
static inline char *row_out_row(struct row_out *o, char *p)
{
	return p - o->data >= ROW_OUT_FLUSH ? row_out_flush(o, p) : p;
}

/* Room for `need` more bytes beside the fixed ones; need <= ROW_OUT_SPAN * ROW_OUT_WORST. */
static inline char *row_out_room(struct row_out *o, char *p, size_t need)
{
	return (size_t)(o->end - p) < need + BLOCK_SLACK + o->fixed ? row_out_flush(o, p) : p;
}

/* A variable value is short when it is one span and may be read BLOCK_SLACK bytes past its end. */
static inline bool row_out_is_short(const struct column *c, int32_t row, size_t len)
{
	return len <= ROW_OUT_SPAN && c->data_cap - (size_t)c->offsets[row] >= len + BLOCK_SLACK;
}

/* Any other goes through the scratch: the next span of at most *len bytes, *len set to its
 * length. */
static inline const uint8_t *row_out_span(struct row_out *o, const uint8_t *bytes, size_t *len)
{
	if (*len > ROW_OUT_SPAN)
		*len = ROW_OUT_SPAN;
	if (*len)
		memcpy(o->scratch, bytes, *len);
	return o->scratch;
}

#endif
