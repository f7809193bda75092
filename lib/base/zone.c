#include "lib/base/zone.h"

#include <assert.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"

/* Offsets are kept by the day of UTC: since MODERN_S no zone has changed its offset twice within
 * six days, so that a day with one offset at both of its ends has no other. Before that it is
 * asked every time. */
enum {
	DAY_S = 86400,
	MODERN_S = 94694400, /* 1973-01-01 */
	SLOTS = 1024,
	NAME_MAX_LEN = 64
};

struct slot {
	int32_t day;     /* since 1970; 0: empty */
	int32_t seconds; /* east of UTC */
};

struct zone {
	bool is_fixed;
	int seconds; /* of a fixed one */
	char name[NAME_MAX_LEN + 1];
	struct slot slots[SLOTS];
};

static bool is_open;

static int read_pair(const char *p)
{
	return isdigit((unsigned char)p[0]) && isdigit((unsigned char)p[1])
		       ? (p[0] - '0') * 10 + p[1] - '0'
		       : -1;
}

/* +05:30, -0800, +01; false when it is none. */
static bool read_fixed(const char *name, int *minutes)
{
	int hours, rest = 0;

	if ((*name != '+' && *name != '-') || (hours = read_pair(name + 1)) < 0 || hours > 23)
		return false;
	const char *p = name + 3;

	if (*p) {
		p += *p == ':';
		if ((rest = read_pair(p)) < 0 || rest > 59 || p[2])
			return false;
	}
	*minutes = (hours * 60 + rest) * (*name == '-' ? -1 : 1);
	return true;
}

/* A file of the database below its directory: glibc takes whatever it cannot read for UTC. The
 * names of zones begin with a capital; what does not is something else there ("posixrules",
 * "localtime", the leap seconds of "right/"). */
static bool is_known(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_+-/";
	const char *dir = getenv("TZDIR");
	char path[256], magic[4];

	if (!(*name >= 'A' && *name <= 'Z') || strlen(name) > NAME_MAX_LEN ||
		name[strspn(name, allowed)])
		return false;
	snprintf(path, sizeof path, "%s/%s", dir ? dir : "/usr/share/zoneinfo", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	bool is_zone = read(fd, magic, sizeof magic) == sizeof magic && !memcmp(magic, "TZif", 4);

	close(fd);
	return is_zone;
}

struct zone *zone_open(const char *name, struct err *e)
{
	int minutes = 0;
	bool is_fixed = read_fixed(name, &minutes);

	assert(!is_open);
	if (!is_fixed) {
		if (!is_known(name)) {
			err_set(e, ERR_BAD_REQUEST,
				"tz must be a time zone such as Europe/Berlin, or an offset such "
				"as +05:30");
			return NULL;
		}
		setenv("TZ", name, 1);
		tzset();
	}
	is_open = true;
	struct zone *z = mem_zero(1, sizeof *z);

	z->is_fixed = is_fixed;
	z->seconds = minutes * 60;
	if (is_fixed)
		snprintf(z->name, sizeof z->name, "%c%02d:%02d", *name, abs(minutes) / 60,
			abs(minutes) % 60);
	else
		snprintf(z->name, sizeof z->name, "%s", name);
	return z;
}

const char *zone_name(const struct zone *z)
{
	return z->name;
}

void zone_close(struct zone *z)
{
	if (!z)
		return;
	if (!z->is_fixed) {
		unsetenv("TZ");
		tzset();
	}
	is_open = false;
	free(z);
}

/* 0 in a year that no int can count: 2^31 and beyond. */
static int ask_seconds(int64_t unix_s)
{
	time_t t = unix_s;
	struct tm tm;

	return localtime_r(&t, &tm) ? (int)tm.tm_gmtoff : 0;
}

int zone_seconds(struct zone *z, int64_t unix_s)
{
	if (z->is_fixed)
		return z->seconds;
	if (unix_s < MODERN_S || unix_s >= (int64_t)INT32_MAX * DAY_S)
		return ask_seconds(unix_s);
	int32_t day = (int32_t)(unix_s / DAY_S);
	struct slot *slot = &z->slots[day % SLOTS];

	if (slot->day == day)
		return slot->seconds;
	int seconds = ask_seconds((int64_t)day * DAY_S);

	if (seconds != ask_seconds(((int64_t)day + 1) * DAY_S))
		return ask_seconds(unix_s);
	*slot = (struct slot){ day, seconds };
	return seconds;
}

int zone_minutes(struct zone *z, int64_t unix_s)
{
	int s = zone_seconds(z, unix_s);

	return s >= 0 ? s / 60 : -((59 - s) / 60);
}
