#include "lib/web/job_file.h"

#include <string.h>

#include "lib/format/format.h"

/* Text that is not compressed: formats say so of themselves, but a file may be the compressed one of such a format. */
static bool is_codeable(const char *media)
{
	static const char *const types[] = { "text/", "application/json", "application/x-ndjson",
		"application/xml", NULL };

	for (size_t i = 0; types[i]; i++)
		if (!strncmp(media, types[i], strlen(types[i])))
			return true;
	return false;
}

struct served_file job_file_served(const struct app *app, const struct job_download *f)
{
	return (struct served_file){
		.dir = app->settings.stage_dir,
		.path = f->path,
		.bytes = f->bytes,
		.sha256 = f->sha256,
		.media = f->media,
		.name = f->name,
		.modified = f->ended,
		.is_codeable = is_codeable(f->media),
	};
}

void job_file_audit(struct request *rq, const struct job_download *f)
{
	const struct format_type *format = f->format ? format_by_suffix(f->format) : NULL;

	rq->table = f->table;
	rq->audit.format = format ? format->name : NULL;
	if (!rq->audit.purpose)
		rq->audit.purpose = f->purpose;
	if (!rq->principal.tenant)
		rq->principal.tenant = f->tenant;
}
