#include "lib/base/wait.h"

#include <errno.h>
#include <poll.h>

#include "lib/base/clock.h"
#include "lib/base/stop.h"

enum wait_result wait_fd(int fd, short events, int hangup_fd, int timeout_ms)
{
	struct pollfd fds[2] = { { fd, events, 0 }, { hangup_fd, POLLRDHUP, 0 } };
	int64_t end = timeout_ms < 0 ? 0 : clock_monotonic_us() + (int64_t)timeout_ms * 1000;
	int n;

	while ((n = poll(fds, 2, timeout_ms)) < 0 && errno == EINTR) {
		int64_t left = (end - clock_monotonic_us()) / 1000;

		if (stop_overdue())
			return WAIT_HANGUP;
		if (timeout_ms >= 0)
			timeout_ms = left > 0 ? (int)left : 0;
	}
	if (n > 0 && fds[1].revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL))
		return WAIT_HANGUP;
	return n == 0 ? WAIT_TIMEOUT : WAIT_READY;
}

int wait_hung_up(int hangup_fd)
{
	return hangup_fd >= 0 && wait_fd(-1, 0, hangup_fd, 0) == WAIT_HANGUP;
}

int wait_gave_up(struct err *e)
{
	if (stop_overdue())
		return err_set(e, ERR_UNAVAILABLE, "the server is being stopped");
	return err_set(e, ERR_CLIENT_GONE, "the client hung up");
}
