/*
 * Slots: so many at once of what holds a process for long, over all processes and hosts. A slot is an advisory lock of the
 * session with the metadata database, so that those of a process that dies are free again.
 */
#ifndef SLUICE_JOB_SLOT_H
#define SLUICE_JOB_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

struct metadata;

/* The first key of the lock: four letters in ASCII. The second is the number of the slot. */
enum slot_kind {
	SLOT_EVENTS = 1702260340,   /* evnt */
	SLOT_BENCHMARK = 1651401576 /* bnch */
};

/* {0} is none, which may be given back. */
struct slot {
	struct metadata *metadata;
	enum slot_kind kind;
	int64_t number; /* 0: none */
	uint64_t session;
};

/* 1; 0 when `most` have been taken; -1: ERR_UNAVAILABLE. */
int slot_take(struct slot *s, struct metadata *m, enum slot_kind kind, int64_t most, struct err *e);

/* Not once the session has been lost: then another may have it. */
bool slot_is_held(const struct slot *s);

void slot_give(struct slot *s);

#endif
