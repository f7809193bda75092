/*
 * Cron expressions: what is one, and what is due next, in UTC and where clocks are put forward and back.
 * tests/e2e/test_cron.py holds random ones against Python's zones, minute by minute.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/zone.h"
#include "lib/job/cron.h"

/* "2024-03-31 01:00", in UTC. */
static int64_t at(const char *utc)
{
	struct tm tm = { 0 };

	assert_int_equal(sscanf(utc, "%d-%2d-%2d %2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
				 &tm.tm_hour, &tm.tm_min),
		5);
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return timegm(&tm);
}

/* The times due after `after`, a list of UTC times parted by commas. */
static void expect(const char *zone, const char *text, const char *after, const char *times)
{
	struct err e = { 0 };
	struct cron c;
	struct zone *z = zone ? zone_open(zone, &e) : NULL;
	int64_t t = at(after);

	if (cron_read(&c, text, &e))
		fail_msg("%s: %s", text, e.text);
	for (const char *p = times; p; p = strchr(p, ',')) {
		char got[32];
		time_t found = t = cron_next(&c, z, t);
		struct tm tm;

		p += *p == ',';
		gmtime_r(&found, &tm);
		strftime(got, sizeof got, "%Y-%m-%d %H:%M", &tm);
		if (strncmp(got, p, strlen(got)) != 0)
			fail_msg("%s: %s, not %.16s", text, got, p);
	}
	zone_close(z);
}

static void in_utc(void **s)
{
	(void)s;
	expect(NULL, "* * * * *", "2024-02-28 23:58",
		"2024-02-28 23:59,2024-02-29 00:00,2024-02-29 00:01");
	expect(NULL, "@hourly", "2024-02-28 23:00", "2024-02-29 00:00,2024-02-29 01:00");
	expect(NULL, "@daily", "2024-12-31 00:00", "2025-01-01 00:00,2025-01-02 00:00");
	expect(NULL, "@Weekly", "2024-12-31 00:00", "2025-01-05 00:00,2025-01-12 00:00");
	expect(NULL, "@monthly", "2024-01-01 00:00", "2024-02-01 00:00,2024-03-01 00:00");
	expect(NULL, "@yearly", "2024-01-01 00:00", "2025-01-01 00:00,2026-01-01 00:00");
	expect(NULL, " 1,3-9/3,58\t*/11 * * *", "2024-01-01 00:06",
		"2024-01-01 00:09,2024-01-01 00:58,2024-01-01 11:01");
	expect(NULL, "0 0 29 feb *", "2096-02-29 00:00", "2104-02-29 00:00");
	expect(NULL, "0 0 31 * *", "2024-03-31 00:00", "2024-05-31 00:00");
	expect(NULL, "0 9 * * MON-fri", "2024-03-01 10:00", "2024-03-04 09:00,2024-03-05 09:00");
	expect(NULL, "0 9 * * fri-sun", "2024-03-07 10:00",
		"2024-03-08 09:00,2024-03-09 09:00,2024-03-10 09:00,2024-03-15 09:00");
	expect(NULL, "0 9 * * 7", "2024-03-07 10:00", "2024-03-10 09:00,2024-03-17 09:00");
}

/* crontab(5): either will do where both are restricted, else both must hold. */
static void two_fields_of_days(void **s)
{
	(void)s;
	expect(NULL, "0 0 13 * 5", "2024-09-01 00:00",
		"2024-09-06 00:00,2024-09-13 00:00,2024-09-20 00:00,2024-09-27 00:00,2024-10-04 00:"
		"00,"
		"2024-10-11 00:00,2024-10-13 00:00");
	expect(NULL, "0 0 */10 * 1", "2024-09-01 00:00",
		"2024-10-21 00:00,2024-11-11 00:00,2025-03-31 00:00");
	expect(NULL, "0 0 29 2 */5", "2024-03-01 00:00", "2032-02-29 00:00,2036-02-29 00:00");
}

static void clocks_put_forward(void **s)
{
	(void)s;
	/* 02:00 to 03:00 is not there on 2024-03-31 */
	expect("Europe/Berlin", "30 2 * * *", "2024-03-30 00:00",
		"2024-03-30 01:30,2024-03-31 01:00,2024-04-01 00:30");
	expect("Europe/Berlin", "*/20 2,3 31 3 *", "2024-03-30 12:00",
		"2024-03-31 01:00,2024-03-31 01:20,2024-03-31 01:40,2025-03-31 00:00");
	expect("Europe/Berlin", "59 1 * * *", "2024-03-30 12:00",
		"2024-03-31 00:59,2024-03-31 23:59");
	/* a whole day that Samoa never had */
	expect("Pacific/Apia", "0 12 30 12 *", "2011-12-01 00:00",
		"2011-12-30 10:00,2012-12-29 22:00");
}

static void clocks_put_back(void **s)
{
	(void)s;
	/* 02:00 to 03:00 is there twice on 2024-10-27 */
	expect("Europe/Berlin", "30 2 * * *", "2024-10-26 12:00",
		"2024-10-27 00:30,2024-10-28 01:30");
	expect("Europe/Berlin", "@hourly", "2024-10-26 23:00",
		"2024-10-27 00:00,2024-10-27 02:00,2024-10-27 03:00");
	/* in the midst of what is shown again */
	expect("Europe/Berlin", "*/15 * * * *", "2024-10-27 01:20", "2024-10-27 02:00");
	/* by half an hour */
	expect("Australia/Lord_Howe", "45 1 7 4 *", "2024-04-01 00:00",
		"2024-04-06 14:45,2025-04-06 15:15");
}

static void no_expressions(void **s)
{
	static const char *const each[] = { "", "* * * *", "* * * * * *", "60 * * * *",
		"* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *", "* * * 13 *", "* * * * 8",
		"-1 * * * *", "+1 * * * *", "1- * * * *", "5-1 * * * *", "1,,2 * * * *",
		", * * * *", "1, * * * *", "*/0 * * * *", "*/61 * * * *", "*/ * * * *",
		"*/-1 * * * *", "5/10 * * * *", "** * * * *", "*5 * * * *", "1.5 * * * *",
		"a * * * *", "mon * * * *", "* * * mond *", "* * * * fri-wed", "* * * * 5-0",
		"000 * * * *", "4294967296 * * * *", "0 0 30 2 *", "0 0 31 4,6,9,nov *", "@",
		"@reboot", "@often", "0 0 1 1 *\n", "1-2-3 * * * *", "*-5 * * * *",
		"*/2/2 * * * *" };

	(void)s;
	for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
		struct err e = { 0 };
		struct cron c;

		if (!cron_read(&c, each[i], &e))
			fail_msg("taken: %s", each[i]);
		assert_int_equal(e.code, ERR_BAD_REQUEST);
		assert_true(*e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_utc),
		cmocka_unit_test(two_fields_of_days),
		cmocka_unit_test(clocks_put_forward),
		cmocka_unit_test(clocks_put_back),
		cmocka_unit_test(no_expressions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
