#include "lib/job/job_increment.h"

#include <poll.h>

#include "lib/base/stop.h"
#include "lib/base/wait.h"

enum {
	LOOK_MS = 50,
	PUSH_LOOKS =
		20, /* a server writes its log about every 200 ms, where there is something in it */
	LOOKS = 400
};

static int settle(const struct visitor *v, struct source *s, const struct increment_found *found,
	const struct stage_pulse *pulse, struct err *e)
{
	for (int i = 0; i < LOOKS; i++) {
		int safe = increment_is_safe(s, found, e);

		if (safe != 0)
			return safe < 0 ? -1 : 0;
		if (stop_requested())
			return wait_gave_up(e);
		if (i == PUSH_LOOKS && increment_push(v, s, e) < 0)
			return -1;
		poll(NULL, 0, LOOK_MS);
		if (pulse->beat(pulse->arg, e) < 0)
			return -1;
	}
	return err_set(e, ERR_UNAVAILABLE, "the database does not write its log to the disk");
}

int job_increment_settle(const struct visitor *v, struct source **at,
	const struct increment_found *found, const struct stage_pulse *pulse, struct err *e)
{
	int status = settle(v, *at, found, pulse, e);

	table_abandon(at);
	return status;
}
