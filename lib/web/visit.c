#include "lib/web/visit.h"

struct visitor visit(struct app *app, struct request *rq)
{
	return (struct visitor){ .settings = &app->settings,
		.principal = &rq->principal,
		.arena = &rq->arena,
		.mask_key = app->mask_key,
		.id = rq->id,
		.purpose = rq->audit.purpose,
		.sources = app->sources,
		.hangup_fd = rq->fcgi->ipcFd };
}

int visit_table(
	struct app *app, struct request *rq, struct source **at, struct table *t, struct err *e)
{
	const struct settings_table *settings = settings_table(&app->settings, rq->captures[0]);
	struct visitor v = visit(app, rq);

	if (!settings)
		return err_set(e, ERR_NOT_FOUND, "there is no table \"%s\"", rq->captures[0]);
	rq->table = settings->key;
	return table_enter(&v, settings, at, t, e);
}
