#include "lib/base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t now_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_monotonic_us(void)
{
	return now_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
	return now_us(CLOCK_REALTIME);
}

void clock_rfc3339(int64_t wall_us, char out[CLOCK_TEXT])
{
	time_t seconds = (time_t)(wall_us / 1000000);
	struct tm t;

	gmtime_r(&seconds, &t);
	size_t len = strftime(out, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &t);

	snprintf(out + len, CLOCK_TEXT - len, ".%03dZ", (int)(wall_us / 1000 % 1000));
}
