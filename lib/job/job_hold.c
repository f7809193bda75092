#include "lib/job/job_hold.h"

#include <poll.h>

#include "lib/base/clock.h"

enum {
	BEATS = 3,      /* in the time of a lease, at least */
	TELL_MS = 2000, /* nor is it told more rarely how far the job is */
	AGAIN_MS = 250, /* between two tries, while the database is lost */
};

void job_hold_begin(struct job_hold *h, const struct settings *s, struct job_queue *q,
	const struct job_lease *l)
{
	int64_t now_us = clock_monotonic_us();

	*h = (struct job_hold){ q, l, s->jobs_lease_us, now_us, now_us };
}

int64_t job_hold_until(const struct job_hold *h)
{
	return h->renewed_us + h->lease_us;
}

static bool lasts(const struct job_hold *h)
{
	return clock_monotonic_us() < job_hold_until(h);
}

bool job_hold_is_due(const struct job_hold *h)
{
	int64_t now_us = clock_monotonic_us(), every_us = h->lease_us / BEATS;

	if (every_us > (int64_t)TELL_MS * 1000)
		every_us = (int64_t)TELL_MS * 1000;
	return now_us - h->renewed_us >= every_us &&
	       now_us - h->tried_us >= (int64_t)AGAIN_MS * 1000;
}

int job_hold_beat(struct job_hold *h, const struct job_progress *p, bool *cancel, struct err *e)
{
	int64_t now_us = clock_monotonic_us();
	int status = job_beat(h->queue, h->lease, p, cancel, e);

	h->tried_us = clock_monotonic_us();
	if (status == 0)
		h->renewed_us = now_us;
	return status < 0 && e->code == ERR_UNAVAILABLE && lasts(h) ? 0 : status;
}

bool job_hold_again(const struct job_hold *h, const struct err *e)
{
	if (e->code != ERR_UNAVAILABLE || !lasts(h))
		return false;
	poll(NULL, 0, AGAIN_MS);
	return true;
}
