/*
 * Reading: a query's rows under a snapshot that others share (source_share), by a process of its own, with a session of its own.
 *
 *	reading_open, then query and compile.page, compile.nested_as_text; reading_plan; reading_pump; reading_close
 */
#ifndef SLUICE_EXPORT_READING_H
#define SLUICE_EXPORT_READING_H

#include "lib/export/pump.h"
#include "lib/export/table.h"
#include "lib/query/compile.h"

struct reading_by { /* borrowed */
	const struct settings *settings;
	const struct principal *principal; /* whose rights hold */
	const uint8_t *mask_key;           /* SECRET_KEY_BYTES */
	const char *id;                    /* shown in the database's list of sessions */
	const char *purpose;               /* or NULL */
	const char *snapshot;
};

struct reading {
	struct arena arena;
	struct visitor visitor;
	struct source *source; /* in a transaction; NULL: in none */
	struct table table;
	struct scope scope;
	struct query query; /* the caller's, as much of compile is */
	struct compile compile;
	struct compiled compiled;
	struct schema schema; /* of what is pumped */
};

/* r is not moved from then on. */
void reading_open(struct reading *r, const struct reading_by *by);
void reading_close(struct reading *r);

/* Begin, by what the visitor may have of the table. increment: or NULL. */
int reading_plan(struct reading *r, const struct settings_table *t, const char *format,
	const struct increment *increment, struct err *e);

/* Write all rows into out, which is the caller's to finish. p: progress and of, or nothing; its rows become how many. Whatever comes
 * of it, nothing is open any more. */
int reading_pump(struct reading *r, const struct format_type *format,
	const struct format_options *options, struct sink *out, struct pump *p, struct err *e);

#endif
