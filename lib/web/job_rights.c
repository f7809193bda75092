#include "lib/web/job_rights.h"

#include <string.h>

#include "lib/access/policy.h"
#include "lib/job/job_principal.h"
#include "lib/job/job_request.h"
#include "lib/query/scope.h"

struct check {
	const struct settings *settings;
	struct arena *arena;
	const struct principal *owner, *caller;
	const char *format;
};

static int rights_now(const struct check *c, const struct settings_table *t,
	const struct principal *p, struct rights *out, struct err *e)
{
	return policy_rights(c->settings, t, p, c->arena, out, e) < 0
		       ? -1
		       : rights_format(out, c->format, e);
}

static bool may_have(const struct check *c, const struct settings_table *t)
{
	struct rights given, has;
	struct err ignored;

	if (rights_now(c, t, c->owner, &given, &ignored) < 0)
		return false;
	return !c->caller ||
	       (rights_now(c, t, c->caller, &has, &ignored) == 0 && rights_cover(&has, &given));
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

int job_rights_check(const struct app *app, struct arena *a, const struct job_download *f,
	const struct principal *caller, struct err *e)
{
	struct principal owner;
	struct job_request request;
	const char *purpose, *pointer;
	struct err ignored = { 0 };
	bool may = false;

	if (job_principal_read(&app->settings, a, f->principal, &owner, &purpose, e) < 0)
		return -1;
	/* What stands behind the query and the format may be beyond limits that are others by now. */
	job_request_read(
		a, &app->settings, f->request, strlen(f->request), &request, &pointer, &ignored);
	if (request.query.from && request.format) {
		const struct check c = { &app->settings, a, &owner, caller, request.format->name };

		may = may_have_all(&c, &request.query);
	}
	job_request_free(&request);
	if (may)
		return 0;
	return caller ? err_set(e, ERR_FORBIDDEN,
				"this export was made with rights that the token does not give; "
				"ask for it anew")
		      : err_set(e, ERR_GONE, "the file is no longer given to anybody");
}
