/*
 * Time zones: offsets that the history books know, every zone of the database against the C
 * library's own local time around each of its changes, and what is no zone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/zone.h"

static struct zone *must_open(const char *name)
{
	struct err e = { 0 };
	struct zone *z = zone_open(name, &e);

	if (!z)
		fail_msg("%s: %s", name, e.text);
	return z;
}

/* "1996-10-27 01:00:00", in UTC; a year may have a sign: -0043 is 44 BC. */
static int64_t at(const char *utc)
{
	struct tm tm = { 0 };
	int year;

	assert_int_equal(sscanf(utc, "%d-%2d-%2d %2d:%2d:%2d", &year, &tm.tm_mon, &tm.tm_mday,
				 &tm.tm_hour, &tm.tm_min, &tm.tm_sec),
		6);
	tm.tm_year = year - 1900;
	tm.tm_mon--;
	return timegm(&tm);
}

static void known_offsets(void **s)
{
	static const struct {
		const char *zone, *utc;
		int minutes;
	} each[] = {
		/* before the zones, 53:28 east; whole minutes since 1893-03-31 23:06:32 */
		{ "Europe/Berlin", "1890-01-01 00:00:00", 53 },
		{ "Europe/Berlin", "1893-03-31 23:06:31", 53 },
		{ "Europe/Berlin", "1893-03-31 23:06:32", 60 },
		{ "Europe/Berlin", "1945-06-01 00:00:00", 180 },
		{ "Europe/Berlin", "1970-07-01 00:00:00", 60 },
		{ "Europe/Berlin", "2024-03-31 00:59:59", 60 },
		{ "Europe/Berlin", "2024-03-31 01:00:00", 120 },
		{ "Europe/Berlin", "2024-10-27 00:59:59", 120 }, /* 02:59:59 for the first time */
		{ "Europe/Berlin", "2024-10-27 01:00:00", 60 },  /* 02:00:00 for the second */
		{ "Europe/Berlin", "2024-10-27 01:59:59", 60 },
		{ "Europe/Berlin", "9999-07-01 00:00:00", 120 },
		{ "Europe/Berlin", "9999-12-31 00:00:00", 60 },
		{ "Europe/Berlin", "294276-07-01 00:00:00", 120 },
		{ "Europe/Berlin", "-0043-03-15 00:00:00", 53 },
		{ "Europe/Berlin", "-4713-11-24 00:00:00", 53 },
		/* 4:56:02 west: the minute below */
		{ "America/New_York", "1883-11-18 16:59:59", -297 },
		{ "America/New_York", "1883-11-18 17:00:00", -300 },
		{ "America/New_York", "2024-03-10 06:59:59", -300 },
		{ "America/New_York", "2024-03-10 07:00:00", -240 },
		{ "America/New_York", "2024-11-03 05:30:00", -240 }, /* 01:30 for the first time */
		{ "America/New_York", "2024-11-03 06:30:00", -300 }, /* and for the second */
		{ "Asia/Kolkata", "2024-07-01 00:00:00", 330 },
		{ "Asia/Kathmandu", "1985-12-31 18:29:59", 330 },
		{ "Asia/Kathmandu", "1985-12-31 18:30:00", 345 },
		/* 44:30 west until 1972-01-07 00:44:30 */
		{ "Africa/Monrovia", "1972-01-06 23:59:59", -45 },
		{ "Africa/Monrovia", "1972-01-07 00:44:29", -45 },
		{ "Africa/Monrovia", "1972-01-07 00:44:30", 0 },
		/* summer began and ended one minute after midnight: no quarter of an hour in UTC */
		{ "America/St_Johns", "2010-03-14 03:30:59", -210 },
		{ "America/St_Johns", "2010-03-14 03:31:00", -150 },
		{ "America/St_Johns", "2010-11-07 02:30:59", -150 },
		{ "America/St_Johns", "2010-11-07 02:31:00", -210 },
		/* a day left out */
		{ "Pacific/Apia", "2011-12-30 09:59:59", -600 },
		{ "Pacific/Apia", "2011-12-30 10:00:00", 840 },
		{ "UTC", "2024-01-01 00:00:00", 0 },
		{ "Etc/GMT+5", "2024-01-01 00:00:00", -300 }, /* POSIX's sign */
		{ "+05:30", "2024-01-01 00:00:00", 330 },
		{ "+0530", "-0043-03-15 00:00:00", 330 },
		{ "-08", "9999-01-01 00:00:00", -480 },
		{ "-00:30", "2024-01-01 00:00:00", -30 },
		{ "+00:00", "2024-01-01 00:00:00", 0 },
		{ "+23:59", "2024-01-01 00:00:00", 1439 },
		{ "-23:59", "2024-01-01 00:00:00", -1439 },
	};

	(void)s;
	for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
		struct zone *z = must_open(each[i].zone);
		int minutes = zone_minutes(z, at(each[i].utc));

		if (minutes != each[i].minutes)
			fail_msg("%s at %s: %d, not %d", each[i].zone, each[i].utc, minutes,
				each[i].minutes);
		assert_int_equal(zone_minutes(z, at(each[i].utc)), minutes);
		zone_close(z);
	}
}

