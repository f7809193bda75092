#include "lib/base/wait.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>

#include "lib/base/clock.h"
#include "lib/base/stop.h"

static struct {
	wait_beat *beat; /* NULL: none, or the last was */
	void *of;
	int64_t every_us;
	int64_t due_us; /* monotonic */
	bool is_over;   /* it has said -1 */
	struct err err;
} pulse;

void wait_pulse(int64_t every_us, wait_beat *beat, void *of)
{
	pulse.beat = beat;
	pulse.of = of;
	pulse.every_us = every_us;
	pulse.due_us = clock_monotonic_us() + every_us;
	pulse.is_over = false;
}

/* *timeout_ms becomes what is left until the next beat, where that comes first. -1 when it says not to go on. */
static int keep_beating(int *timeout_ms)
{
	wait_beat *beat = pulse.beat;
	int64_t left_us = pulse.due_us - clock_monotonic_us();

	if (left_us <= 0) {
		pulse.beat = NULL; /* while it waits by itself */
		pulse.is_over = beat(pulse.of, &pulse.err) < 0;
		if (pulse.is_over)
			return -1;
		pulse.beat = beat;
		pulse.due_us = clock_monotonic_us() + pulse.every_us;
		left_us = pulse.every_us;
	}
	int left_ms = (int)((left_us + 999) / 1000);

	if (*timeout_ms < 0 || *timeout_ms > left_ms)
		*timeout_ms = left_ms;
	return 0;
}

/* What is left until end_us, no less; -1 for none. */
static int left_ms(int64_t end_us)
{
	if (end_us < 0)
		return -1;
	int64_t left = (end_us - clock_monotonic_us() + 999) / 1000;

	return left > 0 ? (int)left : 0;
}

enum wait_result wait_fd(int fd, short events, int hangup_fd, int timeout_ms)
{
	struct pollfd fds[2] = { { fd, events, 0 }, { hangup_fd, POLLRDHUP, 0 } };
	int64_t end_us = timeout_ms < 0 ? -1 : clock_monotonic_us() + (int64_t)timeout_ms * 1000;

	for (int ms = timeout_ms;; ms = left_ms(end_us)) {
		int until = ms;

		if (hangup_fd >= 0 && pulse.beat && keep_beating(&until) < 0)
			return WAIT_HANGUP;
		int n = poll(fds, 2, until);

		if (n > 0 && fds[1].revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL))
			return WAIT_HANGUP;
		if (n > 0)
			return WAIT_READY;
		if (n == 0 && until == ms)
			return WAIT_TIMEOUT;
		if (n < 0 && errno == EINTR && stop_overdue())
			return WAIT_HANGUP;
		if (n < 0 && errno != EINTR)
			return WAIT_READY;
	}
}

int wait_hung_up(int hangup_fd)
{
	return hangup_fd >= 0 && wait_fd(-1, 0, hangup_fd, 0) == WAIT_HANGUP;
}

int wait_gave_up(struct err *e)
{
	if (stop_overdue())
		return err_set(e, ERR_UNAVAILABLE, "the server is being stopped");
	if (!pulse.is_over)
		return err_set(e, ERR_CLIENT_GONE, "the client hung up");
	*e = pulse.err;
	return -1;
}
