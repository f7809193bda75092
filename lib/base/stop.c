#include "lib/base/stop.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>

/* A second. libfcgi needs up to two of them to give up a connection on which nothing comes. */
enum { TICKS = 4 };

static volatile sig_atomic_t requested;
static volatile sig_atomic_t ticks; /* since then */
static volatile sig_atomic_t limit = TICKS;

static void on_stop(int signal)
{
	static const struct itimerval every = { { 0, 1000000 / TICKS }, { 0, 1000000 / TICKS } };
	int saved = errno;

	(void)signal;
	if (!requested)
		setitimer(ITIMER_REAL, &every, NULL);
	requested = 1;
	errno = saved;
}

static void on_tick(int signal)
{
	(void)signal;
	if (ticks < limit)
		ticks++;
}

void stop_install(void)
{
	static const int stops[] = { SIGTERM, SIGINT, SIGQUIT, SIGUSR1 };
	struct sigaction stop = { .sa_handler = on_stop }, tick = { .sa_handler = on_tick };

	for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++)
		sigaction(stops[i], &stop, NULL);
	sigaction(SIGALRM, &tick, NULL);
}

void stop_limit(int64_t limit_us)
{
	/* At least a second: work that is nearly done should get through. */
	int64_t seconds = limit_us < 1000000 ? 1 : limit_us / 1000000;

	limit = (sig_atomic_t)(seconds > 86400 ? 86400 : seconds) * TICKS;
}

bool stop_requested(void)
{
	return requested;
}

bool stop_overdue(void)
{
	return requested && ticks >= limit;
}
