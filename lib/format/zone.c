#include "lib/format/zone.h"

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

enum {
	BLOCK_S =
		900, /* since MODERN_S no zone has changed its offset within a quarter of an hour */
	MODERN_S = 94694400, /* 1973-01-01 */
	NAME_MAX_LEN = 64
};

struct zone {
	bool is_fixed;
	int minutes;   /* of the block */
	int64_t block; /* the instant's, in BLOCK_S; below MODERN_S none is kept */
};

static bool is_open;

/* +05:30, -0800; false when it is none. */
static bool read_fixed(const char *name, int *minutes)
{
	int hours, rest, end = 0;

	if ((*name != '+' && *name != '-') || !isdigit((unsigned char)name[1]))
		return false;
	if ((sscanf(name + 1, "%2d:%2d%n", &hours, &rest, &end) < 2 || name[1 + end]) &&
		(sscanf(name + 1, "%2d%2d%n", &hours, &rest, &end) < 2 || name[1 + end]))
		return false;
	if (hours > 23 || rest < 0 || rest > 59 || (end != 5 && end != 4))
		return false;
	*minutes = (hours * 60 + rest) * (*name == '-' ? -1 : 1);
	return true;
}

/* A file of the database below its directory: glibc takes whatever it cannot read for UTC. */
static bool is_known(const char *name)
{
	const char *dir = getenv("TZDIR");
	char path[256], magic[4];

	if (!isalpha((unsigned char)*name) || strlen(name) > NAME_MAX_LEN || strstr(name, "..") ||
		strspn(name,
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") !=
			strlen(name))
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
	struct zone z = { .block = INT64_MIN };

	assert(!is_open);
	z.is_fixed = read_fixed(name, &z.minutes);
	if (!z.is_fixed) {
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
	struct zone *made = mem_zero(1, sizeof *made);

	*made = z;
	return made;
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

static int floor_minutes(long seconds)
{
	return (int)(seconds >= 0 ? seconds / 60 : -((59 - seconds) / 60));
}

int zone_minutes(struct zone *z, int64_t unix_s)
{
	int64_t block = unix_s / BLOCK_S;
	time_t t = unix_s;
	struct tm tm;

	if (z->is_fixed || (unix_s >= MODERN_S && block == z->block))
		return z->minutes;
	/* Of a year that no int can count; the last rule goes on for ever. */
	z->minutes = localtime_r(&t, &tm) ? floor_minutes(tm.tm_gmtoff) : 0;
	z->block = block;
	return z->minutes;
}
