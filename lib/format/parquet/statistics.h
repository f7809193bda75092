/*
 * Statistics: the least and the greatest value of a page or a chunk, as Parquet's metadata has them.
 *
 * A bound is the value in plain encoding without a length. Long text is cut: the least to what it begins with, the greatest
 * to that with its last character raised, so that both still bound. A page with a NaN has no bounds, nor has what it is part
 * of: readers do not agree on where NaN stands. Of zeros the least is -0 and the greatest +0.
 */
#ifndef SLUICE_FORMAT_PARQUET_STATISTICS_H
#define SLUICE_FORMAT_PARQUET_STATISTICS_H

#include "lib/format/parquet/leaf.h"

enum { BOUND_MOST = 64 /* bytes */ };

struct bound {
	uint8_t bytes[BOUND_MOST];
	uint8_t len;
	bool is_exact;
};

struct bounds {
	bool has; /* the two below; false: of no values, or not known */
	bool has_nan;
	struct bound least, greatest;
};

/* Of n values. */
void bounds_of_numbers(struct bounds *b, const struct leaf *l, const int64_t *v, size_t n);
void bounds_of_bytes(struct bounds *b, const struct leaf *l, const uint8_t *bytes,
	const uint32_t *lengths, size_t n);

/* Widens b by those of another part. {0} is of no values. */
void bounds_merge(struct bounds *b, const struct leaf *l, const struct bounds *other);

/* Below 0, 0, above 0. */
int bound_compare(const struct leaf *l, const struct bound *a, const struct bound *b);

/* A Statistics as a field. */
void bounds_put(const struct bounds *b, int64_t nulls_n, struct thrift *t, int16_t id);

#endif
