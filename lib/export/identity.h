/*
 * Identity: whom the database takes a request for, where databases.*.role_claim and
 * databases.*.session say so.
 *
 * Session variables and the role are set by set_config with bound values, local to the request's
 * transaction, so that nothing of it outlives the request, be it in a kept connection or in a
 * pooler's. The role of the connection itself never stands in for one that the token should name: a
 * token that names none, or one that the connection may not take, is refused.
 */
#ifndef SLUICE_EXPORT_IDENTITY_H
#define SLUICE_EXPORT_IDENTITY_H

#include "lib/access/principal.h"
#include "lib/base/settings.h"
#include "lib/source/source.h"

/* What is to be run at the beginning of a transaction; no parameters: nothing. ERR_FORBIDDEN when
 * the token lacks a claim. */
int identity_statement(const struct settings_database *db, const struct principal *p,
	struct arena *a, struct statement *st, struct err *e);

/* Run it, in a transaction that has just begun and that ends here when it fails. ERR_FORBIDDEN when
 * the connection may not take the role, or there is none of that name. */
int identity_assume(struct source *s, const struct statement *st, struct err *e);

/* A failure of what a request did in the database: where it worked as a role of the token's, that
 * this may not read something is no fault of ours, and becomes ERR_FORBIDDEN. */
void identity_explain(const struct settings_database *db, struct err *e);

#endif
