#include "lib/job/problem.h"

#include <string.h>

void problem_put(struct buf *b, const struct err *e)
{
	const struct err_info *info = err_info(e->code);

	buf_printf(b,
		"{\"type\":\"urn:sluice:problem:%s\",\"title\":\"%s\",\"status\":%d,\"detail\":",
		info->name, info->title, info->status);
	buf_put_json(b, e->text, strlen(e->text));
	buf_putc(b, '}');
}
