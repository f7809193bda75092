/*
 * Problem: what is kept of an error that ended an export (RFC 9457), less what belongs to one
 * answer.
 */
#ifndef SLUICE_JOB_PROBLEM_H
#define SLUICE_JOB_PROBLEM_H

#include "lib/base/err.h"
#include "lib/base/mem.h"

/* Append it as a JSON object. */
void problem_put(struct buf *b, const struct err *e);

#endif
