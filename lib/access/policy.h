/*
 * Policy: what a principal may see of a table.
 *
 * Of the settings' policies that are about the table, those that concern the principal add up: a
 * column may be seen when one of them shows it, and is masked only where every one that shows it
 * masks it (then as the first of them says); rows and formats are the most that any allows. A table
 * that no policy is about is open to every viewer. A table that policies are about, none of which
 * concerns the principal, is not there for them: not visible, not joined. Admins are no exception.
 *
 * A table with a tenant column shows the rows of the principal's own tenant alone.
 */
#ifndef SLUICE_ACCESS_POLICY_H
#define SLUICE_ACCESS_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/access/principal.h"
#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/settings.h"

enum mask {
	MASK_NONE,
	MASK_STARS,   /* *** */
	MASK_HASH,    /* a keyed hash: equal values stay equal */
	MASK_PARTIAL, /* j***@example.com, J*** */
	MASK_NULL,    /* nothing */
	MASK_YEAR     /* of a date or timestamp: 1984 */
};

struct rights_mask {
	const char *column;
	enum mask mask;
};

struct rights {
	bool all_columns;
	struct settings_strings columns; /* else these, each once, sorted */
	const struct rights_mask *masks; /* of columns that are masked, each once, sorted */
	size_t masks_n;
	int64_t rows; /* in one answer; -1: any number */
	bool all_formats;
	struct settings_strings formats; /* else these, each once, sorted */
	const char *tenant_column;       /* NULL: the rows are everybody's */
	const char *tenant;              /* NULL only where tenant_column is */
	bool purpose_needed;
	const char *identity; /* whom the database takes the principal for, as text */
	/* All of the above, and whom the database takes the principal for (databases.*.role_claim,
	 * .session), as one line of text, equal exactly where these are: the key of a cache. The
	 * table and its database are not in it. */
	const char *text;
};

/* ERR_NOT_FOUND when the table is not there for the principal, in the words of one that is not
 * registered; ERR_FORBIDDEN when its rows are tenants' and the token names none. */
int policy_rights(const struct settings *s, const struct settings_table *t,
	const struct principal *p, struct arena *a, struct rights *out, struct err *e);

/* Whether all that was given by the one is given by the other, of the same table: every column, under no other mask, the same
 * rows and as many of them. Formats and purposes are asked for by themselves. */
bool rights_cover(const struct rights *r, const struct rights *given);

bool rights_column(const struct rights *r, const char *name);
enum mask rights_mask_of(const struct rights *r, const char *column);

/* ERR_BAD_REQUEST when a purpose is needed, and none was said (NULL). */
int rights_purpose(const struct rights *r, const char *purpose, struct err *e);

/* ERR_FORBIDDEN with the formats that they may have. name: as struct format_type has it. */
int rights_format(const struct rights *r, const char *name, struct err *e);

/* "stars" …; -1: there is none of that name ("none" is no mask to ask for). */
int mask_parse(const char *name);
const char *mask_name(enum mask mask);

/* What settings_read cannot know: ERR_CONFIG when a policy's mask is none, or is a hash without
 * secret.key. */
int policy_check(const struct settings *s, struct err *e);

#endif
