/*
 * Format: how rows look. One file (or folder) per format, one row in the table (format.c).
 *
 * Order of calls:  new  begin  batch*  end  free.
 *	new      borrows the sink and the options until free
 *	begin    the schema is borrowed until free; writes what stands before the first row
 *	batch    writes every row of the batch; the batch is borrowed for the call
 *	end      only after success: closing brackets and footers live here
 *	free     at any time, also instead of end after a failure
 * A format does not ask the sink whether it failed; whoever pumps does, once per batch.
 */
#ifndef SLUICE_FORMAT_FORMAT_H
#define SLUICE_FORMAT_FORMAT_H

#include "lib/base/err.h"
#include "lib/format/options.h"
#include "lib/rows/batch.h"
#include "lib/sink/sink.h"

struct format;

struct format_ops {
	void (*begin)(struct format *, const struct schema *);
	void (*batch)(struct format *, const struct batch *);
	void (*end)(struct format *);
	void (*free)(struct format *);
};

struct format {
	const struct format_ops *ops;
	struct sink *out; /* borrowed */
};

enum format_traits {
	FORMAT_COLUMNAR = 1,  /* walks a batch column by column */
	FORMAT_ENCODABLE = 2, /* may carry a Content-Encoding */
	FORMAT_SEEKABLE = 4,  /* needs a sink that can seek */
	FORMAT_JOINABLE = 8   /* files joined end to end are one file, but for their header lines */
};

/* How a format writes a column. */
struct format_written {
	const char *type; /* as the format has it: "number", "string", "xs:decimal" */
	const char *
		lossy; /* what of the value does not arrive, as the end of a sentence; NULL: nothing */
};

struct format_type {
	const char *name;   /* in the API: "csv" */
	const char *suffix; /* of files and routes: "csv" */
	const char *media;  /* as sent: "text/csv; charset=utf-8; header=present" */
	const char *accept; /* media types that ask for it, comma separated, without parameters */
	unsigned traits;
	unsigned families; /* FAMILY_*: the options it takes */
	uint8_t dialect;   /* FAMILY_DELIMITED: the one it is asked for by its name */
	/* options: NULL for what the format gets that is asked for nothing; never returns NULL */
	struct format *(*new)(struct sink *out, const struct format_options *options);
	struct format_written (*written)(
		const struct field *field, const struct format_options *options);
};

/* NULL-terminated, the default first. */
extern const struct format_type *const format_types[];

/* By file suffix ("csv") or name; NULL when there is none. */
const struct format_type *format_by_suffix(const char *suffix);

static inline void format_begin(struct format *f, const struct schema *schema)
{
	f->ops->begin(f, schema);
}

static inline void format_batch(struct format *f, const struct batch *b)
{
	f->ops->batch(f, b);
}

static inline void format_end(struct format *f)
{
	f->ops->end(f);
}

static inline void format_free(struct format *f)
{
	if (f)
		f->ops->free(f);
}

#endif
