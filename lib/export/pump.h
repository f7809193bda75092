/*
 * The pump: joins a source, a format and a sink, batch by batch, until the rows are at their end or something
 * fails. Back-pressure is the sink's blocking put.
 */
#ifndef SLUICE_EXPORT_PUMP_H
#define SLUICE_EXPORT_PUMP_H

#include "lib/base/err.h"
#include "lib/format/format.h"
#include "lib/sink/sink.h"
#include "lib/source/source.h"

struct pump {
	struct source *source;       /* with an open result */
	const struct schema *schema; /* of it, with the names of the export */
	struct format *format;       /* writes into sink */
	struct sink *sink;
	int hangup_fd;                             /* -1: nobody to watch */
	void (*progress)(void *of, uint64_t rows); /* told after each batch; or NULL */
	void *of;
	uint64_t rows;    /* so far */
	int64_t first_us; /* monotonic time of the first batch */
};

/* All rows. On 0 the transaction has ended and the format too; the sink is for the caller to finish. On -1
 * nothing that could look like an end has been written, the query is cancelled, and the caller aborts the sink. Nothing
 * is put before the first batch is there. */
int pump_run(struct pump *p, struct err *e);

#endif
