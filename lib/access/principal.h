/*
 * Principal: who asks, and what the claims of the token make of them.
 *
 * A grant is a role as auth.role_claim has it ("analyst"), or a scope of auth.scope_claim behind
 * "scope:" ("scope:sluice.view"), so that neither can be taken for the other: a role that is
 * spelled as a scope grants nothing. The settings roles.* and policies.* name grants.
 */
#ifndef SLUICE_ACCESS_PRINCIPAL_H
#define SLUICE_ACCESS_PRINCIPAL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/settings.h"

struct json_object;

/* What a route asks for. An exporter is a viewer too, an admin both. */
enum role { ROLE_VIEWER = 1, ROLE_EXPORTER = 2, ROLE_ADMIN = 4 };

struct principal {
	const char *subject; /* sub; never NULL once verified */
	const char *issuer;
	const char *claims;        /* the verified payload as JSON text */
	const char *const *grants; /* sorted, each once */
	size_t grants_n;
	const char *tenant; /* NULL: the token names none */
	unsigned roles;     /* bits of enum role */
};

/* Fill grants, tenant and roles from verified claims. ERR_UNAUTHORIZED when a claim that the
 * settings name has not the form of one (roles that are no strings; a tenant that is neither a
 * string nor a whole number, or empty, or null; a number of more than 64 bits): a claim that cannot
 * be read is not taken for one that is missing. Of a string, the role claim is one role, the scope
 * claim words parted by spaces; of an array, each item is one. */
int principal_read(const struct settings *s, struct json_object *claims, struct arena *a,
	struct principal *p, struct err *e);

/* The text of a claim, by a name as the settings have it ("a.b" is b within a; a name with a colon,
 * such as a URI, is one name): of a string that is not empty, or a whole number. NULL where there
 * is none of such a form. */
const char *principal_claim(struct arena *a, const struct principal *p, const char *name);

/* grant: as the settings have it; everybody has "*". */
bool principal_has(const struct principal *p, const char *grant);

#endif