/* The open zone is the C library's as well. */
static int local_minutes(int64_t unix_s)
{
	time_t t = unix_s;
	struct tm tm;

	assert_non_null(localtime_r(&t, &tm));
	return (int)(tm.tm_gmtoff - (tm.tm_gmtoff % 60 + 60) % 60) / 60;
}

static void same_as_local_time(struct zone *z, const char *name, int64_t unix_s)
{
	int minutes = zone_minutes(z, unix_s);

	if (minutes != local_minutes(unix_s))
		fail_msg("%s at %lld: %d, not %d", name, (long long)unix_s, minutes,
			local_minutes(unix_s));
}

/* Both sides of a change asked in turn: what is kept of one must not answer for the other, nor for
 * the days that a table of a power of two would put in the same place. */
static void back_and_forth(void **s)
{
	struct zone *z = must_open("America/St_Johns");
	int64_t change = at("2010-03-14 03:31:00");

	(void)s;
	for (int64_t off = 1; off < 200000; off += 997) {
		assert_int_equal(zone_minutes(z, change - off), -210);
		assert_int_equal(zone_minutes(z, change + off), -150);
		for (int64_t days = 64; days <= 65536; days *= 2)
			same_as_local_time(z, "America/St_Johns", change - off + days * 86400);
	}
	zone_close(z);
}

/* From 1960 to 2040, with the seconds around each change of the offset. */
static void sweep(struct zone *z, const char *name)
{
	enum { STEP = 4 * 86400 };
	const int64_t end = at("2040-01-01 00:00:00");
	int64_t t = at("1960-01-01 00:00:00");

	for (int before = local_minutes(t); t < end; t += STEP) {
		int after = local_minutes(t + STEP);
		int64_t low = t, high = t + STEP;

		same_as_local_time(z, name, t + t % 7919);
		if (after == before)
			continue;
		while (high - low > 1) {
			int64_t middle = low + (high - low) / 2;

			*(local_minutes(middle) == before ? &low : &high) = middle;
		}
		for (int64_t off = 0; off < 30; off++) {
			same_as_local_time(z, name, high - 1 - off * 61);
			same_as_local_time(z, name, high + off * 61);
		}
		before = after;
	}
}

static void every_zone(void **s)
{
	FILE *f = fopen("/usr/share/zoneinfo/zone1970.tab", "r");
	char line[1024];
	int zones = 0;

	(void)s;
	assert_non_null(f);
	while (fgets(line, sizeof line, f)) {
		char name[64];

		if (*line == '#')
			continue;
		assert_int_equal(sscanf(line, "%*s %*s %63s", name), 1);
		struct zone *z = must_open(name);

		sweep(z, name);
		zone_close(z);
		zones++;
	}
	assert_int_equal(fclose(f), 0);
	assert_true(zones > 250);
}

static void no_zones(void **s)
{
	static const char *const names[] = { "", " ", "Mars/Olympus", "europe/berlin", "Europe",
		"Europe/", "/Europe/Berlin", "Europe/Berlin ", "Europe/Berlin\n", ":Europe/Berlin",
		"../zoneinfo/Europe/Berlin", "Europe/../Europe/Berlin", "./UTC",
		"/usr/share/zoneinfo/Europe/Berlin", "posixrules", "localtime", "zone1970.tab",
		"tzdata.zi", "right/UTC", "posix/UTC", "CET-1CEST,M3.5.0,M10.5.0", "XXX5",
		"<+05>-5", "+", "-", "+5", "+5:30", "+05:", "+05:3", "+05: 3", "+05:+3", "+05:-3",
		"+ 5:30", "+05:60", "+24", "+24:00", "+05:30:00", "+053", "+05300", "05:30",
		"UTC+1", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };

	(void)s;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct err e = { 0 };
		struct zone *z = zone_open(names[i], &e);

		if (z)
			fail_msg("\"%s\" is a zone", names[i]);
		assert_int_equal(e.code, ERR_BAD_REQUEST);
		assert_non_null(strstr(e.text, "tz must be"));
		assert_null(getenv("TZ"));
	}
}

/* A closed zone leaves nothing: the next one counts, and after the last there is UTC. */
static void one_after_another(void **s)
{
	(void)s;
	zone_close(NULL);
	for (int i = 0; i < 3; i++) {
		struct zone *z = must_open(i == 1 ? "Asia/Tokyo" : "Asia/Kolkata");

		assert_int_equal(zone_minutes(z, 1700000000), i == 1 ? 540 : 330);
		zone_close(z);
		assert_int_equal(local_minutes(1700000000), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_offsets),
		cmocka_unit_test(back_and_forth),
		cmocka_unit_test(every_zone),
		cmocka_unit_test(no_zones),
		cmocka_unit_test(one_after_another),
	};

	if (unsetenv("TZ") != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
