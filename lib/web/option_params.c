#include "lib/web/option_params.h"

#include <assert.h>
#include <string.h>

int option_params_check(const struct request *rq, const char *const names[], struct err *e)
{
	enum { MOST = 64 };
	const char *known[MOST];
	size_t n = 0;

	for (; names[n]; n++)
		known[n] = names[n];
	for (const struct format_option *o = format_option_table; o->name; o++) {
		assert(n + 3 <= MOST);
		known[n++] = o->name;
		if (o->alias)
			known[n++] = o->alias;
	}
	known[n] = NULL;
	return request_known_params(rq, known, e);
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
