#include "lib/job/cron.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "lib/base/zone.h"

enum {
	DAY_MINUTES = 1440,
	DAY_S = 86400,
	CYCLE_DAYS = 146097, /* 400 years: then the calendar is the same again */
	WINDOW_S = 2 * DAY_S /* no clock is further from UTC; and see find_change */
};

struct field {
	const char *name;
	int first, last;
	const char *const *names; /* of first, first + 1 … up to NULL; NULL: none */
};

static const char *const month_names[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug",
	"sep", "oct", "nov", "dec", NULL };
static const char *const weekday_names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat",
	NULL };

static const struct field fields[] = {
	{ "minute", 0, 59, NULL },
	{ "hour", 0, 23, NULL },
	{ "day of the month", 1, 31, NULL },
	{ "month", 1, 12, month_names },
	{ "day of the week", 0, 7, weekday_names },
};

enum { FIELDS_N = sizeof fields / sizeof *fields, WEEKDAY = FIELDS_N - 1 };

static const struct {
	const char *name, *meant;
} nicknames[] = {
	{ "@hourly", "0 * * * *" },
	{ "@daily", "0 0 * * *" },
	{ "@midnight", "0 0 * * *" },
	{ "@weekly", "0 0 * * 0" },
	{ "@monthly", "0 0 1 * *" },
	{ "@yearly", "0 0 1 1 *" },
	{ "@annually", "0 0 1 1 *" },
};

/* ---- reading */

