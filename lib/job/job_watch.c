#include "lib/job/job_watch.h"

#include <libpq-fe.h>
#include <string.h>
#include <strings.h>

#include "lib/base/clock.h"
#include "lib/base/stop.h"
#include "lib/job/metadata.h"

/* "running ID" (0005_jobs.sql) */
static void hear(void *to, const char *payload)
{
	struct job_watch *w = to;
	const char *space = strchr(payload, ' ');

	if (space && !strcasecmp(space + 1, w->id))
		w->is_told = true;
}

int job_watch_begin(struct job_watch *w, struct metadata *m, const char *id, struct err *e)
{
	*w = (struct job_watch){ .metadata = m, .id = id };
	PGresult *r = metadata_run(m, "LISTEN sluice_jobs", NULL, 0, e);

	PQclear(r);
	return r ? 0 : -1;
}

void job_watch_end(struct job_watch *w)
{
	struct err ignored;

	if (!w->metadata || !metadata_session(w->metadata))
		return;
	PGresult *r = metadata_run(w->metadata, "UNLISTEN sluice_jobs", NULL, 0, &ignored);

	if (r)
		metadata_hear(w->metadata, hear, w); /* what came meanwhile is not kept */
	else
		metadata_disconnect(w->metadata);
	PQclear(r);
}

int job_watch_wait(struct job_watch *w, int timeout_ms, struct err *e)
{
	int64_t end_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000, left_us;

	w->is_told = false;
	while (!w->is_told && !stop_requested() && (left_us = end_us - clock_monotonic_us()) > 0)
		if (metadata_wait(w->metadata, (int)((left_us + 999) / 1000), hear, w, e) < 0)
			return -1;
	return w->is_told;
}
