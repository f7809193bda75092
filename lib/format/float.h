/*
 * The shortest decimal text that reads back as the same float (round to nearest, ties either
 * way), and of those the nearest to its value; spelled as PostgreSQL 12 and later do: 1, 0.1,
 * 1e+15, 1.5e-05, -0, NaN, Infinity, -Infinity. Fixed notation from 0.0001 to 15 (float32: 6)
 * digits before the point.
 *
 * As in text.h: returns the end, writes no NUL, may touch all of TEXT_FLOAT* bytes.
 */
#ifndef SLUICE_FORMAT_FLOAT_H
#define SLUICE_FORMAT_FLOAT_H

char *text_float64(char *out, double v);
char *text_float32(char *out, float v);

#endif
