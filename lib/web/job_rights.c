#include "lib/web/job_rights.h"

#include <json-c/json.h>
#include <string.h>

#include "lib/access/policy.h"
#include "lib/access/rights_json.h"
#include "lib/job/job_principal.h"
#include "lib/job/job_request.h"
#include "lib/query/scope.h"

struct check {
	const struct settings *settings;
	struct arena *arena;
	struct json_object *made_with; /* by key of table; NULL: not known */
	const struct principal *owner, *taker;
	const char *format;
};

/* Where it is not known, by a job of an older version, what the owner's claims are given now. */
static int rights_then(const struct check *c, const struct settings_table *t, struct rights *out)
{
	struct json_object *of_table;
	struct err ignored;

	if (!c->made_with)
		return policy_rights(c->settings, t, c->owner, c->arena, out, &ignored);
	return json_object_object_get_ex(c->made_with, t->key, &of_table)
		       ? rights_json_read(c->arena, of_table, out)
		       : -1;
}

static bool may_have(const struct check *c, const struct settings_table *t)
{
	struct rights then, now;
	struct err ignored;

	return rights_then(c, t, &then) == 0 &&
	       policy_rights(c->settings, t, c->taker, c->arena, &now, &ignored) == 0 &&
	       rights_format(&now, c->format, &ignored) == 0 && rights_cover(&now, &then);
}

/* The tables that its names reach, as the registry tells: columns do not matter here. */
static bool may_have_all(const struct check *c, const struct query *q)
{
	const struct settings_table *from = settings_table(c->settings, q->from);
	struct catalog_table unknown = { 0 };
	struct scope scope;
	struct err ignored;
	const char *where;

	if (!from)
		return false;
	unknown.key = from->key;
	scope_init(&scope, c->arena, c->settings, from, &unknown, NULL);
	if (scope_collect(&scope, q, &where, &ignored) < 0)
		return false;
	for (size_t i = 0; i < scope.n; i++)
		if (!may_have(c, scope.tables[i].settings))
			return false;
	return true;
}

/* taker: the caller; of a link, the owner. */
static bool is_given(const struct app *app, struct arena *a, const struct job_download *f,
	const struct principal *owner, const struct principal *taker)
{
	struct job_request request;
	const char *pointer;
	struct err ignored;
	bool may = false;

	/* What stands behind the query and the format may be beyond limits that are others by now. */
	job_request_read(
		a, &app->settings, f->request, strlen(f->request), &request, &pointer, &ignored);
	if (request.query.from && request.format && taker->roles & ROLE_EXPORTER) {
		const struct check c = { .settings = &app->settings,
			.arena = a,
			.made_with = f->rights ? json_tokener_parse(f->rights) : NULL,
			.owner = owner,
			.taker = taker,
			.format = request.format->name };

		may = may_have_all(&c, &request.query);
		json_object_put(c.made_with);
	}
	job_request_free(&request);
	return may;
}

/* A subject is one of its issuer alone (RFC 7519 §4.1.2): after a change of auth.issuer the same may be somebody else. */
static bool is_owner(const struct principal *caller, const struct principal *owner)
{
	return !owner->issuer || !strcmp(caller->issuer, owner->issuer);
}

int job_rights_check(const struct app *app, struct arena *a, const struct job_download *f,
	const struct principal *caller, struct err *e)
{
	struct principal owner;
	const char *purpose;

	if (job_principal_read(&app->settings, a, f->principal, &owner, &purpose, e) < 0)
		return -1;
	if ((!caller || is_owner(caller, &owner)) &&
		is_given(app, a, f, &owner, caller ? caller : &owner))
		return 0;
	return caller ? err_set(e, ERR_FORBIDDEN,
				"this export was made with rights that the token does not give; "
				"ask for it anew")
		      : err_set(e, ERR_GONE, "the file is no longer given to anybody");
}
