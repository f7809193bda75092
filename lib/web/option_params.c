#include "lib/web/option_params.h"

#include <string.h>

bool option_params_knows(const char *const names[], const char *name)
{
	for (size_t i = 0; names[i]; i++)
		if (!strcmp(names[i], name))
			return true;
	for (const struct format_option *o = format_option_table; o->name; o++)
		if (!strcmp(o->name, name) || (o->alias && !strcmp(o->alias, name)))
			return true;
	return false;
}

int option_params_check(const struct request *rq, const char *const names[], struct err *e)
{
	for (size_t i = 0; i < rq->params_n; i++)
		if (!option_params_knows(names, rq->params[i].name))
			return err_set(
				e, ERR_BAD_REQUEST, "unknown parameter \"%s\"", rq->params[i].name);
	return 0;
}

struct params {
	const struct request *rq;
	const char *own;
};

static const char *get_param(const void *from, const char *name)
{
	const struct params *p = from;

	return p->own && strcmp(name, p->own) == 0 ? NULL : request_param(p->rq, name);
}

int option_params_read(struct request *rq, const struct format_type *type, const char *own,
	struct format_options *options, struct err *e)
{
	struct params params = { rq, own };

	format_options_init(options, type->dialect);
	return format_options_read(options, type->families, get_param, &params, &rq->arena, e);
}