static int fail(const struct field *f, const char *what, struct err *e)
{
	return err_set(e, ERR_BAD_REQUEST, "the %s of a cron expression %s (%d-%d)", f->name, what,
		f->first, f->last);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One or two digits; -1 where there are none, or more. */
static int take_number(const char **p)
{
	int value = 0, n = 0;

	for (; is_digit(**p) && n < 3; n++)
		value = value * 10 + *(*p)++ - '0';
	return n == 1 || n == 2 ? value : -1;
}

/* A number, or a name of three letters in either case; -1 when it is neither or out of range. */
static int take_value(const struct field *f, const char **p)
{
	for (int i = 0; f->names && f->names[i]; i++) {
		if (strncasecmp(*p, f->names[i], 3) != 0)
			continue;
		*p += 3;
		return f->first + i;
	}
	int value = take_number(p);

	return value >= f->first && value <= f->last ? value : -1;
}

/* N, N-M, N-M/STEP, * or a star with a step. */
static int take_item(const struct field *f, const char **p, uint64_t *bits, struct err *e)
{
	int from = f->first, to = f->last, step = 1;
	bool is_range = **p == '*';

	if (is_range) {
		++*p;
	} else {
		from = to = take_value(f, p);
		if (from < 0)
			return fail(f, "has something that is no value of it", e);
		if (**p == '-') {
			is_range = true;
			++*p;
			to = take_value(f, p);
		}
		/* fri-sun */
		if (from > 0 && to == 0 && f == &fields[WEEKDAY] && (*p)[-1] != '0')
			to = 7;
		if (to < from)
			return fail(f, "has a range that has no end or runs backwards", e);
	}
	if (**p == '/') {
		++*p;
		step = is_range ? take_number(p) : -1;
		if (step < 1 || step > f->last - f->first + 1)
			return fail(f, "has a step that is none, or is not one of a range", e);
	}
	for (int i = from; i <= to; i += step)
		*bits |= (uint64_t)1 << i;
	return 0;
}

/* Up to a blank or the end. */
static int take_field(const struct field *f, const char **p, uint64_t *bits, struct err *e)
{
	*bits = 0;
	for (;;) {
		if (take_item(f, p, bits, e))
			return -1;
		if (!**p || is_blank(**p))
			return 0;
		if (**p != ',')
			return fail(f, "has something that is no value of it", e);
		++*p;
	}
}

static const char *skip_blanks(const char *p)
{
	while (is_blank(*p))
		p++;
	return p;
}

static int read_fields(struct cron *c, const char *p, struct err *e)
{
	uint64_t *const bits[FIELDS_N] = { &c->minutes, &c->hours, &c->days, &c->months,
		&c->weekdays };

	for (int i = 0; i < FIELDS_N; i++) {
		p = skip_blanks(p);
		if (!*p)
			return fail(&fields[i], "is missing", e);
		if (bits[i] == &c->days)
			c->any_day = *p == '*';
		if (bits[i] == &c->weekdays)
			c->any_weekday = *p == '*';
		if (take_field(&fields[i], &p, bits[i], e))
			return -1;
	}
	if (*skip_blanks(p))
		return err_set(e, ERR_BAD_REQUEST, "a cron expression has five fields");
	c->weekdays |= c->weekdays >> 7 & 1;
	return 0;
}

static const char *meaning(const char *text)
{
	for (size_t i = 0; i < sizeof nicknames / sizeof *nicknames; i++)
		if (!strcasecmp(text, nicknames[i].name))
			return nicknames[i].meant;
	return text;
}

/* ---- the calendar */

static bool has(uint64_t bits, int64_t i)
{
	return bits >> i & 1;
}

/* Year, month and day are counted from the first of March 0000, so that the leap day is a year's last. */
static void date_of(int64_t day, int *month, int *day_of_month)
{
	int64_t of_cycle = (day + 719468) % CYCLE_DAYS; /* 0000-03-01 is that far from 1970 */
	int64_t year = (of_cycle - of_cycle / 1460 + of_cycle / 36524 - of_cycle / 146096) / 365;
	int64_t of_year = of_cycle - (365 * year + year / 4 - year / 100);
	int64_t from_march = (5 * of_year + 2) / 153;

	*day_of_month = (int)(of_year - (153 * from_march + 2) / 5) + 1;
	*month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
}

/* day: since 1970-01-01, which was a Thursday. */
static bool is_day(const struct cron *c, int64_t day)
{
	int month, day_of_month;

	date_of(day, &month, &day_of_month);
	bool named = has(c->days, day_of_month), weekday = has(c->weekdays, (day + 4) % 7);

	return has(c->months, month) &&
	       (c->any_day || c->any_weekday ? named && weekday : named || weekday);
}

static int64_t next_day(const struct cron *c, int64_t day)
{
	while (!is_day(c, day))
		day++;
	return day;
}

/* What clocks show, in minutes since 1970: the first that is named, from there on. */
static int64_t next_shown(const struct cron *c, int64_t minute)
{
	for (;;) {
		int64_t day = next_day(c, minute / DAY_MINUTES);

		if (day > minute / DAY_MINUTES)
			minute = day * DAY_MINUTES;
		for (; minute / DAY_MINUTES == day; minute++)
			if (has(c->hours, minute % DAY_MINUTES / 60) &&
				has(c->minutes, minute % 60))
				return minute;
	}
}

int cron_read(struct cron *c, const char *text, struct err *e)
{
	text = skip_blanks(text);
	if (*text == '@' && meaning(text) == text)
		return err_set(e, ERR_BAD_REQUEST,
			"a cron expression that begins with @ is @hourly, @daily, @weekly, "
			"@monthly or @yearly");
	if (read_fields(c, meaning(text), e))
		return -1;
	for (int64_t day = 0; day < CYCLE_DAYS; day++)
		if (is_day(c, day))
			return 0;
	return err_set(e, ERR_BAD_REQUEST, "the cron expression names a day that never comes");
}

/* ---- the clock */

static int64_t shown_at(struct zone *z, int64_t unix_s)
{
	return unix_s + (z ? zone_seconds(z, unix_s) : 0);
}

/* Between two instants with different offsets, the first that has the later one: no zone has changed twice within so few
 * days since 1973 (zone.c). */
static int64_t find_change(struct zone *z, int64_t before, int64_t behind)
{
	int offset = zone_seconds(z, before);

	while (behind - before > 1) {
		int64_t middle = before + (behind - before) / 2;

		*(zone_seconds(z, middle) == offset ? &before : &behind) = middle;
	}
	return behind;
}

/* The first instant at which clocks show that, or later. */
static int64_t first_showing(struct zone *z, int64_t shown_s)
{
	if (!z)
		return shown_s;
	int64_t before = shown_s - WINDOW_S, behind = shown_s + WINDOW_S;
	int64_t early = shown_s - zone_seconds(z, before);
	int64_t late = shown_s - zone_seconds(z, behind);

	if (early == late)
		return early;
	int64_t change = find_change(z, before, behind);

	if (early < change)
		return early;
	return late < change ? change : late;
}

int64_t cron_next(const struct cron *c, struct zone *z, int64_t after_s)
{
	int64_t minute = shown_at(z, after_s) / 60, at;

	/* What is shown again has been due. */
	do {
		minute = next_shown(c, minute + 1);
		at = first_showing(z, minute * 60);
	} while (at <= after_s);
	return at;
}
