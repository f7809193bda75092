/*
 * Schema match: the header Sluice-Schema tells each answer's schema by its fingerprint, and a
 * request whose If-Schema-Match names others is refused before its first row.
 */
#ifndef SLUICE_WEB_SCHEMA_MATCH_H
#define SLUICE_WEB_SCHEMA_MATCH_H

#include "lib/query/compile.h"
#include "lib/rows/fingerprint.h"
#include "lib/source/source.h"
#include "lib/web/app.h"
#include "lib/web/request.h"
#include "lib/web/response.h"

/* Set the header Sluice-Schema, and keep the schema where schemas are kept; that this fails is for
 * the log alone. */
int schema_announce(struct app *app, struct response *rs, const struct schema *schema,
	char text[FINGERPRINT_TEXT], struct err *e);

/* 0 when there is no If-Schema-Match or it holds. ERR_BAD_REQUEST when it is no list of
 * fingerprints; ERR_PRECONDITION when none of them is the schema's: the problem's members then say
 * what is, and what has changed where that is known. */
int schema_match(struct app *app, struct response *rs, const struct schema *schema, struct err *e);

/* Before the query of an export: a HEAD request's schema is asked for and announced, and so is
 * checked that of a request with If-Schema-Match. The source stays in its transaction, in which the
 * schema cannot change any more. */
int schema_match_query(struct app *app, struct response *rs, struct source *source,
	const struct compile *c, struct err *e);

#endif
